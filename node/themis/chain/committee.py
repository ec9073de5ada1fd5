"""A committee on the chain: implements the `Committee` port."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from themis.chain.abi import Log, address
from themis.chain.contracts import COMMITTEE
from themis.chain.logs import LogReader
from themis.chain.rpc import Call, Rpc, RpcError
from themis.core.assembly import Assembly, Seat
from themis.core.errors import Unavailable
from themis.core.recourse import Round
from themis.core.types import Address, Hash32

Asked = tuple[str, Sequence[Any]]
"""A view function and its arguments."""

_STAKE: Final = 0
_ENDPOINT: Final = 5
"""Their places in `Member`."""
_ROUNDS: Final = ("RoundOpened", "Committed", "Revealed", "Fined")
"""Events that make a round."""


class RpcCommittee:
    """One committee, behind one endpoint or several."""

    def __init__(self, rpc: Rpc, committee: Address) -> None:
        self._rpc, self._to = rpc, "0x" + committee.hex()
        self._logs = LogReader(rpc)

    def assembly(self) -> Assembly:
        (rules,), (accounts,) = self._read([("rules", ()), ("members", ())])
        found = self._read([(view, (account,)) for account in accounts for view in ("memberOf", "isSigning")])
        seats = {}
        for account, (member,), (signing,) in zip(accounts, found[::2], found[1::2], strict=True):
            seats[address(account)] = Seat(address(account), member[_ENDPOINT], signing, int(member[_STAKE]))
        quorum, _, window_s, _, _, fine_wei = rules
        return Assembly(quorum, seats, window_s, fine_wei)

    def stake_wei(self, member: Address) -> int:
        ((found,),) = self._read([("memberOf", (member,))])
        return int(found[_STAKE])

    def rounds(self, requests: Sequence[Hash32], first_block: int) -> dict[Hash32, Round]:
        query = {"address": self._to, "topics": [["0x" + COMMITTEE.topic(event).hex() for event in _ROUNDS]]}
        found: dict[Hash32, Round] = {}
        for raw in self._logs.since(query, first_block)[1]:
            log = COMMITTEE.log([bytes.fromhex(t[2:]) for t in raw["topics"]], bytes.fromhex(raw["data"][2:]))
            if log is not None and log.values["id"] in requests:
                _tell(found, Hash32(log.values["id"]), log)
        return found

    def _read(self, asked: Sequence[Asked]) -> list[tuple[Any, ...]]:
        calls: list[Call] = [
            ("eth_call", [{"to": self._to, "data": "0x" + COMMITTEE.call(view, *arguments).hex()}, "latest"])
            for view, arguments in asked
        ]
        results = self._rpc.agreed(calls) if calls else []
        return [self._decoded(view, result) for (view, _), result in zip(asked, results, strict=True)]

    def _decoded(self, view: str, result: Any) -> tuple[Any, ...]:
        if isinstance(result, RpcError):
            raise Unavailable(f"the committee {self._to} cannot be read: the RPC refused {result}: {result.advice}")
        try:
            return COMMITTEE.result(view, bytes.fromhex(result[2:]))
        except ValueError as error:
            raise Unavailable(f"what answers at {self._to} is no committee: correct committee.address") from error


def _tell(rounds: dict[Hash32, Round], id_: Hash32, log: Log) -> None:
    """What an event adds to its round. One whose beginning is not shown yet is left for the next look."""
    values = log.values
    if log.event == "RoundOpened":
        rounds[id_] = Round(values["revealsFrom"], values["revealsTo"])
    if id_ not in rounds:
        return
    round_, committed = rounds[id_], dict(rounds[id_].committed)
    match log.event:
        case "Committed":
            committed[address(values["member"])] = Hash32(values["commitment"])
            rounds[id_] = replace(round_, committed=committed)
        case "Revealed":
            member = address(values["member"])
            committed.pop(member, None)
            revealed = {**round_.revealed, member: Hash32(values["resultHash"])}
            rounds[id_] = replace(round_, committed=committed, revealed=revealed)
        case "Fined":
            committed.pop(address(values["member"]), None)
            rounds[id_] = replace(round_, committed=committed)

"""A committee on the chain: implements the `Committee` port."""

from collections.abc import Sequence
from typing import Any, Final

from themis.chain.abi import address
from themis.chain.contracts import COMMITTEE
from themis.chain.rpc import Call, Rpc, RpcError
from themis.core.assembly import Assembly, Seat
from themis.core.errors import Unavailable
from themis.core.types import Address

Asked = tuple[str, Sequence[Any]]
"""A view function and its arguments."""

_ENDPOINT: Final = 5
"""Its place in `Member`."""


class RpcCommittee:
    """One committee, behind one endpoint or several."""

    def __init__(self, rpc: Rpc, committee: Address) -> None:
        self._rpc, self._to = rpc, "0x" + committee.hex()

    def assembly(self) -> Assembly:
        (rules,), (accounts,) = self._read([("rules", ()), ("members", ())])
        found = self._read([(view, (account,)) for account in accounts for view in ("memberOf", "isSigning")])
        seats = {}
        for account, (member,), (signing,) in zip(accounts, found[::2], found[1::2], strict=True):
            seats[address(account)] = Seat(address(account), member[_ENDPOINT], signing)
        return Assembly(rules[0], seats)

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

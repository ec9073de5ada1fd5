"""Committees as anybody sees them: rules, members, and what became of what they were asked, from the chain alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from themis.chain.abi import Artifact, Log, address
from themis.chain.client import ContractDenied, OracleClient
from themis.chain.contracts import COMMITTEE, FACTORY, decode_order, decode_request
from themis.chain.logs import LogReader
from themis.chain.rpc import Call, RpcError
from themis.chain.transact import denied
from themis.core.errors import Misconfigured
from themis.core.types import Address, Hash32

ANSWERS: Final = ("Answered", "AnsweredMany")
"""Events of a committee that name signers."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Field for field `Rules` in ICommittee.sol."""

    threshold: int
    max_royalty_bps: int
    window_s: int
    unbonding_s: int
    stake_wei: int
    fine_wei: int


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member, present or past."""

    member: Address
    owner: Address
    stake_wei: int
    release_at_s: int
    """0: it has not left."""
    slashed: bool
    endpoint: str
    signing: bool
    answered: int
    """Answers that it signed."""
    fined: int
    outvoted: int
    """Results that it revealed on chain and that were not the answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a consumer sees of a committee."""

    committee: Address
    rules: Rules
    members: Sequence[MemberRow]
    asked: int
    answered: int
    late: int
    """Asked, and without an answer when the deadline was over."""
    refunded: int

    @property
    def stake_behind_answer_wei(self) -> int:
        return self.rules.stake_wei * self.rules.threshold


class Committees:
    """Those at one oracle."""

    def __init__(self, client: OracleClient, start_block: int) -> None:
        self._client, self._start_block = client, start_block
        self._logs = LogReader(client.rpc)

    def rules(self, committee: Address) -> Rules:
        """Raises Misconfigured for what is no committee."""
        ((rules,),) = self._read(committee, [("rules", ())])
        return Rules(*rules)

    def offers(self, committee: Address) -> int:
        """How many offers were taken: the next one's nonce."""
        ((offers,),) = self._read(committee, [("offers", ())])
        return int(offers)

    def owner_of(self, committee: Address, member: Address) -> Address:
        """Who gets a member's stake and pay; zero for who never was one."""
        (((_, _, _, owner, *_),),) = self._read(committee, [("memberOf", (member,))])
        return address(owner)

    def work_of(self, committee: Address, member: Address) -> tuple[list[Hash32], list[list[Address]]]:
        """The models that a committee was asked about, and each group of signers of answers that a member was in."""
        asked = self._client.logs("Requested", self._start_block, None, committee)
        models = {decode_request(log.values["request"]).model_id: None for log in asked}
        models |= {decode_order(log.values).model_id: None for log in self._orders(committee)}
        groups = {
            tuple(map(address, log.values["signers"])): None
            for log in self._events(COMMITTEE, committee)
            if log.event in ANSWERS
        }
        return list(models), [list(group) for group in groups if member in group]

    def made_by(self, factory: Address) -> list[tuple[Address, Rules]]:
        """Every committee that a factory has made, oldest first."""
        made = [log for log in self._events(FACTORY, factory) if log.event == "CommitteeCreated"]
        return [(address(log.values["committee"]), Rules(*log.values["rules"])) for log in made]

    def seen(self, committee: Address) -> Seen:
        """Raises Misconfigured for what is no committee."""
        rules = self.rules(committee)
        events = self._events(COMMITTEE, committee)
        accounts = list(dict.fromkeys(log.values["member"] for log in events if log.event == "Joined"))
        found = self._read(committee, [(view, (each,)) for each in accounts for view in ("memberOf", "isSigning")])
        signed = Counter(
            signer
            for log in events
            for signer in log.values.get("signers", ()) * log.values.get("answered", 1)
            if log.event in ANSWERS
        )
        fined = Counter(log.values["member"] for log in events if log.event == "Fined")
        requests = self._client.logs("Requested", self._start_block, None, committee)
        deadlines_s = {log.values["id"]: decode_request(log.values["request"]).deadline_s for log in requests}
        ordered = len(self._orders(committee))
        answers = self._client.logs("Fulfilled", self._start_block, None, committee)
        results = {log.values["id"]: log.values["resultHash"] for log in answers}
        refunded = {log.values["id"] for log in self._client.logs("Refunded", self._start_block)} & deadlines_s.keys()
        now_s = self._client.now_s()
        late = {id_ for id_, deadline_s in deadlines_s.items() if deadline_s < now_s} - results.keys()
        revealed = [log.values for log in events if log.event == "Revealed"]
        outvoted = Counter(
            said["member"] for said in revealed if results.get(said["id"], said["resultHash"]) != said["resultHash"]
        )
        rows = []
        for each, (member,), (signing,) in zip(accounts, found[::2], found[1::2], strict=True):
            stake_wei, release_at_s, slashed, owner, _, endpoint = member
            counted = signed[each], fined[each], outvoted[each]
            whose = address(each), address(owner), stake_wei, release_at_s, slashed
            rows.append(MemberRow(*whose, endpoint, signing, *counted))
        asked, answered = len(deadlines_s) + ordered, len(results) + ordered
        return Seen(committee, rules, rows, asked, answered, len(late), len(refunded))

    def _orders(self, committee: Address) -> list[Log]:
        """Those that it has answered: of others the chain knows nothing."""
        return self._client.logs("OrderFulfilled", self._start_block, None, committee)

    def _events(self, artifact: Artifact, contract: Address) -> list[Log]:
        raws = self._logs.read({"address": "0x" + contract.hex()}, self._start_block)
        decoded = (
            artifact.log([bytes.fromhex(t[2:]) for t in raw["topics"]], bytes.fromhex(raw["data"][2:])) for raw in raws
        )
        return [log for log in decoded if log is not None]

    def _read(self, committee: Address, asked: Sequence[tuple[str, Sequence[Any]]]) -> list[tuple[Any, ...]]:
        to = "0x" + committee.hex()
        calls: list[Call] = [
            ("eth_call", [{"to": to, "data": "0x" + COMMITTEE.call(view, *arguments).hex()}, "latest"])
            for view, arguments in asked
        ]
        results = self._client.rpc.agreed(calls) if calls else []
        try:
            return [_decoded(view, result) for (view, _), result in zip(asked, results, strict=True)]
        except (ValueError, ContractDenied) as error:
            raise Misconfigured(f"there is no committee at {to}: correct its address") from error


def _decoded(view: str, result: Any) -> tuple[Any, ...]:
    if isinstance(result, RpcError):
        raise denied(result)
    return COMMITTEE.result(view, bytes.fromhex(result[2:]))

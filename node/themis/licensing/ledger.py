"""Who was credited how much for which request: the contract's own arithmetic, over its events in chain order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from themis.chain.abi import Log, address
from themis.chain.contracts import decode_request
from themis.core.canonical import grant_of_words
from themis.core.modes import Mode, mode_of
from themis.core.types import Address, Hash32, Request, Role, UseClass

EVENTS: Final = (
    "ModelRegistered",
    "LicensorTransferred",
    "TermsPublished",
    "GrantActivated",
    "Delegated",
    "ActingFor",
    "Requested",
    "Fulfilled",
    "Refunded",
)
_BPS: Final = 10_000


class Source(StrEnum):
    """What a credit is for."""

    REQUESTERS_ROYALTY = "royalty of the requester's grant"
    OPERATORS_ROYALTY = "royalty of the operator's grant"
    ANSWER = "answer"
    REFUND = "refund"


ROYALTIES: Final = frozenset((Source.REQUESTERS_ROYALTY, Source.OPERATORS_ROYALTY))


@dataclass(frozen=True, slots=True)
class Credit:
    """What one account was credited for one request. Smallest units of `token` (zero: ether)."""

    account: Address
    request_id: Hash32
    model_id: Hash32
    token: Address
    source: Source
    amount: int
    block: int


@dataclass(slots=True)
class Ledger:
    """The state that credits depend on. Open requests only: a settled one is forgotten."""

    _licensors: dict[Hash32, Address] = field(default_factory=dict)
    _policies: dict[tuple[Hash32, int], int] = field(default_factory=dict)
    _grants: dict[tuple[Hash32, Address], tuple[int, Address]] = field(default_factory=dict)
    """Of operators: royalty (bps) and payee (zero: the licensor) of the newest."""
    _delegates: set[tuple[Address, Address]] = field(default_factory=set)
    _acts_for: dict[Address, Address] = field(default_factory=dict)
    _open: dict[Hash32, Request] = field(default_factory=dict)

    def credits(self, log: Log, block: int) -> list[Credit]:
        """Take the next event; what it credited, nothing left out but zeros."""
        match log.event:
            case "Requested":
                self._open[Hash32(log.values["id"])] = decode_request(log.values["request"])
            case "Fulfilled" | "Refunded":
                id_ = Hash32(log.values["id"])
                request = self._open.pop(id_)
                split = self._paid(request) if log.event == "Fulfilled" else _refunded(request)
                made = (
                    Credit(account, id_, request.model_id, request.token, source, amount, block)
                    for account, source, amount in split
                )
                return [credit for credit in made if credit.amount]
            case "Delegated" | "ActingFor":
                self._delegated(log)
            case _:
                self._licensed(log)
        return []

    def _paid(self, request: Request) -> Iterator[tuple[Address, Source, int]]:
        """As `_settle` of InferenceOracle.sol: royalties are rounded down, the rest is the operator's."""
        requesters = request.fee * request.royalty_bps // _BPS
        royalty_bps, pay_to = self._operators_grant(request)
        operators = request.fee * royalty_bps // _BPS
        yield request.pay_to, Source.REQUESTERS_ROYALTY, requesters
        yield pay_to, Source.OPERATORS_ROYALTY, operators
        yield request.operator, Source.ANSWER, request.fee - requesters - operators

    def _operators_grant(self, request: Request) -> tuple[int, Address]:
        """Of the account itself if it ever had one, otherwise of the licensee that it acts for. It was not revoked."""
        model_id, licensor = request.model_id, self._licensors[request.model_id]
        policy = self._policies[model_id, request.terms_version]
        if mode_of(policy, Role.OPERATOR, UseClass.COMMERCIAL) is not Mode.GRANT:
            return 0, licensor
        licensee = request.operator
        if (model_id, licensee) not in self._grants:
            principal = self._acts_for.get(licensee)
            licensee = principal if principal is not None and (principal, licensee) in self._delegates else licensee
        royalty_bps, pay_to = self._grants.get((model_id, licensee), (0, licensor))
        return royalty_bps, pay_to if any(pay_to) else licensor

    def _licensed(self, log: Log) -> None:
        values, model_id = log.values, Hash32(log.values["modelId"])
        match log.event:
            case "ModelRegistered":
                self._licensors[model_id] = address(values["licensor"])
            case "LicensorTransferred":
                self._licensors[model_id] = address(values["to"])
            case "TermsPublished":
                self._policies[model_id, values["version"]] = values["policy"]
            case "GrantActivated":
                grant = grant_of_words(values["grant"])
                if grant.role is Role.OPERATOR:
                    self._grants[model_id, grant.licensee] = (grant.royalty_bps, grant.pay_to)

    def _delegated(self, log: Log) -> None:
        hot_key, licensee = address(log.values["hotKey"]), address(log.values["licensee"])
        if log.event == "ActingFor":
            self._acts_for[hot_key] = licensee
        elif log.values["allowed"]:
            self._delegates.add((licensee, hot_key))
        else:
            self._delegates.discard((licensee, hot_key))


def _refunded(request: Request) -> Iterator[tuple[Address, Source, int]]:
    yield request.requester, Source.REFUND, request.fee

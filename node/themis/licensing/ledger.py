"""Who was credited how much for which request: the contract's own arithmetic, over its events in chain order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from themis.chain.abi import Log, address
from themis.chain.contracts import decode_order, decode_request
from themis.core.types import Address, Hash32, Request, Role

EVENTS: Final = ("Requested", "Fulfilled", "OrderFulfilled", "RoyaltyPaid", "Refunded")
_BPS: Final = 10_000


class Source(StrEnum):
    """What a credit is for."""

    REQUESTERS_ROYALTY = "royalty of the requester's grant"
    OPERATORS_ROYALTY = "royalty of the operator's grant"
    ANSWER = "answer"
    REFUND = "refund"


ROYALTIES: Final = frozenset((Source.REQUESTERS_ROYALTY, Source.OPERATORS_ROYALTY))
_ROYALTY_OF: Final = {Role.REQUESTER: Source.REQUESTERS_ROYALTY, Role.OPERATOR: Source.OPERATORS_ROYALTY}


@dataclass(frozen=True, slots=True)
class Till:
    """Where earnings stay until they are collected: one for an operator, a model and a token."""

    token: Address
    model_id: Hash32
    operator: Address


@dataclass(frozen=True, slots=True)
class Credit:
    """What one account was credited for one request. Smallest units of `token` (zero: ether)."""

    account: Address | None
    """None: the model's licensor on the day it is collected."""
    request_id: Hash32
    model_id: Hash32
    token: Address
    source: Source
    amount: int
    block: int
    requester: Address
    till: Till | None = None
    """Where it waits to be collected; None: it was credited at once."""


@dataclass(slots=True)
class Ledger:
    """The state that credits depend on. Open requests only: a settled one is forgotten."""

    _open: dict[Hash32, Request] = field(default_factory=dict)
    _elsewhere: dict[Hash32, list[Log]] = field(default_factory=dict)
    """Royalties with a payee of their own: they are logged before the answer that they are for."""

    def credits(self, log: Log, block: int) -> list[Credit]:
        """Take the next event; what it credited, nothing left out but zeros."""
        id_ = Hash32(log.values["id"])
        match log.event:
            case "Requested":
                self._open[id_] = decode_request(log.values["request"])
                return []
            case "RoyaltyPaid":
                self._elsewhere.setdefault(id_, []).append(log)
                return []
            case "OrderFulfilled":
                request = decode_order(log.values)
                royalties = log.values["requestersBps"], log.values["operatorsBps"]
                split = self._paid(id_, request, royalties)
            case "Fulfilled":
                request = self._open.pop(id_)
                split = self._paid(id_, request, (request.royalty_bps, log.values["royaltyBps"]))
            case _:
                request = self._open.pop(id_)
                split = _refunded(request)
        made = (
            Credit(account, id_, request.model_id, request.token, source, amount, block, request.requester, till)
            for account, source, amount, till in split
        )
        return [credit for credit in made if credit.amount]

    def _paid(
        self, id_: Hash32, request: Request, royalties_bps: tuple[int, int]
    ) -> Iterator[tuple[Address | None, Source, int, Till | None]]:
        """As `_settle` of InferenceOracle.sol: royalties are rounded down, the rest is the operator's.

        `royalties_bps`: of the requester's grant, and of the operator's.
        """
        till = Till(request.token, request.model_id, request.operator)
        payees = {Role(each.values["role"]): address(each.values["payTo"]) for each in self._elsewhere.pop(id_, ())}
        rest = request.fee
        for role, royalty_bps in zip((Role.REQUESTER, Role.OPERATOR), royalties_bps, strict=True):
            amount = request.fee * royalty_bps // _BPS
            rest -= amount
            yield payees.get(role), _ROYALTY_OF[role], amount, None if role in payees else till
        yield request.operator, Source.ANSWER, rest, till


def _refunded(request: Request) -> Iterator[tuple[Address | None, Source, int, Till | None]]:
    yield request.requester, Source.REFUND, request.fee, None

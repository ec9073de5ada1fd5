"""What an answer may cost: EIP-1559 fees, replacement, gas limits. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from themis.core.types import Request

GWEI: Final = 10**9

CANCEL_GAS: Final = 21_000
"""An empty transaction to oneself."""

ANSWER_GAS: Final = 100_000
"""What one answer costs, roughly: balances are shown in answers."""
LOW_BALANCE_ANSWERS: Final = 20
"""A balance that pays for fewer deserves the operator's attention."""

_FULFILL_GAS: Final = 170_000
"""Above the dearest fulfillment without callback: first credits to two parties (contracts/snapshots/gas.json)."""
_CALL_OVERHEAD_GAS: Final = 10_000
_GAS_PER_OUTPUT_BYTE: Final = 60
"""EIP-7623's floor of 40 and the log's 8, with room."""
_COMMITTEE_GAS: Final = 60_000
"""Above what a committee adds to an answer: its call, the group's first earnings."""
_GAS_PER_SIGNATURE: Final = 30_000
"""Above what it takes to recover a signer, read its stake, and ask for its license."""
_COMMITTEE_USES: Final = 21_000
_SIGNATURE_USES: Final = 12_300
"""What a committee's call and each signature in it add to an answer (contracts/snapshots/gas.json: to orders most)."""
_ORDER_GAS: Final = 30_000
"""What answering an order costs beside answering a request, roughly: it is asked, signed and paid there too."""
_ORDER_LIMIT_GAS: Final = 130_000
"""Above the dearest: a first lane, first uses of both grants, 80,000 for the contract of a wallet that signed."""
_BUMP_PERCENT: Final = 25
_BPS: Final = 10_000
_LEAST_BUMP_PERMILLE: Final = 125
"""Clients ask for 10 %, some for 12.5, before they replace a transaction."""


@dataclass(frozen=True, slots=True)
class Market:
    """What the chain asks for a unit of gas now. Wei."""

    base_fee_wei: int | None
    """Of the newest block; None on a chain without one (before EIP-1559)."""
    tip_wei: int
    """What it suggests beside it; the whole price where there is no base fee."""

    @property
    def price_wei(self) -> int:
        """What a unit costs in the next block, about."""
        return (self.base_fee_wei or 0) + self.tip_wei


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559: what is paid per gas at most, and of that to the proposer. Wei."""

    max_fee_wei: int
    priority_fee_wei: int
    typed: bool = True
    """False: both are the one gas price of a type 0 transaction."""

    def outpriced(self, market: Market) -> bool:
        """Whether the next block would rather take others."""
        return self.max_fee_wei < (market.base_fee_wei or 0) + (self.priority_fee_wei if self.typed else 0)


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """The operator's limits. Wei per gas."""

    cap_wei: int
    priority_fee_wei: int
    """The least tip: what the chain suggests beyond it is paid, within the cap."""

    def quote(self, market: Market) -> Fees:
        """Fees that hold while the base fee doubles (six full blocks), within the cap."""
        tip = max(self.priority_fee_wei, market.tip_wei)
        if market.base_fee_wei is None:
            price = min(tip, self.cap_wei)
            return Fees(price, price, typed=False)
        max_fee = min(2 * market.base_fee_wei + tip, self.cap_wei)
        return Fees(max_fee, min(tip, max_fee))

    def price_wei(self, market: Market) -> int:
        """What a unit of gas will cost, about: the base fee and the tip, within the cap."""
        fees = self.quote(market)
        return min(fees.max_fee_wei, (market.base_fee_wei or 0) + fees.priority_fee_wei)

    def bump(self, last: Fees, market: Market) -> Fees | None:
        """Fees a client accepts as a replacement of `last`, up to the cap; None where it leaves no room."""
        fresh = self.quote(market)
        max_fee = min(max(_raised(last.max_fee_wei), fresh.max_fee_wei), self.cap_wei)
        tip = min(max(_raised(last.priority_fee_wei), fresh.priority_fee_wei), max_fee)
        if not fresh.typed:
            tip = max_fee
        if max_fee < _least(last.max_fee_wei) or tip < _least(last.priority_fee_wei):
            return None
        return Fees(max_fee, tip, fresh.typed)


def answers_paid(balance_wei: int, fees: Fees) -> int:
    """About how many answers a balance pays for."""
    return balance_wei // max(1, fees.max_fee_wei * ANSWER_GAS)


def gross(net: int, royalty_bps: int) -> int:
    """The least fee of which so much is left after a royalty, rounded down as the contract does. Smallest units."""
    fee = -(-net * _BPS // (_BPS - royalty_bps))
    while fee > net and (fee - 1) - (fee - 1) * royalty_bps // _BPS >= net:
        fee -= 1
    return fee


def fulfill_gas(request: Request, output: bytes, signatures: int = 0, *, ordered: bool = False) -> int:
    """Gas limit of a fulfillment: the contract reverts unless it can hand the callback all its gas (EIP-150).

    `signatures`: of the members through whose committee it goes; 0 where it goes straight to the oracle.
    """
    more = signatures and _COMMITTEE_GAS + _GAS_PER_SIGNATURE * signatures
    more += _ORDER_LIMIT_GAS if ordered else 0
    return _FULFILL_GAS + more + _callback_gas(request) + _GAS_PER_OUTPUT_BYTE * len(output)


def together_gas(gases: Sequence[int]) -> int:
    """Gas limit of several fulfillments in one transaction, from that of each: a call passes on 63/64 (EIP-150)."""
    total = sum(gases)
    return total if len(gases) == 1 else total + total // 63


def answer_gas(request: Request, output_bytes: int, signatures: int = 0, *, ordered: bool = False) -> int:
    """What an answer uses, about, where the callback uses all that it may."""
    order = _ORDER_GAS if ordered else 0
    return usual_gas(signatures) + order + _callback_gas(request) + _GAS_PER_OUTPUT_BYTE * output_bytes


def usual_gas(signatures: int = 0) -> int:
    """What an answer uses, about, that has no callback and that so many members of a committee have signed."""
    return ANSWER_GAS + committee_gas(signatures)


def committee_gas(signatures: int) -> int:
    """What that committee adds to it; 0 where there is none."""
    return signatures and _COMMITTEE_USES + _SIGNATURE_USES * signatures


def _callback_gas(request: Request) -> int:
    return request.callback_gas and request.callback_gas + request.callback_gas // 63 + _CALL_OVERHEAD_GAS


def _raised(wei: int) -> int:
    return wei + wei * _BUMP_PERCENT // 100 + 1


def _least(wei: int) -> int:
    return wei + -(-wei * _LEAST_BUMP_PERMILLE // 1_000)

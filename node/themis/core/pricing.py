"""What an answer is worth, what it costs, and what becomes of a request that pays less. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from themis.core.fees import FeePolicy, Market, answer_gas
from themis.core.job import Job
from themis.core.types import ETHER, Address, Request

_DEVELOPMENT: Final = frozenset((1_337, 5_777, 31_337))
"""Chain ids of Anvil, Ganache and Hardhat, on which ether costs nothing."""
_BPS: Final = 10_000
_PERCENT: Final = 100


class Rule(StrEnum):
    """What becomes of a request whose fee does not pay for its answer."""

    FREE = "free"
    """It is answered all the same."""
    WAIT = "wait"
    """It waits until gas is cheap enough, up to its deadline; one without fee is refused."""
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Pricing:
    """The operator's rule and margin, and what tokens are worth."""

    rule: Rule
    margin_percent: int = 0
    token_wei: Mapping[Address, Decimal] = field(default_factory=dict)
    """Wei for the smallest unit of a token. One that is not here counts as worth nothing."""

    def worth_wei(self, request: Request) -> int:
        """What the operator gets for an answer: the fee less the royalty."""
        fee = Decimal(request.fee) * (1 if request.token == ETHER else self.token_wei.get(request.token, 0))
        return int(fee * (_BPS - request.royalty_bps) / _BPS)

    def needed_wei(self, gas: int, price_wei: int) -> int:
        """What an answer of so much gas must earn."""
        return gas * price_wei * (_PERCENT + self.margin_percent) // _PERCENT

    def lacking(
        self, job: Job, output_bytes: int, fees: FeePolicy, market: Market, *, least_gas: int = 0, signatures: int = 0
    ) -> str:
        """Why the fee does not pay for an answer of that size now, in words; empty where it does, or need not.

        `least_gas`: what the chain said that it takes; 0: it was not asked. `signatures`: of a committee's members. Who
        sends pays for all of it and shares the fee with those who signed; as all take their turns, that evens out.
        """
        if self.rule is Rule.FREE:
            return ""
        request = job.priced
        worth = self.worth_wei(request)
        gas = max(least_gas, answer_gas(request, output_bytes, signatures, ordered=job.ordered))
        price = fees.price_wei(market)
        needed = self.needed_wei(gas, price)
        if worth >= needed:
            return ""
        unknown = request.token != ETHER and request.token not in self.token_wei
        said = f"its fee is worth {worth} wei to the operator, the answer costs {needed} (gas {gas} at {price} wei, "
        advice = f"; set fees.token_wei for 0x{request.token.hex()}" if unknown else ""
        return f"{said}margin {self.margin_percent} %){advice}"


def default_rule(chain_id: int) -> Rule:
    """Everything on a development chain, nothing at a loss on any other."""
    return Rule.FREE if chain_id in _DEVELOPMENT else Rule.WAIT

"""Whether an answer on the chain is what its model says: equal, or different from which byte on."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Final

from themis.bundles.bundle import Bundle
from themis.chain.client import OracleClient
from themis.config import Config
from themis.core import listing
from themis.core.errors import Reason, Refused, Unavailable
from themis.engine.apart import Limits
from themis.replay import holdings, rerun
from themis.replay.history import Exchange, History, InputOf
from themis.replay.holdings import Holdings

_CODE: Final = frozenset({Reason.NO_CODE, Reason.CODE_CHANGED})
_NEVER_ANSWERED: Final = _CODE | {Reason.INVALID_INPUT}
"""Refusals that every honest node repeats: they follow from the chain and the bundle alone."""


class Outcome(StrEnum):
    EQUAL = "equal"
    DIFFERS = "differs"
    UNANSWERABLE = "unanswerable"
    """The model says nothing to that input, so no answer can be its own."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer, run again."""

    exchange: Exchange
    bundle: Bundle
    outcome: Outcome
    computed: bytes | None
    """What the model says here; None where it says nothing."""
    first_difference: int | None
    """The first byte, from 0, in which the two differ, or that only one has."""
    detail: str
    """Why the model says nothing."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Answers of one oracle, held against the bundles on this machine."""

    client: OracleClient
    history: History
    holdings: Holdings
    limits: Limits

    def verify(self, said: str) -> list[Verdict]:
        """Run again what a transaction or a request's id names. Raises as `History.called` and `rerun.answers`."""
        return [self.run_again(exchange) for exchange in self.history.called(said)]

    def run_again(self, exchange: Exchange) -> Verdict:
        """Raises as `rerun.answers`."""
        asked, answered = exchange.requested, exchange.fulfilled
        model_id = asked.request.model_id
        bundle = self.holdings.find(model_id)
        rerun.require_exact(bundle)
        inputs = listing.questions(asked.request, asked.input)
        try:
            asked_at = asked.at.block
            outputs = rerun.answers(self.client, bundle, model_id, inputs, asked_at=asked_at, limits=self.limits)
        except Refused as refused:
            if exchange.ordered and refused.reason in _CODE:
                raise Unavailable(
                    f"{refused.detail}: an order was taken before the block of its answer, and the code that it names "
                    "is not there any more"
                ) from refused
            if refused.reason not in _NEVER_ANSWERED:
                raise
            return Verdict(exchange, bundle, Outcome.UNANSWERABLE, None, None, str(refused))
        computed = listing.result_root(inputs, outputs) if asked.request.items else outputs[0]
        place = first_difference(answered.output, computed)
        outcome = Outcome.EQUAL if place is None else Outcome.DIFFERS
        return Verdict(exchange, bundle, outcome, computed, place, "")


def of_home(
    client: OracleClient, home: Path, config: Config, input_of: InputOf, bundles: Iterable[Path] = ()
) -> Verifier:
    """Answers of the oracle that a home uses, held against its bundles and some more."""
    held = holdings.of_home(client, home, config, bundles)
    history = History(client, config.chain.start_block, input_of)
    return Verifier(client, history, held, rerun.limits_of(config.engine))


def first_difference(one: bytes, other: bytes) -> int | None:
    """The first byte in which they differ, or that only one has; None where they are equal."""
    pairs = enumerate(zip_longest(one, other))
    return next((place for place, (left, right) in pairs if left != right), None)

"""Watches live answers after a change, and takes the change back where it made them slower.

Each call is set against what the tuning before took for requests of that size, by the journal. Where calls are slower
with confidence, either the change is at fault or the machine is busier than it was: both tunings then answer the last
requests in turn, and only if the one before is faster, with confidence, is it put back.
"""

import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from themis.core.errors import Misconfigured
from themis.core.types import Hash32
from themis.engine.engine import OnnxEngine, Timing
from themis.engine.runner import Answerer, Work
from themis.engine.tuning import differences
from themis.optimize import journal, paired
from themis.optimize.evidence import Bet
from themis.optimize.journal import Change
from themis.optimize.paired import Timed, Verdict
from themis.optimize.records import RolledBack

MARGIN: Final = math.log(1.1)
"""Calls may be a tenth slower than the journal says: it was written on another day."""
RISK: Final = 1e-6
"""Of one needless look at both tunings, in one call."""
_RISK_BACK: Final = 0.01
_REMEMBERED: Final = 32
"""Requests on which both tunings are compared."""
_MOST_BLOCKS: Final = 40

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watch:
    """One model since its newest change."""

    change: Change
    path: Path
    bet: Bet = field(default_factory=lambda: Bet(MARGIN, least=0.0))
    last: deque[tuple[bytes, bytes | None]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Guard:
    """Told about each call of the engine, in the thread that makes it: nothing else asks the model meanwhile."""

    def __init__(
        self,
        engine: OnnxEngine,
        changes: Mapping[Hash32, tuple[Change, Path]],
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._engine = engine
        self._watches = {model_id: _Watch(change, path) for model_id, (change, path) in changes.items()}
        self._now_s = now_s
        engine.observe = self.observe

    def observe(self, model_id: Hash32, work: Work, timing: Timing) -> None:
        """Count one call, and act where it was one too many."""
        if (watch := self._watches.get(model_id)) is None:
            return
        watch.last.extend(work)
        watch.bet.add(math.log(timing.seconds / watch.change.before.expected_s(timing)))
        if watch.bet.log_wealth >= -math.log(RISK):
            watch.bet = Bet(MARGIN, least=0.0)
            self._look(model_id, watch)

    def _look(self, model_id: Hash32, watch: _Watch) -> None:
        change, name = watch.change, self._engine.models()[model_id].name
        log.warning("%s answers slower than before round %d: comparing both tunings", name, change.round)
        work = list(watch.last)
        size = min(len(work), max(1, change.tuning.step))
        pieces = [work[first : first + size] for first in range(0, len(work) - size + 1, size)]
        with closing(self._engine.opened(model_id, change.previous)) as before:
            found = paired.compare(
                self._timed(self._engine.answerer(model_id)),
                self._timed(before),
                pieces,
                risk=_RISK_BACK,
                lot=random.Random(change.round),  # noqa: S311 (an order that anybody may draw again)
                margin=0.0,
                most=_MOST_BLOCKS,
            )
        if found.verdict is not Verdict.FASTER:
            log.warning("%s: the machine is slower than it was, not the tuning; it stays", name)
            return
        detail = f"live answers were slower; the tuning before gives {found.throughput.ratio:.2f} of the throughput"
        try:
            self._engine.retune(model_id, change.previous)
        except Misconfigured as error:
            log.error("%s: the tuning before cannot be put back: %s", name, error)  # noqa: TRY400 (says what to do)
            return
        self._watches.pop(model_id, None)  # two requests may be answered at once
        journal.append(watch.path, RolledBack(time.time(), change.tuning, change.previous, detail))
        log.warning("%s: rolled back round %d (%s): %s", name, change.round, _undone(change), detail)

    def _timed(self, answerer: Answerer) -> Timed[Work]:
        def run(work: Work) -> float:
            start_s = self._now_s()
            answerer.answer(work)
            return self._now_s() - start_s

        return run


def _undone(change: Change) -> str:
    return differences(change.tuning, change.previous)

"""One candidate on trial: right bits first, then speed, then the speed of a request that comes alone."""

import math
import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Final

from themis.bundles.bundle import Bundle
from themis.core import canonical
from themis.core.errors import Broken, Refused
from themis.core.types import Address, Hash32
from themis.engine.engine import Timing, open_model, open_runner
from themis.engine.runner import Answerer
from themis.engine.tuning import RUNTIME_DEFAULTS, Tuning
from themis.optimize import pace, paired
from themis.optimize.evidence import Interval
from themis.optimize.gate import Gate, pieces
from themis.optimize.paired import Comparison, Timed, Verdict
from themis.optimize.records import CPU, MODEL_PART, REQUEST_PART, WALL, Outcome
from themis.optimize.space import Move, in_model
from themis.optimize.traffic import Request, Traffic

PIECE: Final = 16
"""Requests that are timed at once, at least."""
REFERENCE_BLOCKS: Final = 12
_LATER: Final = math.log(1.25)
"""A request that comes alone may take so much longer for the sake of throughput."""
_RISK_ALONE: Final = 0.05
_CLOCKS: Final = {CPU: time.process_time, WALL: time.perf_counter}
_NOWHERE: Final = Address(bytes(20))
_NOBODY: Final = Hash32(bytes(32))

Running = tuple[Answerer, Tuning]
"""A model, and how it is run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """About one candidate."""

    outcome: Outcome
    detail: str
    comparison: Comparison | None = None
    against_runtime: Interval | None = None
    before: pace.Pace | None = None


@dataclass(slots=True)
class Court:
    """Knows the right answers, and what is asked."""

    bundle: Bundle
    traffic: Traffic
    _gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        """Raises Misconfigured when the untuned model does not give its golden answers here."""
        self._gate = Gate(self.bundle, self.traffic)

    def examine(
        self, incumbent: Running, candidate: Running, moves: tuple[Move, ...], *, risk: float, seed: int
    ) -> Finding:
        """`risk`: how probable it may be that a candidate is kept which is no faster. `seed`: of the order by lot."""
        try:
            if complaint := self._gate.complaint(*candidate):
                return Finding(Outcome.REFUSED, complaint)
        except (Broken, Refused) as error:
            return Finding(Outcome.REFUSED, str(error))
        tunings = incumbent[1], candidate[1]
        lot = random.Random(seed)  # noqa: S311 (an order that anybody may draw again)
        now_s = _CLOCKS[clock_of(*tunings)]
        old, new = timed(*incumbent, now_s), timed(*candidate, now_s)
        if part_of(moves) == MODEL_PART:
            comparison = self._compare_models(*tunings, risk, lot)
        else:
            comparison = paired.compare(old, new, self._parts(*tunings), risk=risk, lot=lot)
        if comparison.verdict is not Verdict.FASTER:
            return Finding(Outcome(str(comparison.verdict)), "", comparison)
        alone = paired.compare(new, old, pieces(self.traffic.work, 1), risk=_RISK_ALONE, lot=lot, margin=_LATER)
        if alone.verdict is Verdict.FASTER:
            return Finding(Outcome.LATE, f"alone at {1 / alone.throughput.ratio:.2f} of the speed", comparison)
        return Finding(Outcome.KEPT, "", comparison, self.against_runtime(*candidate), self._pace(*incumbent))

    def _compare_models(self, old: Tuning, new: Tuning, risk: float, lot: random.Random) -> Comparison:
        """The model alone, on the runs that the traffic's steps make: what is around it would blur the difference."""
        parts = self._parts(old, new)
        now_s = _CLOCKS[clock_of(old, new)]
        incumbent, candidate = (rehearsed(self.bundle, tuning, parts, now_s) for tuning in (old, new))
        return paired.compare(incumbent, candidate, range(len(parts)), risk=risk, lot=lot)

    def against_runtime(self, answerer: Answerer, tuning: Tuning) -> Interval:
        """Throughput over ONNX Runtime's defaults, both from bytes to result hash."""
        work = self._parts(tuning)
        with closing(open_model(self.bundle, RUNTIME_DEFAULTS)) as runtime:
            old, new = timed(runtime, RUNTIME_DEFAULTS), timed(answerer, tuning)
            old(work[0])
            lot = random.Random(0)  # noqa: S311
            return paired.measure(old, new, work, blocks=REFERENCE_BLOCKS, lot=lot)

    def _parts(self, *tunings: Tuning) -> list[list[Request]]:
        """What is timed at once. A decoder's requests come alone and take long enough."""
        least = 1 if self.bundle.manifest.generation else PIECE
        return pieces(self.traffic.work, max([least, *(tuning.step for tuning in tunings)]))

    def _pace(self, answerer: Answerer, tuning: Tuning) -> pace.Pace:
        work = cycle(self.traffic.work)

        def answer(requests: int) -> Timing:
            part = list(islice(work, requests))
            start = time.perf_counter()
            tokens = answerer.answer(part).tokens
            return Timing(requests, tokens, time.perf_counter() - start)

        return pace.measured(answer, max(2, tuning.step), len(self.traffic.work))


def part_of(moves: tuple[Move, ...]) -> str:
    """What is timed."""
    return MODEL_PART if in_model(moves) else REQUEST_PART


def clock_of(old: Tuning, new: Tuning) -> str:
    """What it is timed by."""
    return CPU if old.sequential and new.sequential else WALL


def rehearsed(
    bundle: Bundle, tuning: Tuning, parts: Sequence[Sequence[Request]], now_s: Callable[[], float]
) -> Timed[int]:
    """Times the model alone on one of the parts, in one session of this process."""
    runner = open_runner(bundle, tuning)
    runs = [runner.rehearse(part) for part in parts]

    def run(part: int) -> float:
        start_s = now_s()
        runs[part]()
        return now_s() - start_s

    return run


def timed(
    answerer: Answerer, tuning: Tuning, now_s: Callable[[], float] = time.perf_counter
) -> Timed[Sequence[Request]]:
    """Times requests from bytes to result hash, as the node's loop takes them."""

    def run(work: Sequence[Request]) -> float:
        start_s = now_s()
        for first in range(0, len(work), tuning.step):
            for output in answerer.answer(work[first : first + tuning.step]).outputs:
                canonical.result_hash(_NOBODY, _NOBODY, output, 1, _NOWHERE)
        return now_s() - start_s

    return run

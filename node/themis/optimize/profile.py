"""Analyzes recorded traffic: how large requests are, where their time goes, which operators take it."""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from statistics import median
from typing import Any, Final

from numpy.typing import NDArray

from themis.bundles.bundle import Bundle
from themis.engine import batch, preprocess
from themis.engine.decoder import Session
from themis.engine.generic import Generic
from themis.engine.preprocess import Sample
from themis.engine.tuning import untuned
from themis.exact.session import open_session
from themis.optimize.traffic import Request, Traffic

_MOST_REQUESTS: Final = 64
_WATCHED: Final = 2
"""Answers of a decoder whose operators are timed: each is a run for each token."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What the planner knows before the first round."""

    requests: int
    tokens: tuple[int, int, int]
    """Of a request: fewest, median, most."""
    sequences: tuple[int, int, int]
    steps: Mapping[int, int]
    """How often the node answered so many requests at once."""
    prepare_share: float
    """Of an untuned request's time."""
    run_share: float
    render_share: float
    operators: Mapping[str, float]
    """Share of a run's time, by operator, largest first."""
    padding: float
    """Share of a padded run's cells that hold no token; 0 for models that do not pad."""
    writes: bool = False
    """It is a decoder: one request at a time, token by token."""

    def facts(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "requests": self.requests,
            "tokens": list(self.tokens),
            "sequences": list(self.sequences),
            "steps": {str(size): count for size, count in self.steps.items()},
            "shares": {"prepare": self.prepare_share, "run": self.run_share, "render": self.render_share},
            "operators": dict(self.operators),
            "padding": self.padding,
        }


def profile(bundle: Bundle, traffic: Traffic) -> Profile:
    """Answer some of the traffic untuned, each request alone, and watch."""
    if (schema := bundle.manifest.generation) is not None:
        return _of_decoder(bundle, traffic, schema.tokens)
    prepare = preprocess.find(bundle.manifest.preprocessing).prepare
    work = _sampled(traffic.work)
    start = time.process_time()
    samples = list(starmap(prepare, work))
    prepared_s = time.process_time() - start
    run_s, render_s = _timed(bundle, samples)
    operators = _operators(bundle, samples)
    total_s = prepared_s + run_s + render_s
    lengths = [list(sample.lengths) for sample in samples]
    return Profile(
        requests=len(traffic.work),
        tokens=_spread([sum(each) for each in lengths]),
        sequences=_spread([len(each) for each in lengths]),
        steps=dict(sorted(traffic.steps.items())),
        prepare_share=prepared_s / total_s,
        run_share=run_s / total_s,
        render_share=render_s / total_s,
        operators=operators,
        padding=_padding(lengths) if "L" in bundle.declared.extents else 0.0,
    )


def _sampled(work: Sequence[Request]) -> list[Request]:
    step = max(1, len(work) // _MOST_REQUESTS)
    return list(work[::step])


def _timed(bundle: Bundle, samples: Sequence[Sample]) -> tuple[float, float]:
    """Seconds in the model and after it."""
    session = open_session(bundle.source, untuned(bundle))
    run_s = render_s = 0.0
    for sample in samples:
        feed = batch.collate([sample], bundle.dtypes, bundle.declared)
        start = time.process_time()
        results = session.run(list(bundle.units), feed)
        between = time.process_time()
        batch.take_apart([sample], bundle.units, dict(zip(bundle.units, results, strict=True)))
        run_s, render_s = run_s + between - start, render_s + time.process_time() - between
    return run_s, render_s


def _operators(bundle: Bundle, samples: Sequence[Sample]) -> dict[str, float]:
    """Each operator's share of the model's time, as ONNX Runtime's own profiler sees it."""

    def run(session: Session) -> None:
        for sample in samples:
            session.run(list(bundle.units), batch.collate([sample], bundle.dtypes, bundle.declared))

    return _watched(bundle, run)


def _of_decoder(bundle: Bundle, traffic: Traffic, ids: str) -> Profile:
    reader, watch = Generic(bundle), _Watch(open_session(bundle.source, untuned(bundle)), ids)
    reader.open()
    inputs = [input_ for input_, _ in _sampled(traffic.work)]
    start = time.process_time()
    for input_ in inputs:
        reader.ids(input_)
    prepared = time.process_time()
    tokens = []
    for input_ in inputs:
        watch.tokens = 0
        reader.answer(watch, input_)
        tokens.append(watch.tokens)
    total_s = time.process_time() - prepared
    prepare_s = min(prepared - start, total_s - watch.run_s)
    return Profile(
        requests=len(traffic.work),
        tokens=_spread(tokens),
        sequences=(1, 1, 1),
        steps=dict(sorted(traffic.steps.items())),
        prepare_share=prepare_s / total_s,
        run_share=watch.run_s / total_s,
        render_share=1 - (prepare_s + watch.run_s) / total_s,
        operators=_watched(bundle, lambda session: [reader.answer(session, each) for each in inputs[:_WATCHED]]),
        padding=0.0,
        writes=True,
    )


@dataclass(slots=True)
class _Watch:
    """A decoder's session, and what went through it."""

    session: Session
    ids: str
    """The input that has tokens, one row of them."""
    run_s: float = 0.0
    tokens: int = 0

    def run(self, output_names: list[str], input_feed: dict[str, NDArray[Any]], /) -> list[NDArray[Any]]:
        start = time.process_time()
        found = self.session.run(output_names, input_feed)
        self.run_s += time.process_time() - start
        self.tokens += input_feed[self.ids].shape[1]
        return found


def _watched(bundle: Bundle, work: Callable[[Session], object]) -> dict[str, float]:
    """Each operator's share of the time that some work takes."""
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(bundle.source, untuned(bundle), profile_prefix=str(Path(folder) / "run"))
        work(session)
        events = json.loads(Path(session.end_profiling()).read_text())
    spent: Counter[str] = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"]
    return {name: share / max(1, spent.total()) for name, share in spent.most_common()}


def _spread(values: Sequence[int]) -> tuple[int, int, int]:
    return min(values), int(median(values)), max(values)


def _padding(lengths: Sequence[Sequence[int]]) -> float:
    """All of them in one run."""
    flat = [length for each in lengths for length in each]
    return 1 - sum(flat) / (len(flat) * max(flat))

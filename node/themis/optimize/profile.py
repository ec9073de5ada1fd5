"""Analyzes recorded traffic: how large requests are, where their time goes, which operators take it."""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from statistics import median
from typing import Any, Final

from themis.bundles.bundle import Bundle
from themis.engine import batch, preprocess
from themis.engine.preprocess import Sample
from themis.engine.tuning import DEFAULTS
from themis.exact.session import open_session
from themis.optimize.traffic import Request, Traffic

_MOST_REQUESTS: Final = 64


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


def samples_of(bundle: Bundle, traffic: Traffic) -> list[Sample]:
    """The recorded requests as the model reads them."""
    return list(starmap(preprocess.find(bundle.manifest.preprocessing).prepare, traffic.work))


def _sampled(work: Sequence[Request]) -> list[Request]:
    step = max(1, len(work) // _MOST_REQUESTS)
    return list(work[::step])


def _timed(bundle: Bundle, samples: Sequence[Sample]) -> tuple[float, float]:
    """Seconds in the model and after it."""
    session = open_session(bundle.source, DEFAULTS)
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
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(bundle.source, DEFAULTS, profile_prefix=str(Path(folder) / "run"))
        for sample in samples:
            session.run(list(bundle.units), batch.collate([sample], bundle.dtypes, bundle.declared))
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

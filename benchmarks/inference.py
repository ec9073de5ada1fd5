"""Time per inference: one request at a time and in batches, on a bundle's golden inputs. One JSON object a bundle.

The model itself is asked, behind the answers that an engine keeps: each run is a run.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import onnxruntime

from themis.bundles import bundle
from themis.core.types import Hash32
from themis.engine.engine import OnnxEngine

T = TypeVar("T")
ID: Final = Hash32(bytes(32))
RESULTS: Final = Path(__file__).with_suffix(".json")
MODELS: Final = Path(__file__).parents[1] / "models"


def measure(path: Path, threads: int = 1, repeats: int = 30, batch: int = 32) -> dict[str, Any]:
    """Milliseconds: start (load, roots, lint, self-test, golden answers), one request, a request in a batch."""
    loaded, load_ms = _timed(lambda: bundle.load(path))
    engine, open_ms = _timed(lambda: OnnxEngine({ID: loaded}, threads))
    work = [(golden.input, golden.code) for golden in loaded.golden]
    answer = engine.answerer(ID).answer
    single = [_timed(partial(answer, [one]))[1] for _ in range(repeats) for one in work]
    many = [work[index % len(work)] for index in range(batch)]
    batched = [_timed(partial(answer, many))[1] / batch for _ in range(max(3, repeats // 10))]
    return {
        "model": loaded.name,
        "version": loaded.version,
        "onnxruntime": onnxruntime.__version__,
        "threads": threads,
        "start_ms": round(load_ms + open_ms, 1),
        "single_ms": {"mean": round(statistics.mean(single), 3), "max": round(max(single), 3)},
        "batch": batch,
        "batched_ms": round(statistics.mean(batched), 3),
    }


def _timed(action: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = action()
    return result, (time.perf_counter() - start) * 1_000


def main() -> int:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="*", type=Path, default=sorted(MODELS.glob("*/manifest.toml")))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    bundles = [path.parent if path.is_file() else path for path in arguments.bundles]
    rows = [measure(path, arguments.threads) for path in bundles]
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    for row in rows:
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks.race`: how often ScatterND(add) with repeated indices sums wrongly, by threads.

A data race (microsoft/onnxruntime #18048), so this prints what it sees and proves nothing where it sees none. The
linter refuses the operator.
"""

import json
import sys
from typing import Final

import numpy as np

from themis.exact.graph import Graph, serialize
from themis.exact.session import SessionSettings, open_session

RUNS: Final = 100
UPDATES: Final = 20_000
SHAPE: Final = (64, 512)


def wrong_runs(threads: int) -> int:
    """Of RUNS runs, how many give a sum that is not the sum."""
    rng = np.random.default_rng(1)
    rows, updates = rng.integers(0, SHAPE[0], (UPDATES, 1)), rng.integers(-(2**40), 2**40, (UPDATES, SHAPE[1]))
    expected = np.zeros(SHAPE, np.int64)
    np.add.at(expected, rows[:, 0], updates)
    graph = Graph("race")
    added = graph.input("x", np.int64, ("N", SHAPE[1]))
    graph.output("y", graph.op("ScatterND", np.zeros(SHAPE, np.int64), rows, added, reduction="add"))
    session = open_session(serialize(graph.build()), SessionSettings(threads))
    return sum(not np.array_equal(session.run(None, {"x": updates})[0], expected) for _ in range(RUNS))


def main() -> None:
    found = {f"{threads} threads": wrong_runs(threads) for threads in (1, 2)}
    sys.stdout.write(json.dumps({"runs": RUNS, "wrong": found}) + "\n")


if __name__ == "__main__":
    main()

"""Whole models on real inputs: ONNX Runtime gives what the specification says, however it is run.

`python -m benchmarks.exact_inputs` runs the default model on the 1,000 contracts of tests/vectors/evm_codes.xz: runtime
code of the project's own Solidity templates, compiled with many versions and settings of solc (models/evm-risk-moe).
Every contract alone and in batches of 8, at 1 and 2 threads, at every graph-optimization level. With `--versions` also
under the other versions of ONNX Runtime that `make isa` uses, which it installs.
"""

import argparse
import json
import lzma
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks import isa, isa_machines
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.engine import batch, preprocess
from themis.exact.interpret import interpret
from themis.exact.session import LEVELS, SessionSettings, open_session

ROOT: Final = Path(__file__).parents[1]
CODES: Final = ROOT / "tests" / "vectors" / "evm_codes.xz"
RISK: Final = ROOT / "models" / "evm-risk-moe"
THREADS: Final = (1, 2)
BATCH: Final = 8
Feed = dict[str, NDArray[Any]]


def codes() -> list[bytes]:
    """The committed contracts: two bytes of length, then code, over and over, packed by xz."""
    packed = lzma.decompress(CODES.read_bytes())
    found = []
    while packed:
        length = 2 + int.from_bytes(packed[:2], "big")
        found.append(packed[2:length])
        packed = packed[length:]
    return found


def compare(loaded: Bundle, work: Sequence[bytes]) -> dict[str, Any]:
    """Run all settings. Raises AssertionError naming the first that differs from the specification."""
    model, runs = onnx.load_from_string(loaded.model), 0
    sessions = [
        (f"{threads} threads, {level}", open_session(loaded.model, SessionSettings(threads, level=level)))
        for threads, level in product(THREADS, LEVELS)
    ]
    scores = []
    for feeds in batches(loaded, work):
        together, *alone = feeds
        expected = interpret(model, together)
        scores.append(next(iter(expected.values())))
        for name, session in sessions:
            outputs = [answers(session, feed) for feed in feeds]
            for output in expected:
                parts = np.concatenate([one[output] for one in outputs[1:]])
                for kind, found in ((f"a batch of {len(alone)}", outputs[0][output]), ("one at a time", parts)):
                    if not np.array_equal(found, expected[output]):
                        raise AssertionError(f"{output} differs from the specification with {name}, {kind}")
            runs += len(feeds)
    spread = np.concatenate(scores)
    return {"inputs": len(work), "runs": runs, "rows": len(spread), "different_rows": len(np.unique(spread, axis=0))}


def compare_versions(loaded: Bundle, work: Sequence[bytes]) -> list[str]:
    """The same under other versions of ONNX Runtime; which those were. Raises AssertionError as `compare` does."""
    feeds = [feed for group in batches(loaded, work) for feed in group]
    entry = (loaded.name, onnx.load_from_string(loaded.model), feeds)
    expected, done = isa.specified(entry), []
    with tempfile.TemporaryDirectory() as folder:
        (stem,) = isa.write_kit(Path(folder) / "kit", [entry])
        for machine in isa_machines.versions():
            if machine.run(Path(folder) / "kit")["digests"][stem] != expected:
                raise AssertionError(f"answers differ from the specification: {machine.name}")
            done.append(machine.name)
    return done


def batches(loaded: Bundle, work: Sequence[bytes]) -> Iterator[list[Feed]]:
    """Inputs of BATCH contracts in one run, then of each of them alone. Models whose rows are tokens only."""
    prepare = preprocess.find(loaded.manifest.preprocessing).prepare
    for first in range(0, len(work), BATCH):
        samples = [prepare(code, None) for code in work[first : first + BATCH]]
        groups = [samples, *([sample] for sample in samples)]
        yield [batch.collate(group, loaded.dtypes, loaded.declared) for group in groups]


def answers(session: ort.InferenceSession, feed: Feed) -> Feed:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", action="store_true")
    started = time.monotonic()
    loaded, versions = bundle.load(RISK), parser.parse_args().versions
    result = compare(loaded, codes()) | ({"versions": compare_versions(loaded, codes())} if versions else {})
    seconds = round(time.monotonic() - started, 1)
    sys.stdout.write(json.dumps({"onnxruntime": ort.__version__, **result, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()

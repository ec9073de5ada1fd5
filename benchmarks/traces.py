"""What a trace costs: time, memory and size of `evm-risk-moe`'s at 619 tokens, and at the most that it takes.

    python -m benchmarks.traces

The tokens are those of a golden answer, again and again. Each size runs in a process of its own, whose memory is told.
"""

import json
import resource
import subprocess
import sys
import time
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from themis.bundles import bundle
from themis.engine import preprocess
from themis.exact import program, trace

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks/traces.json"
MODEL: Final = ROOT / "models/evm-risk-moe"
SIZES: Final = (619, 12_288)
FUNCTION: Final = 192
"""Tokens of the longest function of a contract."""


def feed(tokens: int) -> dict[str, NDArray[Any]]:
    """A contract of so many tokens, in functions as long as they may be."""
    loaded = bundle.load(MODEL)
    golden = max(loaded.golden, key=lambda entry: len(entry.input))
    sample = preprocess.find(loaded.manifest.preprocessing).prepare(golden.input, golden.code)
    wanted = np.arange(tokens) % len(sample.arrays["tokens"])
    first = np.arange(tokens) // FUNCTION * FUNCTION
    return {name: array[wanted] for name, array in sample.arrays.items()} | {"first": first}


def measure(tokens: int) -> dict[str, Any]:
    """One trace, in this process."""
    model, arrays = onnx.load(MODEL / bundle.MODEL), feed(tokens)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    found = trace.trace(model, program.read(model), arrays)
    seconds, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return {
        "tokens": tokens,
        "tensors": len(found.headers),
        "elements": sum(prod(header.shape) for header in found.headers),
        "seconds": round(seconds, 3),
        "cpu_s": round(cpu_s, 3),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "root": "0x" + found.root.hex(),
    }


def main() -> int:
    rows = []
    for tokens in SIZES:
        line = [sys.executable, "-m", "benchmarks.traces", str(tokens)]
        rows.append(json.loads(subprocess.run(line, cwd=ROOT, capture_output=True, check=True).stdout))
        row = rows[-1]
        print(
            f"{row['tokens']:>7,} tokens: {row['elements']:,} elements in {row['cpu_s']:.2f} s of one core "
            f"({row['seconds']:.2f} s), {row['peak_mib']} MiB at most"
        )
    RESULTS.write_text(json.dumps({"model": MODEL.name, "format": trace.FORMAT, "traces": rows}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
    else:
        sys.exit(main())

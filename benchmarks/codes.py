"""Processor time from bytecode to result hash by `evm-risk-moe`, one core: 500 real codes, and hostile ones.

    python -m benchmarks.codes

Writes codes.json. Tracer, network and report are told apart; no answer is kept. Where the tracer is compiled
(`node/compile.py FOLDER`, then `PYTHONPATH=FOLDER`), its rows are named so and stand beside the others.
"""

import json
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.inference import ID, MODELS
from tests.vectors import evm_real
from themis.bundles import bundle
from themis.core.canonical import result_hash
from themis.core.types import Address
from themis.engine import preprocess
from themis.engine.engine import OnnxEngine
from themis.evm import encode, trace

RESULTS: Final = Path(__file__).with_suffix(".json")
_REPEATED: Final = {
    "jump destinations": "5b5b5b5b5b5b8050",
    "branches on call data": "5b5f35602557",
    "constants raised to constants": "7f" + "e7" * 32 + "80800a50",
    "memory anywhere, hashed": "5f355f35525f355f3520505b",
    "places of storage, written": "5f35548060010155335f5260205f2055",
    "calls": "5f5f5f5f5f5f355af1505b",
    "selectors": "5f3560e01c63aabbccdd14600057",
}


def hostile() -> dict[str, bytes]:
    """Codes of the greatest length that cost much, by name."""
    size, rng = encode.MAX_CODE_BYTES, Random(3)  # noqa: S311 (fixed shapes, no secret)
    found = {name: (b"\x80" + bytes.fromhex(text) * size)[:size] for name, text in _REPEATED.items()}
    web, blocks = bytearray(), size // 16
    for _ in range(blocks):
        there, back = rng.randrange(blocks) * 16, rng.randrange(blocks) * 16
        web += bytes([0x5B, 0x61, *back.to_bytes(2, "big"), 0x5F, 0x35, 0x61, *there.to_bytes(2, "big"), 0x57])
        web += bytes([0x60, 0x20, 0x51, 0x54, 0x55, 0x80])
    lively = bytes(rng.choices(bytes.fromhex("5b5b5b5756606180819054551415163351520af1fd20035f0301"), k=size))
    return found | {"paths that never meet": bytes(web), "bytes at random": rng.randbytes(size), "lively bytes": lively}


def measure(codes: Mapping[str, bytes]) -> dict[str, Any]:
    """Milliseconds: mean, 99th percentile and the worst, whose name is told."""
    engine = OnnxEngine({ID: bundle.load(MODELS / "evm-risk-moe")}, 1)
    prepare = preprocess.find(encode.PREPROCESSING).prepare
    took: dict[str, float] = {}
    traced = 0.0
    for name, code in codes.items():
        start_s = time.process_time()
        (output,) = engine.infer(ID, [(code, None)])
        result_hash(ID, ID, output, 1, Address(bytes(20)))
        took[name] = (time.process_time() - start_s) * 1_000
        start_s = time.process_time()
        prepare(code, None)
        traced += (time.process_time() - start_s) * 1_000
    worst = max(took, key=took.__getitem__)
    return {
        "codes": len(took),
        "mean_ms": round(statistics.mean(took.values()), 2),
        "p99_ms": round(sorted(took.values())[len(took) * 99 // 100], 1),
        "worst_ms": round(took[worst], 1),
        "worst": worst,
        "tracer_mean_ms": round(traced / len(took), 2),
    }


def main() -> int:
    """Measure, print and store."""
    named = "compiled" if trace.__file__.endswith(".so") else "python"
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    real = {str(number): code for number, code in enumerate(evm_real.codes())}
    kept[named] = {"real": measure(real), "hostile": measure(hostile())}
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    for name, row in kept[named].items():
        print(f"{named}, {name}: {row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

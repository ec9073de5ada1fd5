"""What it costs to have the referee rule, by operator: `evm-risk-moe` on its longest golden input, on Anvil.

    python -m benchmarks.proofs

Of each node some elements by chance, and the kind of what it gives. Gas is that of a transaction under Prague's rules:
what calldata and execution cost together, or EIP-7623's floor for calldata where that is more.

Then honest runs of both shipped models on ten inputs each are accused by chance, through `eth_call`: nothing may
convict one.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.liars import Stage
from benchmarks.lies import MODELS, chance, staged
from tests import fuzz_referee
from tests.vectors import evm_real
from themis.bundles import bundle
from themis.bundles.bundle import Bundle, Golden
from themis.exact.program import WITNESS
from themis.exact.referee.judge import Accusation, WrongElement, WrongKind, WrongOrder

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks/proofs.json"
MODEL: Final = ROOT / "models/evm-risk-moe"
ELEMENTS: Final = 2
"""Of each tensor."""
INPUTS: Final = 10
"""Of each model."""
ACCUSED: Final = 500
"""Of each input's run."""
AT_ONCE: Final = 50
BASE, ZERO, OTHER, FLOOR_A_TOKEN = 21_000, 4, 16, 10


def stage() -> Stage:
    """The longest golden input, run."""
    loaded = bundle.load(MODEL)
    return next(staged(loaded, [max(loaded.golden, key=lambda entry: len(entry.input))]))


def accusations(at: Stage, rng: np.random.Generator) -> Iterator[tuple[str, Accusation]]:
    """By operator."""
    for word, array in at.honest.items():
        if word in at.graph.inputs:
            continue
        op = at.graph.node(word).op
        yield f"{op}, kind", WrongKind(word)
        for _ in range(ELEMENTS if array.size else 0):
            index = tuple(int(rng.integers(size)) for size in array.shape)
            is_order = op == "TopK" and word & 0xFFFFFFFF == 1
            name = f"{op}, witness" if word & 0xFFFFFFFF == WITNESS else op
            yield name, WrongOrder(word, index) if is_order else WrongElement(word, index)


def floor(call: bytes) -> int:
    """EIP-7623."""
    zeros = call.count(0)
    return BASE + FLOOR_A_TOKEN * (zeros + 4 * (len(call) - zeros))


def spent(there: Any, name: str, call: bytes) -> tuple[int, int]:
    """Gas of a transaction, and of its execution alone."""
    used = int(there.chain.rpc("eth_estimateGas", {"to": there.places[name], "data": "0x" + call.hex()}), 16)
    zeros = call.count(0)
    execution = used - BASE - ZERO * zeros - OTHER * (len(call) - zeros)
    return max(used, floor(call)), max(0, execution)


def honest_inputs(loaded: Bundle, rng: np.random.Generator) -> Sequence[Golden]:
    """Golden ones as far as there are, then real code for the model that reads it, for the other bytes by chance."""
    reads_code = loaded.name == MODEL.name
    more = evm_real.codes()[:: 500 // INPUTS] if reads_code else [rng.bytes(n * 25) for n in range(1, INPUTS)]
    known = dict.fromkeys(golden.input for golden in loaded.golden)
    return [Golden(input_, None, b"") for input_ in (*known, *more)][:INPUTS]


def accuse(there: fuzz_referee.Contracts, name: str, accused: int, rng: np.random.Generator) -> dict[str, int]:
    """Honest runs of a model, so many times each by chance, ruled on by the contracts: how many convict."""
    found = {"inputs": 0, "elements": 0, "convictable": 0}
    loaded = bundle.load(ROOT / "models" / name)
    for at in staged(loaded, honest_inputs(loaded, rng)):
        found["inputs"] += 1
        for _ in range(0, accused, AT_ONCE):
            calls = [at.prover.call(at.mine, chance(at, rng)) for _ in range(AT_ONCE)]
            rulings = there.rule_all(calls)
            found["elements"] += sum(ruling is not None for ruling in rulings)
            found["convictable"] += sum(ruling is True for ruling in rulings)
    return found


def main() -> int:
    at, rng = stage(), np.random.default_rng(7)
    prover, honest = at.prover, at.mine
    convicted = 0
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    with fuzz_referee.contracts() as there:
        for op, accusation in accusations(at, rng):
            name, call = prover.call(honest, accusation)
            convicted += there.rule(name, call)
            found[op].append((len(call), *spent(there, name, call)))
        truth = {name: accuse(there, name, ACCUSED, rng) for name in MODELS}
    rows = {op: _row(each) for op, each in sorted(found.items())}
    every = [gas for op, each in found.items() if not op.endswith("kind") for _, gas, _ in each]
    for op, row in rows.items():
        print(f"{op:26} {row['bytes']:6,} bytes {row['min']:8,} {row['median']:8,} {row['max']:8,} gas, {row['count']}")
    print(f"an element, median {int(median(every)):,} gas, at most {max(every):,}")
    for name, counts in truth.items():
        accused = f"{counts['elements']:,} elements accused, {counts['convictable']} convicted"
        print(f"{name}: {counts['inputs']} honest inputs, {accused}")
    tokens = len(next(iter(at.honest.values())))
    said = {"model": MODEL.name, "tokens": tokens, "median": int(median(every)), "max": max(every)}
    said |= {"accused": sum(map(len, found.values())), "convicted": convicted, "operators": rows, "honest": truth}
    RESULTS.write_text(json.dumps(said, indent=1) + "\n")
    return int(convicted > 0 or any(counts["convictable"] for counts in truth.values()))


def _row(each: list[tuple[int, int, int]]) -> dict[str, int]:
    gas = [one for _, one, _ in each]
    return {
        "count": len(each),
        "bytes": int(median(size for size, _, _ in each)),
        "min": min(gas),
        "median": int(median(gas)),
        "max": max(gas),
        "execution": int(median(one for _, _, one in each)),
    }


if __name__ == "__main__":
    sys.exit(main())

"""Writes `trace/proofs.jsonl`, a case a line: accusations as contracts are called, and their rulings.

Python makes them and forge asks the contracts (`contracts/referee/test/Referee.t.sol`).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.liars import altered
from tests import quick_abi
from tests.referee_cases import OPERATORS, drawn
from tests.referee_kit import Bench
from themis.exact.referee.case import Undefined
from themis.exact.referee.judge import Accusation, WrongKind
from themis.exact.referee.proof import PROOF, ROOTS, SELECTOR, AtHand, Prover

FILE: Final = Path(__file__).parent / "trace/proofs.jsonl"
SEEDS: Final = range(12)
TYPES: Final = (ROOTS, PROOF)


def calls(op: str, seed: int, most: int) -> Iterator[tuple[str, bytes, bool, Accusation]]:
    """Contract, call and Python's ruling: of an honest trace, and of it with an element or shape altered."""
    model, feed = drawn(op, seed)
    bench, rng = Bench(model), np.random.default_rng(seed)
    honest = bench.honest(feed)
    prover, claims = Prover(model), [honest]
    for word, array in honest.items():
        if word not in bench.program.inputs:
            claims.append(honest | {word: altered(array, rng) if array.size else array[None]})
    for tensors in claims:
        at_hand = AtHand(tensors)
        for accusation in bench.accusations(tensors, rng, most):
            if accusation.word in bench.program.inputs:
                continue
            try:
                name, convicted, said = prover.proof(at_hand, accusation)
            except Undefined:
                continue
            yield name, SELECTOR + quick_abi.encode(TYPES, said), convicted, accusation


def _cases() -> Iterator[dict[str, Any]]:
    for op in OPERATORS:
        found: dict[tuple[bool, bool], list[tuple[str, bytes]]] = {}
        for seed in SEEDS:
            for contract, call, convicted, accusation in calls(op, seed, 3):
                found.setdefault((convicted, isinstance(accusation, WrongKind)), []).append((contract, call))
        for (convicted, kind), each in sorted(found.items()):
            contract, call = min(each, key=lambda one: len(one[1]))
            said = {"op": op, "contract": contract, "kind": kind, "convicted": convicted}
            yield said | {"call": "0x" + call.hex()}


if __name__ == "__main__":
    FILE.write_text("".join(json.dumps(case) + "\n" for case in _cases()))

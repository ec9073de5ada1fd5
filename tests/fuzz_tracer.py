"""What runs is covered: every instruction that ran must have been reached by the tracer, or a limit told.

`python -m tests.fuzz_tracer --runs 100000` runs programs on random calls and prints counts, or the first program for
which that does not hold.
"""

import argparse
import sys
from collections import Counter
from random import Random
from typing import Final

from tests.unit.evm.concrete import Run
from tests.unit.evm.shapes import Shape
from tests.vectors import evm_real
from themis.evm.disassembly import disassemble
from themis.evm.limits import NotKnown
from themis.evm.trace import Tracer

LIMITS: Final = (
    NotKnown.TRUNCATED | NotKnown.LEFT_OUT | NotKnown.STEPS_SPENT | NotKnown.UNKNOWN_JUMP | NotKnown.UNKNOWN_DISPATCHER
)
CALLS: Final = 8
"""Of each program."""
_LIVELY: Final = bytes.fromhex("5b5b5b5756606180819054551415163351520af1fd20035f03013015")
_WORDS: Final = (0, 1, 2, 3, 32, 64, 255, 1 << 160, (1 << 256) - 1)


def programs(rng: Random, compiled: list[bytes]) -> bytes:
    """One of: put together from shapes, nearly random bytes, compiled."""
    kind = rng.randrange(10)
    if kind < 7:
        return Shape(rng).code()
    if kind < 9:
        return bytes(rng.choices(_LIVELY, k=rng.randrange(1, 120)))
    return rng.choice(compiled)


def missed(code: bytes, rng: Random) -> tuple[set[int], NotKnown]:
    """Program counters that ran and were not covered, and what was told."""
    program = disassemble(code)
    tracer = Tracer(program)
    selectors = [trace.selector or 0 for trace in tracer.run()]
    ran: set[int] = set()
    for _ in range(CALLS):
        words = b"".join(rng.choice(_WORDS).to_bytes(32, "big") for _ in range(4))
        data = (rng.choice(selectors) & 0xFFFFFFFF).to_bytes(4, "big") + words
        ran |= Run(code, program, data, rng).go()
    return {program.pcs[index] for index in ran if not tracer.reached[index]}, tracer.told


def search(runs: int, seed: int) -> Counter[str]:
    """Counts of runs covered whole, and under a told limit; raises AssertionError with the first that is neither."""
    rng, counts, compiled = Random(seed), Counter[str](), evm_real.codes()  # noqa: S311 (a seeded search)
    for _ in range(runs // CALLS):
        code = programs(rng, compiled)
        lost, told = missed(code, rng)
        assert not lost or told & LIMITS, f"not covered: {sorted(lost)[:9]} of {code.hex()}"
        counts["under a told limit" if told & LIMITS else "covered whole"] += CALLS
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    sys.stdout.write(f"{dict(search(asked.runs, asked.seed))}\n")

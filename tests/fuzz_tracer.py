"""What runs is covered: every instruction that ran must have been reached by the tracer, or a limit told.

`make tracer` runs programs on random calls, on Anvil, and prints counts, or the first program for which that does not
hold.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import urllib3

from demo import chains
from tests.evm_on_anvil import CALLER, Anvil
from tests.unit.evm.concrete import Run
from tests.unit.evm.shapes import Shape
from tests.vectors import evm_cases, evm_real
from themis.evm.disassembly import disassemble
from themis.evm.limits import NotKnown
from themis.evm.trace import Tracer

LIMITS: Final = (
    NotKnown.TRUNCATED | NotKnown.LEFT_OUT | NotKnown.STEPS_SPENT | NotKnown.UNKNOWN_JUMP | NotKnown.UNKNOWN_DISPATCHER
)
CALLS: Final = 16
"""Of each program."""
_LIVELY: Final = bytes.fromhex("5b5b5b5756606180819054551415163351520af1fd20035f03013015")
_WORDS: Final = (0, 1, 2, 3, 32, 64, 255, int(CALLER, 16), 1 << 160, (1 << 256) - 1)

Runs = Callable[[bytes, Sequence[bytes], Random], set[int]]
"""Code and calls' data -> program counters that were executed."""


def made_up(code: bytes, calls: Sequence[bytes], rng: Random) -> set[int]:
    """On the tests' own machine, whose surroundings answer anything."""
    program = disassemble(code)
    return {program.pcs[index] for data in calls for index in Run(code, program, data, rng).go()}


def programs(rng: Random, compiled: list[bytes]) -> bytes:
    """One of: put together from shapes, nearly random bytes, compiled."""
    kind = rng.randrange(10)
    if kind < 5:
        return Shape(rng).code()
    if kind < 6:
        return bytes(rng.choices(_LIVELY, k=rng.randrange(1, 120)))
    return rng.choice(compiled)


def missed(code: bytes, rng: Random, runs: Runs) -> tuple[set[int], NotKnown]:
    """Program counters that ran and were not covered, and what was told."""
    program = disassemble(code)
    tracer = Tracer(program)
    selectors = [trace.selector or 0 for trace in tracer.run()]
    calls = []
    for _ in range(CALLS):
        words = b"".join(rng.choice(_WORDS).to_bytes(32, "big") for _ in range(4))
        calls.append((rng.choice(selectors) & 0xFFFFFFFF).to_bytes(4, "big") + words)
    covered = {pc for pc, mark in zip(program.pcs, tracer.reached, strict=True) if mark}
    beyond = len(code)  # where the code ends an EVM stops, and some say so as an instruction
    return {pc for pc in runs(code, calls, rng) if pc < beyond} - covered, tracer.told


def search(count: int, seed: int, runs: Runs) -> Counter[str]:
    """Counts of runs covered whole, and under a told limit; raises AssertionError with the first that is neither."""
    rng, counts = Random(seed), Counter[str]()  # noqa: S311 (a seeded search)
    compiled = [*evm_real.codes(), *evm_cases.codes().values()]
    for _ in range(count // CALLS):
        code = programs(rng, compiled)
        lost, told = missed(code, rng, runs)
        assert not lost or told & LIMITS, f"not covered: {sorted(lost)[:9]} of {code.hex()}"
        counts["not covered, a limit told" if lost else "covered"] += CALLS
        counts["of these with a limit told"] += CALLS if told & LIMITS else 0
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with chains.start() as chain:
        counts = search(asked.runs, asked.seed, Anvil(chain, urllib3.PoolManager()).ran)
    sys.stdout.write(f"{dict(counts)}\n")


if __name__ == "__main__":
    main()

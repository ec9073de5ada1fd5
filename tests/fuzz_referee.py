"""Holds the referee's contracts to its specification: random graphs of each operator, honest traces and altered ones.

    python -m tests.fuzz_referee [--elements 10000]

ONNX Runtime computes the trace, Python rules, and so does the contract, on Anvil. Prints how many rulings of each
operator agreed, and stops at the first that does not.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from demo import chains
from demo.chains import RunningChain
from tests.referee_cases import OPERATORS
from tests.vectors.referee import calls

PROJECT: Final = Path(__file__).resolve().parents[1] / "contracts/referee"
FORGE: Final = PROJECT.parent / "node_modules/.bin/forge"
OUT: Final = "out/python"
"""Apart from what forge's own tests build, at the same time."""
NAMES: Final = ("Moves", "Pointwise", "Reductions", "Products", "Orders", "Shapes", "Integrity")
GAS: Final = 29_000_000
MOST: Final = 12
"""Elements of one tensor that are accused."""


class Disagreed(AssertionError):  # noqa: N818 (a verdict)
    """The contract rules otherwise than Python."""


@dataclass(frozen=True, slots=True)
class Contracts:
    """The referee on a chain."""

    chain: RunningChain
    places: Mapping[str, str]

    def rule(self, name: str, call: bytes) -> bool:
        """Raises RuntimeError with what the contract said where it rules nothing."""
        return int(self.ask("eth_call", name, call), 16) == 1

    def ask(self, method: str, name: str, call: bytes) -> str:
        """What a chain says to the call."""
        said: str = self.chain.rpc(method, {"to": self.places[name], "data": "0x" + call.hex(), "gas": hex(GAS)})
        return said


def codes() -> dict[str, str]:
    """Code of each contract as it lies on a chain; compiled where it has changed."""
    environment = os.environ | {"FOUNDRY_OUT": OUT, "FOUNDRY_CACHE_PATH": "cache/python"}
    line = [str(FORGE), "build", "--skip", "test"]
    subprocess.run(line, cwd=PROJECT, env=environment, check=True, capture_output=True)
    made = {name: json.loads((PROJECT / OUT / f"{name}.sol/{name}.json").read_text()) for name in NAMES}
    return {name: each["deployedBytecode"]["object"] for name, each in made.items()}


@contextmanager
def contracts() -> Iterator[Contracts]:
    """The referee on an Anvil of its own."""
    with chains.start() as chain:
        places = {}
        for name, code in codes().items():
            places[name] = "0x" + name.encode().hex().rjust(40, "1")
            chain.rpc("anvil_setCode", places[name], code)
        yield Contracts(chain, places)


def compare(there: Contracts, op: str, elements: int) -> dict[bool, int]:
    """So many accusations about an operator: how many convicted, and how many did not. Raises Disagreed."""
    counts = {True: 0, False: 0}
    seed = 0
    while sum(counts.values()) < elements:
        for name, call, convicted, accusation in calls(op, seed, MOST):
            try:
                found: Any = there.rule(name, call)
            except RuntimeError as error:
                found = str(error)
            if found != convicted:
                raise Disagreed(f"{op}, seed {seed}: {accusation} is {convicted} in Python, {found} on the chain")
            counts[convicted] += 1
        seed += 1
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elements", type=int, default=10_000, help="of each operator")
    chosen = parser.parse_args()
    with contracts() as there:
        for op in OPERATORS:
            counts = compare(there, op, chosen.elements)
            sys.stdout.write(f"{op:18} {counts[False]:7,} held {counts[True]:7,} convicted, as specified\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

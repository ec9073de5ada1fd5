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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo import chains
from demo.chains import RunningChain
from tests.referee_cases import OPERATORS
from tests.vectors.referee import calls
from themis.exact.referee.judge import Accusation

PROJECT: Final = Path(__file__).resolve().parents[1] / "contracts/referee"
FORGE: Final = PROJECT.parent / "node_modules/.bin/forge"
OUT: Final = "out/python"
"""Apart from what forge's own tests build, at the same time."""
NAMES: Final = ("Moves", "Pointwise", "Reductions", "Products", "Orders", "Shapes", "Integrity")
GAS: Final = 29_000_000
MOST: Final = 12
"""Elements of one tensor that are accused."""
ASKER: Final = "0x" + "a5" * 20
ASKING: Final = (
    "0x5f5f5b368110600c57505ff35b9060409060016020840135918284860162010000376020618000846201000088355afa156042576180005181"
    "535b019201016002565b60028153603a56"
)
"""Calls one contract after another, each word of address and length before its call, and returns a byte for each: what
it said, 2 where it reverted. Yul: `staticcall(gas(), calldataload(at), 0x10000, size, 0x8000, 32)` in a loop.
"""
MUCH_GAS: Final = 2**40
Ask = tuple[str, bytes, bool, Accusation]
AT_ONCE: Final = 200_000
"""Bytes of calls that the chain is asked in one."""


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

    def rule_all(self, calls: Sequence[tuple[str, bytes]]) -> list[bool | None]:
        """As `rule`, all of them in one call to the chain; None where nothing is ruled."""
        asked = b"".join(
            bytes.fromhex(self.places[name][2:]).rjust(32, b"\0") + len(call).to_bytes(32, "big") + call
            for name, call in calls
        )
        said: str = self.chain.rpc("eth_call", {"to": ASKER, "data": "0x" + asked.hex(), "gas": hex(MUCH_GAS)})
        found = bytes.fromhex(said[2:])
        assert len(found) == len(calls)
        return [{0: False, 1: True}.get(each) for each in found]

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
        chain.rpc("anvil_setCode", ASKER, ASKING)
        for name, code in codes().items():
            places[name] = "0x" + name.encode().hex().rjust(40, "1")
            chain.rpc("anvil_setCode", places[name], code)
        yield Contracts(chain, places)


def compare(there: Contracts, op: str, elements: int) -> dict[bool, int]:
    """So many accusations about an operator: how many convicted, and how many did not. Raises Disagreed."""
    counts = {True: 0, False: 0}
    seed = 0
    while sum(counts.values()) < elements:
        asked: list[tuple[int, Ask]] = []
        while sum(len(call) for _, (_, call, _, _) in asked) < AT_ONCE and sum(counts.values()) + len(asked) < elements:
            asked += [(seed, each) for each in calls(op, seed, MOST)]
            seed += 1
        found = there.rule_all([(name, call) for _, (name, call, _, _) in asked])
        for (drawn, (_, _, convicted, accusation)), ruled in zip(asked, found, strict=True):
            if ruled != convicted:
                raise Disagreed(f"{op}, seed {drawn}: {accusation} is {convicted} in Python, {ruled} on the chain")
            counts[convicted] += 1
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

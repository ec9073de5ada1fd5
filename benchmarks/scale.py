"""What a rate of requests takes, from what was measured: gas, chains, cores and RPC calls. docs/scale.md tells of it.

Reckoned, not measured: the figures of one request are those of other benchmarks on this kind of machine, and their
product with a rate holds as long as nothing else becomes scarce.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

_ROOT: Final = Path(__file__).resolve().parents[1]
MODEL: Final = "evm-risk-moe"
RATES: Final = (1, 10, 100, 1_000, 10_000)
"""Requests a second, all chains together."""
PATHS: Final = {
    "request": "request + answer, account",
    "order": "order",
    "list of 64": "list order of 64, per result",
}
"""Ways to be asked, by their names in contracts/snapshots/gas.json."""
GAS_S: Final = 5_000_000
"""Of a chain with 60,000,000 gas in 12 s: Ethereum at the end of 2025. An assumption."""
SHARE: Final = 0.25
"""What one use may take of a chain before its own demand makes gas dearer. An assumption."""

_BURST: Final = "burst of 1,000"
"""On a chain that mines at once, selftest-moe."""


@dataclass(frozen=True, slots=True)
class One:
    """What one request takes."""

    gas: Mapping[str, int]
    """By way to be asked."""
    inference_ms: float
    beside_ms: float
    """Processor time of the node beside inference."""
    calls: float


@dataclass(frozen=True, slots=True)
class Need:
    """What a rate takes."""

    per_s: int
    gas_s: Mapping[str, int]
    chains: Mapping[str, float]
    """So many of `GAS_S`, at `SHARE`."""
    cores: float
    calls_s: float


def measured() -> One:
    """Of the default model, from the figures that are stored."""
    gas = _read("contracts/snapshots/gas.json")["gas"]
    (inference,) = (each for each in _read("benchmarks/inference.json") if each["model"] == MODEL)
    busy = {each["name"]: each["now"] for each in _read("benchmarks/requests.json")["figures"]}
    return One(
        gas={way: gas[name] for way, name in PATHS.items()},
        inference_ms=inference["single_ms"]["mean"],
        beside_ms=busy[f"{_BURST}: CPU outside inference"],
        calls=busy[f"{_BURST}: RPC calls a request"],
    )


def needed(one: One, per_s: int) -> Need:
    gas_s = {way: gas * per_s for way, gas in one.gas.items()}
    return Need(
        per_s=per_s,
        gas_s=gas_s,
        chains={way: gas / (GAS_S * SHARE) for way, gas in gas_s.items()},
        cores=per_s * (one.inference_ms + one.beside_ms) / 1_000,
        calls_s=per_s * one.calls,
    )


def _read(name: str) -> Any:
    return json.loads((_ROOT / name).read_text())


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def main() -> int:
    one = measured()
    drawn = Table(title=f"{MODEL}: {one.inference_ms:g} ms in the model, {one.beside_ms:g} ms beside it")
    for heading in ("a second", *(f"Mgas/s, {way}" for way in PATHS), *(f"chains, {way}" for way in PATHS)):
        drawn.add_column(heading, justify="right")
    for heading in ("cores", "RPC calls/s"):
        drawn.add_column(heading, justify="right")
    for per_s in RATES:
        need = needed(one, per_s)
        gas = (_number(need.gas_s[way] / 1e6) for way in PATHS)
        chains = (_number(need.chains[way]) for way in PATHS)
        drawn.add_row(f"{per_s:,}", *gas, *chains, _number(need.cores), _number(need.calls_s))
    Console(width=150).print(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())

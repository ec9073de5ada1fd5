"""What docs/proofs.md says is so: its example runs, its figures are measured, its paths and commands exist."""

import json
import re
from pathlib import Path
from typing import Any

import onnx
import pytest

from benchmarks import traces
from tests.homes import RISK
from themis.bundles.bundle import MODEL
from themis.cli.program import invoke
from themis.exact.referee.judge import ELEMENTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/proofs.md").read_text()


def test_paths_it_names_exist() -> None:
    named = re.findall(r"`((?:node|benchmarks|docs|models|tests|contracts)/[\w./-]+)`", PAGE)
    assert len(named) >= 3
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    model = onnx.load(RISK / MODEL)
    word = 2 << 248 | 8 << 32  # any tensor with two axes
    known: dict[str, Any] = {"model": model, "feed": traces.feed(40), "word": word}
    exec(code, known)  # noqa: S102 (the page's own)
    assert known["ruling"].convicted is False
    assert known["ruling"].expected == known["claimed"][word][3, 17]


def test_commands_it_shows_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        assert invoke(line.split()[1:]) == 0


def test_its_figures_were_measured() -> None:
    stored = json.loads(traces.RESULTS.read_text())
    for row, bound_s, bound_mib in zip(stored["traces"], (1.5, 60), (300, 1_024), strict=True):
        assert f"{row['cpu_s']:.2f} s" in PAGE
        assert f"{row['peak_mib']} MiB" in PAGE
        assert row["cpu_s"] <= bound_s
        assert row["peak_mib"] <= bound_mib
    assert f"the {len(ELEMENTS)} operator types" in PAGE
    proofs = json.loads((ROOT / "benchmarks/proofs.json").read_text())
    assert (proofs["accused"] > 1_000, proofs["convicted"]) == (True, 0)
    assert [(each["inputs"], each["convictable"]) for each in proofs["honest"].values()] == [(10, 0)] * 2
    assert all(f"{each['elements']:,} elements by chance" in PAGE for each in proofs["honest"].values())
    assert proofs["median"] <= 135_000
    assert f"takes {proofs['median']:,} gas in the median" in PAGE
    assert f"at most {proofs['max']:,}, calldata included" in " ".join(PAGE.split())


def test_its_games_were_played() -> None:
    games = json.loads((ROOT / "benchmarks/convictions.json").read_text())
    rows = (games["served"]["median"], 3), (games["totals"]["silent"], 2), (games["totals"]["withheld"], 13)
    assert games["totals"]["withheld, moves"] == len(games["withheld"]["moves"]) == 13
    for (gas, moves), most in zip(rows, (350_000, 160_000, 900_000), strict=True):
        assert gas <= most
        assert f" {gas:,} | {moves} |" in PAGE
    assert f"of {len(games['served by operator'])} operators" in PAGE

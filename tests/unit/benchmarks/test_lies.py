"""Lies of every kind about the shipped models are convicted, the truth is not: a few here, many in the stored table."""

import json
from typing import Any

import numpy as np

from benchmarks import games, liars, lies


def test_each_kind_is_convicted_and_the_truth_is_not() -> None:
    found = lies.play(lies=4, honest=600, seed=2)
    assert found["honest"] == {"elements": 600, "convictable": 0}
    for counts in found["kinds"].values():
        assert counts["escaped"] == 0
        assert counts["lies"] == counts["convicted"]
    assert sum(counts["lies"] for counts in found["kinds"].values()) >= 60


def test_a_rerun_of_the_truth_is_the_truth() -> None:
    """What lies are recomputed with is the model, tensor by tensor."""
    stage = next(lies.stages())
    again = stage.rerun({}, liars.constants(stage.model))
    assert again is not None
    assert again.keys() == dict(stage.honest).keys()
    assert all(np.array_equal(again[word], array) for word, array in stage.honest.items())
    assert lies.game(stage, again) is None


def test_the_stored_table_is_of_ten_thousand_lies_and_none_escaped() -> None:
    stored = json.loads(lies.RESULTS.read_text())
    assert stored["kinds"].keys() == set(lies.ALL)
    assert sum(counts["lies"] for counts in stored["kinds"].values()) >= 10_000
    assert [name for name, counts in stored["kinds"].items() if counts["escaped"] or not counts["convicted"]] == []
    assert stored["honest"]["convictable"] == 0
    assert stored["honest"]["elements"] >= 100_000


def test_the_stored_games_were_won_by_whoever_is_right() -> None:
    stored = json.loads(lies.RESULTS.read_text())["gas"]
    coded = json.loads(games.GAMES.read_text())
    assert (coded["model"], coded["gas"].keys()) == ("evm-risk-moe", stored.keys())
    for gas in (stored, coded["gas"]):
        _won(gas)


def _won(stored: dict[str, Any]) -> None:
    ends = {name: game["moves"][-1][0] for name, game in stored.items()}
    wrong = dict.fromkeys(("served", "withheld", "silent"), "Convicted")
    assert ends == wrong | {"challenged in vain": "Dismissed"}
    assert [stored[name]["transactions"] for name in ("served", "silent")] == [3, 2]
    page = (lies.ROOT / "docs/proofs.md").read_text()
    for game in stored.values():
        assert game["gas"] == sum(gas for _, gas in game["moves"])
        assert f"| {game['gas']:,} | {game['transactions']} |" in page

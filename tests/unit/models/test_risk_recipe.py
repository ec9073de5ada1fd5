"""How `evm-risk-moe` is made and measured: guards taken out of real code, findings of Slither, intervals."""

import importlib
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from themis.evm.vocabulary import ID

FOLDER = Path(__file__).parents[3] / "models" / "evm-risk-moe"
VAULT = """
// SPDX-License-Identifier: MIT
contract Vault is UUPSUpgradeable {
    function _authorizeUpgrade(address next) internal override onlyRole(keccak256("UPGRADER")) {}
    function take() external nonReentrant {
        require(msg.sender == owner, "not the owner");
        (bool ok, ) = to.call{value: 1}("");
        require(ok, "failed");
    }
    function give() external {
        if (_msgSender() != keeper) revert Denied();
        (bool sent, bytes memory data) = to.call("");
        if (!sent) revert Failed(data);
    }
}
"""


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


def tokens(*names: str) -> bytes:
    return bytes(ID[name] for name in names)


def test_every_room_has_its_sentence_and_uses_only_rooms_above_it() -> None:
    rooms = re.findall(r"^\| `(\w+)/` \| \S", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert set(rooms) == {path.name for path in FOLDER.iterdir() if path.is_dir()} - {"__pycache__"}
    assert {path.name for path in FOLDER.glob("*.py")} == {"audited.py", "build.py", "repack.py"}
    for at, room in enumerate(rooms):
        for path in (FOLDER / room).glob("*.py"):
            used = set(re.findall(r"^(?:from|import) (\w+)", path.read_text(), re.MULTILINE))
            assert not used & set(rooms[at + 1 :]), path


def test_each_mutation_takes_out_its_guard_and_leaves_the_rest(recipe: Any) -> None:
    mutants = dict(recipe("data.mutations").mutants(VAULT))
    assert list(mutants) == [f"mutation.{name}" for name in ("authority", "mutex", "check", "origin")]
    authority, mutex, check, origin = mutants.values()
    assert "onlyRole" not in authority
    assert "owner" not in authority.replace("_msgSender", "")
    assert "keeper" not in authority
    assert "nonReentrant" in authority
    assert "nonReentrant" not in mutex
    assert "onlyRole" in mutex
    assert "require(ok" not in check
    assert "!sent" not in check
    assert "msg.sender == owner" in check
    assert "tx.origin == owner" in origin
    assert "tx.origin != keeper" in origin
    assert "require(ok" in origin


def test_who_writes_who_is_in_charge_asks_nobody_any_more(recipe: Any) -> None:
    setter, user = (
        "function hand(address next) external onlyOwner { keeper = next; }",
        "function halt() external onlyOwner {}",
    )
    mutants = dict(recipe("data.mutations").mutants(f"contract C {{ {setter} {user} }}"))
    assert list(mutants) == ["mutation.keeping"]
    assert mutants["mutation.keeping"] == f"contract C {{ {setter.replace(' onlyOwner', '')} {user} }}"


def test_scores_that_say_what_is_so_have_no_calibration_error(recipe: Any) -> None:
    table = recipe("evaluation.reliability").table
    said = np.array([[2_500, 7_500]] * 4)
    right = np.array([[True, True], [False, True], [False, True], [False, False]])
    assert table(said, right)["error"] == 0
    found = table(said, ~right)
    assert (found["error"], found["between"]) == (0.5, 8)
    assert [(one["pairs"], one["said"], one["was"]) for one in found["bins"]] == [(4, 0.25, 0.75), (4, 0.75, 0.25)]


def test_a_slope_is_finite_though_all_are_told_apart(recipe: Any) -> None:
    """Through the threshold, and by Platt's targets: two of four and two of four give 3/4 and 1/4."""
    slope = recipe("network.calibration").slope_of
    assert slope(np.array([-1.0, -1.0, 1.0, 1.0]), np.array([False, False, True, True])) == pytest.approx(np.log(3))


def test_what_shows_a_risk_is_there_or_it_is_not_scored(recipe: Any) -> None:
    evidence = recipe("network.evidence")
    function = tokens(
        "ENTRY.function", "SSTORE.slot.zero.stale", "DROPPED", "TAKE.slot", "SELFDESTRUCT.caller.open", "STOP"
    )
    assert [evidence.shown(function, (risk,)) for risk in range(7)] == [True, True, False, False, True, False, True]
    assert evidence.shown(function, ())
    for harmless in ("SSTORE.slot.zero.late", "TAKE.once", "SELFDESTRUCT.caller.granted", "HASH.random", "CLOCK"):
        assert not evidence.EVIDENCE[tokens(harmless)[0]].any(), harmless


def test_a_file_without_guards_has_no_mutants(recipe: Any) -> None:
    assert list(recipe("data.mutations").mutants("contract C { // require(msg.sender == owner);\n }")) == []


def test_a_function_acquires_a_risk_only_if_its_trace_shows_it(recipe: Any) -> None:
    acquired = recipe("data.mutations").acquired
    guarded = tokens("ENTRY.function", "EQ.auth", "GUARD.auth", "DELEGATECALL.data.granted")
    bare = tokens("ENTRY.function", "DELEGATECALL.data.open")
    assert acquired("mutation.authority", guarded, bare) == (5,)
    assert acquired("mutation.authority", guarded, guarded) == ()
    assert acquired("mutation.authority", guarded, tokens("ENTRY.function", "STOP")) == ()
    assert acquired("mutation.check", bare, tokens("ENTRY.function", "DELEGATECALL.data.open", "DROPPED")) == (1,)


def test_slither_gets_the_detectors_that_serve_it_best(recipe: Any, tmp_path: Path) -> None:
    baseline, dataset = recipe("evaluation.slither_baseline"), recipe("data.dataset")
    lines = [
        {"key": "a", "findings": {"Base": ["reentrancy-no-eth"]}, "ancestors": {"A": ["Base"]}},
        {"key": "b", "findings": {"B": ["reentrancy-eth"], "Other": ["suicidal"]}, "ancestors": {"B": []}},
        {"key": "c", "error": "SlitherError: no"},
    ]
    (tmp_path / "slither.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shape = ("plain", "test", "family", "0.8.20", False, (), (), (), ())
    found = [dataset.Contract(*shape, key, f"x.sol:{key.upper()}", None) for key in "abcd"]
    truth = np.zeros((4, 7), bool)
    truth[0, 0] = True
    verdicts = baseline.verdicts(found, truth, tmp_path / "slither.jsonl")
    assert verdicts.analyzed.tolist() == [True, True, False, False]
    assert verdicts.flags[:, 0].tolist() == [True, False, False, False]
    assert not verdicts.flags[:, 4].any()
    assert verdicts.detectors["reentrancy"] == ["reentrancy-no-eth"]
    assert verdicts.errors == {"SlitherError": 1, "not run": 1}


def test_intervals_hold_the_figure_and_are_zero_wide_where_nothing_varies(recipe: Any) -> None:
    rng = np.random.default_rng(5)
    truth = rng.random((200, 7)) < 0.3
    flags = truth ^ (rng.random((200, 7)) < 0.1)
    plain = ~truth.any(1)
    found = recipe("network.scoring").summary(flags, truth, plain)
    assert found["macro_f1_interval_95"][0] < found["macro_f1"] < found["macro_f1_interval_95"][1]
    assert found["fpr_interval_95"][0] < found["fpr"] < found["fpr_interval_95"][1]
    perfect = recipe("network.scoring").summary(truth, truth, plain)
    assert perfect["macro_f1_interval_95"] == [1.0, 1.0]
    assert perfect["fpr_interval_95"] == [0.0, 0.0]


def test_settings_are_compared_on_contracts_that_have_all_of_them(recipe: Any) -> None:
    dataset, robustness = recipe("data.dataset"), recipe("evaluation.robustness")
    settings = ((None, False), (200, False), (200, True))

    def contract(name: str, runs: int | None, via_ir: bool) -> Any:
        return dataset.Contract("varied", "test", "family", "0.8.20", via_ir, (), (), (), (), "key", name, runs)

    found = [contract("a", *one) for one in settings] + [contract("b", *settings[0])]
    flags = np.zeros((4, 7), bool)
    flags[2, 0] = flags[3, 1] = True
    table = robustness.by_setting(found, flags, np.zeros((4, 7), bool))
    assert {name: row["contracts"] for name, row in table["rows"].items()} == dict.fromkeys(table["rows"], 1)
    assert [row["fpr"] for row in table["rows"].values()] == [0.0, 0.0, 1.0]
    assert (table["contracts"], table["agreement"]) == (1, 0.0)


def test_interfaces_a_template_needs_come_outside_of_the_contract(recipe: Any) -> None:
    synthesis = recipe("templates.synthesis")
    made = [synthesis.contract((0, 8, 20), Random(seed), "train").source for seed in range(30)]  # noqa: S311 (seeded)
    needing = [source for source in made if "interface " in source]
    assert needing
    assert all(source.index("interface ") < source.index("contract C") for source in needing)

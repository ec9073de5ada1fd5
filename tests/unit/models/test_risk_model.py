"""The committed `evm-risk-moe` loads, answers as published and tells the demo pair apart; its card was measured."""

import importlib
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from eth_utils.crypto import keccak

from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.core.types import Hash32
from themis.engine.engine import OnnxEngine
from themis.evm import report
from themis.evm.encode import encode
from themis.evm.report import RiskClass

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "models" / "evm-risk-moe"
MODEL = Hash32(b"\1" * 32)
FLAG_BPS = 5_000
MARGIN_BPS = 2_000


@pytest.fixture(scope="module")
def loaded() -> Bundle:
    return bundle.load(FOLDER)


@pytest.fixture(scope="module")
def engine(loaded: Bundle) -> OnnxEngine:
    return OnnxEngine({MODEL: loaded}, threads=1)


def recipe(module: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the model's recipe that needs no torch."""
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module(module)


def runtime(name: str) -> bytes:
    demo = json.loads((ROOT / "tests/vectors/evm_demo_runtime.json").read_text())
    return bytes.fromhex(demo[name].removeprefix("0x"))


def test_it_is_a_sparse_mixture_of_experts(loaded: Bundle) -> None:
    moe = loaded.manifest.moe
    assert moe
    assert moe.experts >= 8
    assert moe.top_k == 2
    assert moe.active_parameters < moe.total_parameters
    assert len(loaded.model) < 8 * 1_024**2


def test_it_tells_the_demo_pair_apart(engine: OnnxEngine) -> None:
    (unsafe,), (safe,) = (engine.infer(MODEL, [(runtime(name), None)]) for name in ("EthVault", "SafeEthVault"))
    assert report.scores(unsafe)[RiskClass.REENTRANCY] >= FLAG_BPS + MARGIN_BPS
    assert max(report.scores(safe)) <= FLAG_BPS - MARGIN_BPS


def test_it_points_into_the_function_with_the_hole(engine: OnnxEngine) -> None:
    code = runtime("EthVault")
    (answer,) = engine.infer(MODEL, [(code, None)])
    leave = next(trace for trace in encode(code).functions if trace.selector == 0xD66D9E19)
    assert int.from_bytes(answer[16:18], "big") in leave.pcs


def test_batches_do_not_change_answers(engine: OnnxEngine) -> None:
    codes = [runtime("EthVault"), b"\0", runtime("SafeEthVault"), bytes.fromhex("33ff")]
    answerer = engine.answerer(MODEL)
    together = answerer.answer([(code, None) for code in codes]).outputs
    assert together == [answerer.answer([(code, None)]).outputs[0] for code in codes]


def test_the_same_code_is_not_run_twice(loaded: Bundle) -> None:
    """Whatever contract it is in, in one batch and in another; another code is."""
    engine, ran = OnnxEngine({MODEL: loaded}, threads=1), list[int]()
    engine.observe = lambda _, work, __: ran.append(len(work))
    code, other = runtime("EthVault"), runtime("SafeEthVault")
    named = [bytes(12) + bytes([number]) * 20 + keccak(code) for number in (1, 2)]
    (first,) = engine.infer(MODEL, [(named[0], code)])
    assert engine.infer(MODEL, [(named[1], code), (code, None), (other, None), (other, None)])[:2] == [first, first]
    assert engine.infer(MODEL, [(other, None)]) != [first]
    assert ran == [1, 1]
    assert engine.answerer(MODEL).answer([(named[1], code)]).outputs == [first]


def test_anybody_may_destroy_this(engine: OnnxEngine) -> None:
    (answer,) = engine.infer(MODEL, [(bytes.fromhex("33ff"), None)])
    assert report.scores(answer)[RiskClass.UNPROTECTED_SELFDESTRUCT] >= FLAG_BPS


def test_the_card_is_what_the_metrics_say(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = json.loads((FOLDER / "metrics.json").read_text())
    assert (FOLDER / "MODEL_CARD.md").read_text() == recipe("evaluation.card", monkeypatch).render(metrics)


def test_metrics_name_every_class_and_baseline() -> None:
    held = json.loads((FOLDER / "metrics.json").read_text())["heldout"]
    names = {risk.name.lower() for risk in RiskClass}
    for table in (held, *held["baselines"].values()):
        assert set(table["per_class"]) == names
        for entry in table["per_class"].values():
            assert set(entry) == {"f1", "precision", "recall", "fpr", "support"}
            assert entry["support"] > 0
    assert list(held["baselines"]) == ["lr", "rules", "slither"]


def test_it_beats_chance_clearly() -> None:
    """Flagging everything would have precision = share of the class: macro-F1 far below a half."""
    metrics = json.loads((FOLDER / "metrics.json").read_text())
    total = sum(metrics["contracts"].values())
    shares = [entry["support"] / total for entry in metrics["heldout"]["per_class"].values()]
    chance = sum(2 * share / (1 + share) for share in shares) / len(shares)
    assert metrics["heldout"]["macro_f1_interval_95"][0] > chance + 0.2


def test_training_reads_what_a_node_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = recipe("network.batches", monkeypatch)
    encoded = encode(runtime("EthVault"))
    flat = batches.flatten([bytes(trace.tokens) for trace in encoded.functions])
    assert flat.tokens.tolist() == list(encoded.tokens)
    assert flat.first.tolist() == list(encoded.starts)
    assert [tuple(row) for row in flat.grams.tolist()] == list(encoded.grams)


def test_templates_are_split_without_overlap_and_draw_the_same_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    synthesis, kit = recipe("templates.synthesis", monkeypatch), recipe("templates.kit", monkeypatch)

    def names(split: str) -> set[str]:
        kits = (kit.Kit((0, 8, 20), Random(1)) for _ in synthesis.SPLITS[split])  # noqa: S311 (seeded, no secret)
        return {template(one, bad=True).template for template, one in zip(synthesis.SPLITS[split], kits, strict=True)}

    for risk in kit.Risk:
        mine = {split: {name for name in names(split) if synthesis.risk_of(name) == risk} for split in synthesis.SPLITS}
        assert sum(map(len, mine.values())) >= 15
        assert len(mine["test"]) >= 5
        assert len(mine["validation"]) >= 3
        assert not mine["train"] & mine["test"]
        assert not mine["validation"] & (mine["train"] | mine["test"])
    first, second = (synthesis.contract((0, 8, 20), Random(5)) for _ in range(2))  # noqa: S311
    assert first == second


def test_a_vulnerable_form_and_its_twin_are_labeled_so(monkeypatch: pytest.MonkeyPatch) -> None:
    synthesis, kit = recipe("templates.synthesis", monkeypatch), recipe("templates.kit", monkeypatch)
    for templates in synthesis.SPLITS.values():
        for template in templates:
            for bad in (True, False):
                member = template(kit.Kit((0, 8, 20), Random(2)), bad)  # noqa: S311
                assert all(f"function {function}(" in member.code for function in member.labels)
                risks = frozenset(risk for found in member.labels.values() for risk in found)
                assert (synthesis.risk_of(member.template) in risks) is bad
                assert all(bool(found) is bad for found in member.labels.values())


def test_the_demo_pair_is_in_no_source_of_training_data() -> None:
    texts = [
        path.read_text()
        for room in ("templates", "data", "network")
        for path in (FOLDER / room).iterdir()
        if path.is_file()
    ]
    assert len(texts) > 20
    assert not any(name in text for text in texts for name in ("EthVault.sol", "contracts/src"))


def test_scores_are_counted_as_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np  # noqa: PLC0415 (only here)

    scoring = recipe("network.scoring", monkeypatch)
    flagged, truth = np.array([1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 1], bool)
    assert scoring.class_score(flagged, truth) == scoring.ClassScore(
        f1=pytest.approx(2 / 3), precision=pytest.approx(2 / 3), recall=pytest.approx(2 / 3), fpr=0.5, support=3
    )
    threshold, f1 = scoring.best_threshold(np.array([0.1, 0.9, 0.4, 0.8]), np.array([0, 1, 0, 1], bool))
    assert 0.4 < threshold < 0.8
    assert f1 == 1.0

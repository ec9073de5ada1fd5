"""What the published weights say of the newest templates: what they judge wrongly is named."""

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.vectors import evm_templates
from themis.bundles import bundle
from themis.core.types import Hash32
from themis.engine.engine import OnnxEngine
from themis.evm import report
from themis.evm.report import RiskClass

FOLDER: Final = Path(__file__).parents[3] / "models" / "evm-risk-moe"
MODEL: Final = Hash32(b"\1" * 32)
FLAG_BPS: Final = 5_000
CLASSES: Final = {
    "reentrancy": RiskClass.REENTRANCY,
    "unchecked": RiskClass.UNCHECKED_CALL,
    "origin": RiskClass.TX_ORIGIN_AUTH,
    "kill": RiskClass.UNPROTECTED_SELFDESTRUCT,
    "delegate": RiskClass.UNPROTECTED_DELEGATECALL,
    "authority": RiskClass.UNPROTECTED_AUTHORITY,
}
MISSED: Final = {"authority.pending_set": 1, "authority.set_inside": 1}
"""Vulnerable forms by template that are not flagged in their class. Take a name out when they are."""
WRONGLY_FLAGGED: Final = {"authority.member_added": 1, "origin.rebate": 2}
"""Safe forms that are flagged in any class."""


@pytest.fixture(scope="module")
def scores() -> dict[str, tuple[int, ...]]:
    """Of each class by name of code."""
    engine, codes = OnnxEngine({MODEL: bundle.load(FOLDER)}, threads=1), evm_templates.codes()
    answers = engine.infer(MODEL, [(code, None) for code in codes.values()])
    return {name: report.scores(answer) for name, answer in zip(codes, answers, strict=True)}


def test_every_newest_template_is_there_in_both_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    assert set(evm_templates.codes()) == set(evm_templates.sources())
    forms = Counter(name.split()[1] for name in evm_templates.codes())
    assert forms["bad"] == forms["safe"] > 50
    assert sum(name.startswith("kill.shape_") and " safe " in name for name in evm_templates.codes()) >= 10


def test_what_is_missed_is_named(scores: dict[str, tuple[int, ...]]) -> None:
    bad = {name: found for name, found in scores.items() if " bad " in name}
    missed = Counter(
        name.split()[0] for name, found in bad.items() if found[CLASSES[name.partition(".")[0]]] < FLAG_BPS
    )
    assert missed == MISSED


def test_what_is_wrongly_flagged_is_named(scores: dict[str, tuple[int, ...]]) -> None:
    safe = {name: found for name, found in scores.items() if " safe " in name}
    assert Counter(name.split()[0] for name, found in safe.items() if max(found) >= FLAG_BPS) == WRONGLY_FLAGGED

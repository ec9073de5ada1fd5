"""Small contracts, each the smallest form of something once judged wrongly, in three settings of the compiler."""

from pathlib import Path
from typing import Final

import pytest

from tests.vectors import evm_cases
from themis.bundles import bundle
from themis.core.types import Hash32
from themis.engine.engine import OnnxEngine
from themis.evm import report
from themis.evm.limits import NotKnown
from themis.evm.report import RiskClass

FOLDER: Final = Path(__file__).parents[3] / "models" / "evm-risk-moe"
MODEL: Final = Hash32(b"\1" * 32)
FLAG_BPS: Final = 5_000
CLASSES: Final = {
    "reentrancy": RiskClass.REENTRANCY,
    "unchecked": RiskClass.UNCHECKED_CALL,
    "tx_origin": RiskClass.TX_ORIGIN_AUTH,
    "selfdestruct": RiskClass.UNPROTECTED_SELFDESTRUCT,
    "delegatecall": RiskClass.UNPROTECTED_DELEGATECALL,
}
MISSED: Final = frozenset({"reentrancy__cross_function", "unchecked__counted_only"})
"""What the weights do not see yet. Take a name out when they do."""


@pytest.fixture(scope="module")
def answers() -> dict[str, bytes]:
    """Reports by name and setting."""
    engine = OnnxEngine({MODEL: bundle.load(FOLDER)}, threads=1)
    codes = evm_cases.codes()
    return dict(zip(codes, engine.infer(MODEL, [(code, None) for code in codes.values()]), strict=True))


def is_right(name: str, answer: bytes) -> bool:
    pattern = name.partition(" ")[0]
    scores = report.scores(answer)
    if pattern.endswith("_safe"):
        return max(scores) < FLAG_BPS
    return scores[CLASSES[pattern.partition("__")[0]]] >= FLAG_BPS


def test_every_source_is_there_in_every_setting() -> None:
    stems = {path.stem for path in (evm_cases.HERE / "evm_cases").glob("*.sol")}
    assert set(evm_cases.codes()) == {f"{stem} {setting}" for stem in stems for setting in evm_cases.SETTINGS}


def test_each_is_judged_rightly_but_for_what_is_known_to_be_missed(answers: dict[str, bytes]) -> None:
    wrong = {name.partition(" ")[0] for name, answer in answers.items() if not is_right(name, answer)}
    assert wrong == MISSED


def test_nothing_of_them_is_left_out(answers: dict[str, bytes]) -> None:
    for name, answer in answers.items():
        said = report.unpack(answer)
        assert not said.not_known & ~(NotKnown.PROXY | NotKnown.UNKNOWN_JUMP), name
        assert said.coverage_bps == 10_000 or NotKnown.UNKNOWN_JUMP in said.not_known, name

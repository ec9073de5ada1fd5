"""Questions and answers in words, for each kind of model."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from themis.bundles import bundle
from themis.bundles.manifest import TENSORS, TEXT, TOKENS, TensorSchema
from themis.core.abi import encode
from themis.core.spelling import shown
from themis.engine import words
from themis.evm import report
from themis.evm.encode import PREPROCESSING
from themis.evm.limits import NotKnown

MODELS = Path(__file__).parents[3] / "models"
EVM: Any = SimpleNamespace(preprocessing=PREPROCESSING, generation=None)
ADDRESS, HASH = b"\x0a" * 20, b"\x0b" * 32


@dataclass(frozen=True, slots=True)
class Encoded:
    tokens: tuple[int, ...] = (1,)
    pcs: tuple[int, ...] = (7,)
    coverage_bps: int = 9_950
    not_known: NotKnown = NotKnown.PROXY
    implementation: bytes | None = None


def packed(**changes: Any) -> bytes:
    return report.pack([[1_234, 0, 0, 0, 0, 5, 0]], Encoded(**changes))  # type: ignore[arg-type]


def test_a_risk_report() -> None:
    said = dict(words.of_answer(EVM, packed()))
    assert said["reentrancy"] == "12.34 %"
    assert said["unprotected delegatecall"] == "0.05 %"
    assert said["code that was read"] == "99.50 %"
    assert said["worst at"] == "program counter 7"
    assert said["not known"] == report.WORDS[NotKnown.PROXY]


def test_a_report_about_a_pointer() -> None:
    said = dict(words.of_answer(EVM, packed(implementation=ADDRESS, not_known=NotKnown.NAMED)))
    assert said["points to"] == shown(ADDRESS)
    assert "reentrancy" not in said


@pytest.mark.parametrize("output", [b"", b"\xff" * 32, b"\x00" * 31])
def test_what_is_no_report_says_nothing(output: bytes) -> None:
    assert words.of_answer(EVM, output) == []


def test_questions_about_code() -> None:
    assert words.of_question(EVM, encode(["address", "bytes32"], [ADDRESS, HASH])) == [
        ("code of", shown(ADDRESS)),
        ("code hash", "0x" + HASH.hex()),
    ]
    assert words.of_question(EVM, bytes([0x60, 0x80])) == [("code", "2 bytes of bytecode")]
    assert words.of_question(EVM, b"what is this contract?")[0][0] == "no code"


def generic(preprocessing: str, answer: str | None = None, *, decodes: bool = True) -> Any:
    outputs = [TensorSchema(name="risk", dtype="float32", shape=[2], steps_per_unit=100)]
    generation = SimpleNamespace(answer=answer) if decodes else None
    return SimpleNamespace(preprocessing=preprocessing, generation=generation, outputs=outputs)


def test_text_is_told_as_text() -> None:
    manifest = generic(TEXT, "text")
    assert words.of_question(manifest, b"why?\xff") == [("text", "why?\ufffd")]
    assert words.of_answer(manifest, HASH + b"because\xff") == [
        ("text", "because\ufffd"),
        ("hash of the tokens", "0x" + HASH.hex()),
    ]
    assert words.of_answer(manifest, HASH[:31]) == []


def test_many_tokens_are_cut() -> None:
    ids = b"".join(n.to_bytes(4, "big") for n in range(70))
    expected = ", ".join(map(str, range(64))) + " and 6 more"
    assert words.of_question(generic(TOKENS), ids) == [("tokens", expected)]
    assert words.of_answer(generic(TOKENS), ids) == [("tokens", expected)]
    assert words.of_answer(generic(TOKENS), ids[:3]) == []


def test_numbers_are_in_units() -> None:
    manifest = generic(TENSORS, decodes=False)
    steps = (125).to_bytes(4, "big") + (-50).to_bytes(4, "big", signed=True)
    assert words.of_answer(manifest, steps) == [("risk", "1.25, -0.5")]
    assert words.of_question(manifest, steps) == [("tensors", "8 bytes")]
    assert words.of_answer(manifest, steps[:5]) == []


def test_scores_of_the_selftest() -> None:
    model = bundle.load(MODELS / "selftest-moe").manifest
    assert words.of_answer(model, (250).to_bytes(2, "big")) == [("scores", "2.50 %")]

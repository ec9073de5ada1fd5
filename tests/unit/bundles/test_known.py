"""What models read: known from their preprocessing, for the bundles that come with Themis without having them."""

from pathlib import Path

import pytest

from themis.bundles import bundle
from themis.bundles.known import FILE, known, rendered
from themis.cli.request.fitting import HOW, Reads, require
from themis.core.errors import Misconfigured, Refused
from themis.core.spelling import reads_as_text
from themis.engine import preprocess
from themis.evm.encode import PREPROCESSING

MODELS = Path(__file__).parents[3] / "models"
CODE = bytes.fromhex("6080604052348015600e575f80fd5b50")
RISK = Reads("evm-risk-moe", "code", 24_576)
OLMOE = Reads("olmoe-tiny", "text", 8_192)
TABLE = Reads("perceptron", "tensors", 100)


def test_the_list_of_known_bundles_is_fresh() -> None:
    paths = [file.parent for file in MODELS.glob("*/manifest.toml")]
    assert FILE.read_text() == rendered(paths), "run `python -m themis.bundles.known models/*/`"
    assert {each.name: each.reads for each in known()} == {
        "evm-risk-moe": "code", "olmoe-tiny": "text", "selftest-moe": "bytes",
    }  # fmt: skip
    assert {each.reads for each in known()} <= HOW.keys()


@pytest.mark.parametrize(
    ("model", "data", "is_target", "is_text", "said"),
    [
        (RISK, b"hello", False, True, "evm-risk-moe reads code, not text: ask it with --target CONTRACT"),
        (RISK, b"hello", False, False, "reads code, not text"),
        (OLMOE, bytes(64), True, False, "olmoe-tiny reads text, not the code of a contract: ask it with --text"),
        (OLMOE, b"\xff\xfe", False, False, "reads text, and this is not UTF-8"),
        (OLMOE, bytes(8_193), False, False, "takes 1 to 8192 bytes; this has 8193"),
        (TABLE, b"hello", False, True, "perceptron reads tensors, not text: ask it with --input-hex"),
        (TABLE, b"", False, False, "takes 1 to 100 bytes; this has 0"),
    ],
)
def test_a_question_of_another_kind_is_not_paid_for(
    model: Reads, data: bytes, is_target: bool, is_text: bool, said: str
) -> None:
    with pytest.raises(Misconfigured, match=said):
        require(model, data, is_target=is_target, is_text=is_text)


def test_a_question_that_fits_is_asked() -> None:
    require(RISK, CODE, is_target=False, is_text=False)
    require(RISK, bytes(64), is_target=True, is_text=False)
    require(OLMOE, b"hello", is_target=False, is_text=True)
    require(TABLE, b"hello", is_target=False, is_text=False)


@pytest.mark.parametrize(
    "text", [b"hello", "Ist das sicher? \u00e4\n".encode(), b"0x6080604052", b"is this safe?\r\n\tyes"]
)
def test_a_node_does_not_take_text_for_code(text: bytes) -> None:
    with pytest.raises(Refused, match="the input is text; the model reads code"):
        preprocess.find(PREPROCESSING).code_needed(text)


def test_code_is_not_taken_for_text() -> None:
    loaded = bundle.load(MODELS / "evm-risk-moe")
    assert not any(reads_as_text(each.input) or reads_as_text(each.code or CODE) for each in loaded.golden)
    assert not reads_as_text(b"\x60" * 64)
    clone = bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
    assert not reads_as_text((b"a" * 20).join(clone))

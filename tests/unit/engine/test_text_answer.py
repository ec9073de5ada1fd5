"""A decoder's answer as text: the hash of its tokens, then what they say, within what the oracle takes."""

from pathlib import Path

import numpy as np
import pytest
from eth_utils.crypto import keccak

from tests import foreign_models as foreign
from tests import small_language_model
from themis.adopt.adopt import Wishes, adopt
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.core.errors import Misconfigured
from themis.engine.generic import MAX_OUTPUT_BYTES, Generic
from themis.engine.text import Text
from themis.exact.session import open_session

QUESTION = b"the?"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle.load(small_language_model.cut(tmp_path_factory.mktemp("text")))


def answer(model: Bundle) -> bytes:
    return Generic(model).answer(open_session(model.model), QUESTION)


def test_it_is_the_hash_of_the_ids_and_their_text(model: Bundle, tmp_path: Path) -> None:
    ids = answer(bundle.load(small_language_model.cut(tmp_path, text_answer=False)))
    assert len(ids) == 24 * 4
    text = Generic(model)._text
    assert text
    output = answer(model)
    assert output == keccak(ids) + text.text(np.frombuffer(ids, ">u4").tolist()).encode()
    assert Generic(model).told(output)["text"] == output[32:].decode()
    with pytest.raises(ValueError, match="3 bytes; an answer with text begins with 32 of a hash"):
        Generic(model).told(b"abc")


def test_it_ends_before_the_token_that_does_not_fit(model: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 24 tokens that say 50 bytes each, 19 fit beside the hash."""
    monkeypatch.setattr(Text, "text", lambda _, ids: "x" * 50 * len(ids))
    output = answer(model)
    assert len(output) == 32 + 19 * 50 <= MAX_OUTPUT_BYTES
    tokens = Generic(model).generate(open_session(model.model), QUESTION).tokens
    assert output[:32] == keccak(np.array(tokens, ">u4").tobytes())
    assert len(tokens) == 19


def test_only_what_reads_text_answers_with_it(model: Bundle, tmp_path: Path) -> None:
    path = model.path / "manifest.toml"
    changed = path.read_text().replace('preprocessing = "text/1"', 'preprocessing = "tokens/1"')
    (tmp_path / "manifest.toml").write_text(changed)
    with pytest.raises(Misconfigured, match="a model that answers with text reads text/1"):
        bundle.load(tmp_path)
    (tmp_path / "made").mkdir()
    wishes = Wishes("it", "1.0", "A test.", "MIT", "It", None, (), 8, 1_000, text_answer=True)
    with pytest.raises(Misconfigured, match="or an answer as text, is for a decoder with a tokenizer"):
        adopt(foreign.source(tmp_path / "source", foreign.perceptron()), tmp_path / "made", wishes)

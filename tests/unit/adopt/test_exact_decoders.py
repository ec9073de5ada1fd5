"""An exact decoder becomes a bundle that generates, within its proof, and as its executable specification says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import foreign_models as foreign
from themis.adopt.adopt import Adopted, Wishes, adopt
from themis.bundles import bundle
from themis.core.errors import Misconfigured, Refused
from themis.core.types import Hash32
from themis.engine import decoder
from themis.engine.engine import OnnxEngine
from themis.engine.reach import Reach
from themis.exact import interpret
from themis.exact.lint import lint
from themis.exact.session import open_session

ID = Hash32(b"\x08" * 32)
CONTEXT = 32


def request(*ids: int) -> bytes:
    return np.array(ids, ">u4").tobytes()


def made(tmp_path: Path, *, context: int = CONTEXT, max_new_tokens: int = 6) -> Adopted:
    config = foreign.config(max_position_embeddings=context, eos_token_id=[])
    source = foreign.source(tmp_path / "source", foreign.counting(CONTEXT), config_json=config)
    (tmp_path / "made").mkdir()
    wishes = Wishes("it", "1.0", "A test.", "MIT", "Built with it", None, (), max_new_tokens, 1_000)
    return adopt(source, tmp_path / "made", wishes)


def test_sizes_are_added_where_a_cache_grows() -> None:
    report = lint(foreign.counting(CONTEXT))
    assert report.findings == ()


def test_integer_logits_are_chosen_from(tmp_path: Path) -> None:
    adopted = made(tmp_path)
    assert adopted.exact
    assert adopted.margin is not None
    assert adopted.margin == int(adopted.margin)
    (output,) = OnnxEngine({ID: bundle.load(tmp_path / "made")}, 1).infer(ID, [(request(1, 2), None)])
    assert len(output) == 6 * 4


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32])
def test_the_lowest_of_several_best_ids_is_chosen(dtype: Any) -> None:
    assert decoder.choose(np.array([1, 5, 2, 5], dtype)) == (1, 0.0)
    assert decoder.choose(np.array([-7], dtype)) == (0, np.inf)
    assert decoder.choose(np.array([-3, 4], dtype)) == (1, 7.0)


def test_the_context_is_what_the_proof_covers(tmp_path: Path) -> None:
    made(tmp_path, context=8_192, max_new_tokens=64)
    found = bundle.load(tmp_path / "made")
    assert found.manifest.generation
    assert found.manifest.generation.context == CONTEXT
    engine = OnnxEngine({ID: found}, 1)
    (output,) = engine.infer(ID, [(request(*range(8)), None)])
    assert len(output) == 4 * (CONTEXT - 8)
    with pytest.raises(Refused, match=f"{CONTEXT} tokens; 1 to {CONTEXT - 1} fit"):
        engine.infer(ID, [(request(*[1] * CONTEXT), None)])
    with pytest.raises(Refused, match="token 16 is outside the vocabulary, 0 to 15"):
        engine.infer(ID, [(request(1, 16), None)])


def test_a_manifest_that_promises_more_than_the_proof_is_refused(tmp_path: Path) -> None:
    made(tmp_path)
    path = tmp_path / "made/manifest.toml"
    path.write_text(path.read_text().replace(f"context = {CONTEXT}", "context = 64"))
    with pytest.raises(Misconfigured, match="a context of 64 tokens, and its graph is proven exact for 32"):
        OnnxEngine({ID: bundle.load(tmp_path / "made")}, 1)


def test_a_question_in_pieces_is_the_same_question(tmp_path: Path) -> None:
    """The proof covers 8 new tokens at a time: a longer question goes in pieces."""
    made(tmp_path)
    found = bundle.load(tmp_path / "made")
    question = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9]
    schema, inputs = found.manifest.generation, found.manifest.inputs
    assert schema
    session = open_session(found.model)
    reach = Reach(inputs, found.declared)
    whole = decoder.generate(session, schema, inputs, question, reach)
    cache = decoder.empty_cache(schema, inputs)
    for past, token in enumerate(question):
        logits, cache = decoder.step(session, schema, [token], past, cache, reach=reach)
    assert decoder.choose(logits)[0] == whole.tokens[0]
    with pytest.raises(Refused, match="tokens = 13, limit 8"):
        decoder.step(session, schema, question, 0, decoder.empty_cache(schema, inputs), reach=reach)


def test_a_decoder_is_compared_with_the_specification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(interpret.OPERATORS, "Mod", lambda x, _, **__: x * 0)
    with pytest.raises(Misconfigured, match="is not exact here"):
        made(tmp_path)

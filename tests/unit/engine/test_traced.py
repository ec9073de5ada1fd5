"""A trace's run gives the answer that a node gives, whatever reads the request."""

from pathlib import Path

import onnx
import pytest

from tests import foreign_models as foreign
from tests import small_language_model
from tests.homes import RISK, SELFTEST
from themis.adopt.adopt import Wishes, adopt
from themis.bundles import bundle, disputable
from themis.core.errors import Reason, Refused
from themis.engine.generic import Generic
from themis.engine.runner import OneByOne
from themis.engine.traced import runs, traced
from themis.engine.tuning import untuned
from themis.exact import program
from themis.exact.referee.steps import Steps

WISHES = Wishes("m", "1.0.0", "Of a test.", "MIT", "Built with it", None, (), 16, 10_000)


@pytest.mark.parametrize("path", [SELFTEST, RISK], ids=lambda path: path.name)
def test_golden_answers_follow_from_their_traces(path: Path) -> None:
    loaded = bundle.load(path)
    roots = set()
    for golden in loaded.golden[:3]:
        found, output = traced(loaded, golden.input, golden.code)
        assert output == golden.output
        roots.add(found.root)
    assert len(roots) == 3


def test_so_do_those_of_a_stranger_s_exact_graph(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    adopt(foreign.source(tmp_path / "source", foreign.exact()), tmp_path / "bundle", WISHES)
    loaded = bundle.load(tmp_path / "bundle")
    assert disputable.examine(loaded).proved.startswith("everything")
    for golden in loaded.golden:
        assert traced(loaded, golden.input, None)[1] == golden.output
    with pytest.raises(Refused) as caught:
        traced(loaded, b"nonsense", None)
    assert caught.value.reason == Reason.INVALID_INPUT


def test_a_decoders_runs_are_traced_and_hang_together(tmp_path: Path) -> None:
    """Caches in are caches out, and what is read is what was found best (`exact.referee.steps`)."""
    loaded = bundle.load(small_language_model.cut(tmp_path, max_new_tokens=3))
    claim, output = runs(loaded, b"the?")
    assert output == OneByOne(loaded, untuned(loaded)).answer([(b"the?", None)]).outputs[0]
    court = Steps(program.read(onnx.load_from_string(loaded.model)), Generic(loaded).pieces(b"the?"))
    assert len(claim) == 3
    assert court.accusations(claim) == []
    assert len(court.accusations([claim[0], claim[2]])) >= len(court.program.inputs) - 1
    with pytest.raises(Refused, match="not UTF-8"):
        runs(loaded, b"\xff")

"""A trace's run gives the answer that a node gives, whatever reads the request."""

from pathlib import Path

import pytest

from tests import foreign_models as foreign
from tests.homes import RISK, SELFTEST
from themis.adopt.adopt import Wishes, adopt
from themis.bundles import bundle, disputable
from themis.core.errors import Reason, Refused
from themis.engine.traced import traced

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

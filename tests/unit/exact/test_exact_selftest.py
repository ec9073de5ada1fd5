"""The check a node makes before it signs: passes here, and notices a single wrong bit."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.twins import assert_twins
from themis.core.errors import Misconfigured
from themis.exact import selftest
from themis.exact.lint import lint
from themis.exact.roots import parameters
from themis.exact.session import SessionSettings, open_session
from themis.exact.spec import Spec


@pytest.mark.parametrize("threads", [1, 2])
def test_this_machine_passes(threads: int) -> None:
    selftest.check(threads)


@pytest.mark.parametrize(("name", "build"), [("network", selftest.network), ("extremes", selftest.extremes)])
def test_the_digests_are_the_specifications(name: str, build: Callable[[Spec], None]) -> None:
    spec = Spec(selftest.cases()[name][1])
    build(spec)
    assert selftest.digest(list(spec.outputs.values())) == selftest.GOLDEN[name]


@pytest.mark.parametrize("name", ["network", "extremes"])
def test_a_digest_that_differs_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "GOLDEN", {**selftest.GOLDEN, name: "0" * 64})
    with pytest.raises(Misconfigured, match=f"`{name}` self-test.*install another onnxruntime"):
        selftest.check(1)


def test_a_runtime_that_saturates_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As AVX2 does for u8 x s8: one element of the extreme products off by one."""

    class Saturating:
        def __init__(self, model: bytes, settings: SessionSettings) -> None:
            self._session = open_session(model, settings)
            self.get_outputs = self._session.get_outputs

        def run(self, names: list[str], feed: Mapping[str, Any]) -> list[NDArray[Any]]:
            results: list[NDArray[Any]] = self._session.run(names, dict(feed))
            if "product" in names:
                results[0] = np.where(results[0] == results[0].max(), results[0].max() - 1, results[0])
            return results

    monkeypatch.setattr(selftest, "open_session", Saturating)
    with pytest.raises(Misconfigured, match="`extremes` self-test"):
        selftest.check(1)


def test_the_network_is_exact_and_small() -> None:
    model = selftest.build()
    assert lint(model).findings == ()
    assert 14_000 <= parameters(model) <= 17_000


def test_probes_reach_both_ends_of_the_scale() -> None:
    model_input = selftest.cases()["network"][1]
    scores = assert_twins(selftest.network, model_input)["scores_bps"]
    assert scores.min() == 0
    assert scores.max() == 9_999
    assert len(np.unique(scores)) > 50

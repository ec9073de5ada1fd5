"""Whole models on real inputs: specification == ONNX Runtime, whatever the threads, level and batch."""

import numpy as np
import pytest
from onnxruntime import InferenceSession

from benchmarks import exact_inputs
from benchmarks.exact_inputs import RISK, codes, compare
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.exact import selftest
from themis.exact.interpret import interpret
from themis.exact.spec import Spec


@pytest.fixture(scope="module")
def risk() -> Bundle:
    return bundle.load(RISK)


def test_the_committed_contracts_are_a_thousand_different_ones() -> None:
    found = codes()
    assert len(set(found)) == len(found) == 1_000
    assert max(map(len, found)) > 5_000


def test_the_default_model_answers_as_specified(risk: Bundle) -> None:
    """A sample of what `python -m benchmarks.exact_inputs` runs whole."""
    found = compare(risk, codes()[::25])
    assert found["runs"] == 8 * (40 + 5)
    assert found["different_rows"] > 100


def test_one_wrong_bit_is_noticed(risk: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    real = exact_inputs.answers

    def off_by_one(session: InferenceSession, feed: exact_inputs.Feed) -> exact_inputs.Feed:
        found = real(session, feed)
        for value in found.values():
            value[-1, -1] ^= 1
        return found

    monkeypatch.setattr(exact_inputs, "answers", off_by_one)
    with pytest.raises(AssertionError, match="scores_bps differs from the specification with 1 threads"):
        compare(risk, codes()[:8])


def test_both_specifications_say_the_same() -> None:
    """Blocks (spec.py), from which golden answers come, and operators (interpret.py)."""
    for name, network in (("network", selftest.network), ("extremes", selftest.extremes)):
        model, feed = selftest.cases()[name]
        spec = Spec(feed)
        network(spec)
        for output, value in interpret(model, feed).items():
            assert np.array_equal(value, spec.outputs[output])

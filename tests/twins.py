"""Runs one network as executable specification and as ONNX graph, under every session setting that must not matter."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from themis.exact.emit import Emitter
from themis.exact.graph import serialize
from themis.exact.interpret import interpret
from themis.exact.lint import lint
from themis.exact.session import LEVELS, PLAIN, SessionSettings, open_session
from themis.exact.spec import Spec

Feed = Mapping[str, NDArray[Any]]
Network = Callable[[Any], None]
"""A function over Blocks of either kind."""

EXTENTS: Final = {"T": 20_000, "F": 1_024, "L": 192, "R": 64}
SETTINGS: Final = [SessionSettings(threads, level=level) for threads in (1, 2) for level in ("none", "all")]
ALL_SETTINGS: Final = [SessionSettings(threads, level=level) for threads in (1, 2) for level in LEVELS]


def emit(network: Network) -> onnx.ModelProto:
    emitter = Emitter("twin", EXTENTS, light=True)
    network(emitter)
    return emitter.build()


def run(model: onnx.ModelProto, feed: Feed, settings: SessionSettings = PLAIN) -> dict[str, NDArray[Any]]:
    session = open_session(serialize(model), settings)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feed)), strict=True))


def assert_twins(network: Network, feed: Feed) -> dict[str, NDArray[Any]]:
    """Specification == ONNX Runtime bit for bit, inside the proven ranges. Returns the results."""
    model = emit(network)
    report = lint(model)
    assert report.findings == ()
    spec = Spec(feed)
    network(spec)
    by_operator = interpret(model, feed)
    for settings in SETTINGS:
        for name, found in run(model, feed, settings).items():
            expected = spec.outputs[name]
            assert found.shape == expected.shape
            assert np.array_equal(found, expected), f"{name} differs with {settings}"
            assert np.array_equal(found, by_operator[name])
            proven = report.certificate[name]
            assert expected.size == 0 or (proven.low <= expected.min() and expected.max() <= proven.high)
    return {name: np.asarray(value) for name, value in spec.outputs.items()}

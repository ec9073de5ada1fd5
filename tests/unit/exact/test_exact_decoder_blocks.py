"""A decoder's graph, its operators' specification and its blocks' specification give the same bits, step by step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from tests import small_decoders as small
from themis.engine.decoder import choose
from themis.exact.declare import Range, write_declarations
from themis.exact.decoder import tables
from themis.exact.decoder.emitted import Emitter
from themis.exact.decoder.network import Numbers, decoder
from themis.exact.decoder.specified import Spec
from themis.exact.graph import Graph, serialize
from themis.exact.interpret import interpret
from themis.exact.lint import lint
from themis.exact.session import SessionSettings, open_session

Caches = dict[str, NDArray[Any]]
KINDS: dict[str, dict[str, Any]] = {
    "tied": {},
    "untied": {"tied": False},
    "three digits": {"digits": 3},
    "bytes": {"bytes_": True},
    "biased": {"bias": True},
    "normed heads": {"normed": (small.HEAD, small.HEAD)},
    "heads normed together": {"normed": (small.HEADS * small.HEAD, small.PAIRS * small.HEAD)},
    "a mixture": {"mixed": False},
    "a mixture with shares of all": {"mixed": True},
}


def graph(numbers: Numbers, **more: Any) -> onnx.ModelProto:
    emitter = Emitter("small", small.CONTEXT, piece=16)
    decoder(emitter, numbers, **more)
    return emitter.build()


def feed(tokens: list[int], caches: Caches, past: int) -> dict[str, NDArray[Any]]:
    sizes = {"key": (1, small.PAIRS, small.HEAD, 0), "value": (1, small.PAIRS, 0, small.HEAD)}
    names = [f"past_key_values.{layer}.{kind}" for layer in range(small.LAYERS) for kind in ("key", "value")]
    empty = {name: np.zeros(sizes[name.rsplit(".", 1)[1]], np.uint8) for name in names}
    places = np.arange(past, past + len(tokens))[None]
    return {"input_ids": np.array([tokens]), "position_ids": places, **empty, **caches}


def kept(outputs: Mapping[str, NDArray[Any]]) -> Caches:
    caches = {name: value for name, value in outputs.items() if name.startswith("present")}
    return {name.replace("present", "past_key_values"): value for name, value in caches.items()}


def ran(session: ort.InferenceSession, given: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_three_ways_agree_at_each_step(kind: str) -> None:
    numbers = small.numbers(7, **KINDS[kind])
    model = graph(numbers)
    assert lint(model).findings == ()
    sessions = [open_session(serialize(model), SessionSettings(threads)) for threads in (1, 2)]
    tokens, past, caches = [3, 1, 4, 1, 5, 9, 2, 6, 5], 0, Caches()
    for _ in range(4):
        spec = Spec(tokens, caches)
        decoder(spec, numbers)
        given = feed(tokens, caches, past)
        for found in (*(ran(session, given) for session in sessions), interpret(model, given)):
            assert found.keys() == spec.outputs.keys()
            for name, value in found.items():
                assert value.dtype == spec.outputs[name].dtype
                assert np.array_equal(value, spec.outputs[name]), name
        past, caches = past + len(tokens), kept(spec.outputs)
        best, _ = choose(spec.outputs["logits"][0, -1])
        assert spec.outputs["best"][0, -1] == best
        tokens = [(best + past) % small.VOCABULARY]
        assert np.unique(spec.outputs["logits"]).size > small.VOCABULARY // 2


def test_pieces_are_the_whole() -> None:
    numbers, tokens = small.numbers(3), [3, 14, 15, 9, 26, 5, 35, 8]
    session = open_session(serialize(graph(numbers, every_row=True)))
    whole = ran(session, feed(tokens, {}, 0))
    for sizes in ([1] * 8, [3, 5], [7, 1]):
        past, caches, rows = 0, Caches(), []
        for size in sizes:
            found = ran(session, feed(tokens[past : past + size], caches, past))
            past, caches = past + size, kept(found)
            rows.append(found["logits"])
        assert np.array_equal(np.concatenate(rows, 1), whole["logits"])
        assert all(np.array_equal(value, kept(whole)[name]) for name, value in caches.items())


def test_operators_are_those_that_a_referee_knows() -> None:
    used = {node.op_type for node in graph(small.numbers()).graph.node}
    assert used.isdisjoint({"LessOrEqual", "Slice", "Tile", "CumSum"})


def test_tables_are_what_floats_say() -> None:
    x = np.arange(-1_000, 1_001) / 256
    assert np.abs(tables.silu(1_000, 8) - 256 * x / (1 + np.exp(-x))).max() <= 0.5 + 1e-9
    found, angles = tables.turns(100_000.0, 8, 50), np.arange(50)[:, None] * 100_000.0 ** (-np.arange(4) / 4)
    assert np.abs(found.cosines[:, :4] - np.cos(angles) * 2**10).max() <= 0.5 + 1e-6
    assert np.abs(found.sines[:, 4:] - np.sin(angles) * 2**10).max() <= 0.5 + 1e-6
    choices, weights = tables.choices(), tables.falling(255, 0.3)
    assert (choices[0], choices[32], choices[-1]) == (4_095, 2_048, 0)
    assert np.abs(weights - 255 * 2 ** (-0.3 * np.arange(len(weights)))).max() <= 0.5 + 1e-9
    assert weights[-2] > weights[-1] == 0


@pytest.mark.parametrize(
    "logits",
    [
        [[3, 7, 7, -2]],
        [[-5, -5, -5, -5], [2**33 + 1, 2**33, 2**33 + 1, -(2**40)]],
        [[-(2**40), -(2**40) + 1, -(2**40), -(2**40) + 1], [2**31 - 1, 2**31, 2**32 - 1, 2**32 - 1]],
        [[2**40, -(2**40), 2**40 - 1, 2**40]],
    ],
)
def test_the_first_of_the_highest_logits_is_the_token(logits: list[list[int]]) -> None:
    """As `decoder.choose` has it, by halves of 31 bits: ties, neighbors, and both sides of each border."""
    values = np.array([logits], np.int64)
    graph_ = Graph("best")
    emitter, spec = Emitter("best", 4), Spec([0], {})
    emitter._graph = graph_
    emitter.best(graph_.input("logits", np.int64, (1, "rows", 4)), 2**40)
    spec.best(values, 2**40)
    model = graph_.build()
    write_declarations(model, {"logits": Range(-(2**40), 2**40)}, {"rows": 4})
    assert lint(model).findings == ()
    (found,) = open_session(serialize(model)).run(["best"], {"logits": values})
    for each in (found, interpret(model, {"logits": values})["best"]):
        assert np.array_equal(each, spec.outputs["best"])
    assert found[0].tolist() == [choose(np.array(row))[0] for row in logits]
    with pytest.raises(ValueError, match="a logit is beyond 5"):
        spec.best(values * 0 + 6, 5)

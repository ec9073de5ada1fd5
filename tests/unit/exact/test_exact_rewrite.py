"""Rewrites give the same bits, stay in the exact profile, and change what they say they change."""

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import pytest

from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.engine import batch, preprocess
from themis.exact.graph import Graph, serialize
from themis.exact.interpret import interpret
from themis.exact.lint import lint
from themis.exact.rewrite import REWRITES, rewrite
from themis.exact.session import SessionSettings, open_session

MODELS: Final = Path(__file__).parents[3] / "models"
BUNDLES: Final = {name: bundle.load(MODELS / name) for name in ("selftest-moe", "evm-risk-moe")}
ALL: Final = tuple(REWRITES)


def feeds(loaded: Bundle) -> list[dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]]:
    """Small golden inputs alone, then all of them together."""
    prepare = preprocess.find(loaded.manifest.preprocessing).prepare
    samples = [prepare(golden.input, golden.code) for golden in loaded.golden]
    small = [[sample] for sample in samples if sum(sample.lengths) < 128]
    return [batch.collate(group, loaded.dtypes, loaded.declared) for group in (*small, samples)]


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize(
    "chosen", [*((each,) for each in REWRITES), ("folded-tables", "added-rows"), ALL], ids="+".join
)
def test_a_rewritten_model_is_exact_and_gives_the_same_bits(chosen: tuple[str, ...], name: str) -> None:
    loaded = BUNDLES[name]
    model = rewrite(loaded.model, chosen)
    assert lint(onnx.load_from_string(model)).findings == ()
    plain, other = open_session(loaded.model), open_session(model, SessionSettings(level="all"))
    names = list(loaded.units)
    for feed in feeds(loaded):
        for expected, found in zip(plain.run(names, feed), other.run(names, feed), strict=True):
            assert np.array_equal(expected, found)
            assert expected.dtype == found.dtype


def test_a_rewritten_model_agrees_with_the_specification() -> None:
    loaded = BUNDLES["selftest-moe"]
    model = onnx.load_from_string(rewrite(loaded.model, ALL))
    for feed in feeds(loaded)[:2]:
        expected = interpret(onnx.load_from_string(loaded.model), feed)
        assert all(np.array_equal(found, expected[name]) for name, found in interpret(model, feed).items())


def operators(model: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(model).graph.node)


def test_each_rewrite_does_what_it_says() -> None:
    plain = BUNDLES["evm-risk-moe"].model
    before = operators(plain)
    folded = operators(rewrite(plain, ["folded-tables"]))
    assert operators(rewrite(plain, ["folded-tables", "added-rows"]))["ReduceSum"] < folded["ReduceSum"]
    for name, fewer in (
        ("unguarded", "Clip"),
        ("rows-as-products", "ReduceSum"),
        ("folded-tables", "Mul"),
        ("sums-as-products", "ReduceSum"),
        ("scanned-dispatch", "TopK"),
        ("counted-dispatch", "TopK"),
        ("chained-experts", "Concat"),
    ):
        assert operators(rewrite(plain, [name]))[fewer] < before[fewer], name
    layers = before["NonZero"] + operators(rewrite(plain, ["scanned-dispatch"]))["NonZero"]
    assert operators(rewrite(plain, ["counted-dispatch"]))["TopK"] == before["TopK"] - 2 * layers == layers


def test_experts_are_chained_only_where_rows_are_parted_as_they_were() -> None:
    graph = Graph("parted otherwise")
    rows = graph.input("rows", np.uint8, ("T", 2))
    sizes, others = (graph.input(name, np.int64, (2,)) for name in ("sizes", "others"))
    weight = np.arange(8, dtype=np.uint8).reshape(2, 4)
    zero = np.uint8(128)
    products = [
        graph.op("MatMulInteger", part, weight, zero, zero, dtype=np.int32)
        for part in graph.ops("Split", 2, rows, sizes, axis=0)
    ]
    doubled = graph.op("Mul", graph.op("Concat", *products, axis=0), np.int32(2))
    for number, part in enumerate(graph.ops("Split", 2, doubled, others, axis=0)):
        graph.output(f"y{number}", part)
    model = serialize(graph.build())
    assert rewrite(model, ["chained-experts"]) == model


def test_rewriting_is_reproducible_and_keeps_the_interface() -> None:
    loaded = BUNDLES["selftest-moe"]
    model = onnx.load_from_string(rewrite(loaded.model, ALL))
    plain = onnx.load_from_string(loaded.model)
    assert rewrite(loaded.model, ALL) == rewrite(loaded.model, ALL[::-1])
    assert (model.graph.input, model.graph.output) == (plain.graph.input, plain.graph.output)
    assert model.metadata_props == plain.metadata_props
    assert rewrite(loaded.model, ()) == serialize(plain)


def test_a_graph_with_nothing_to_rewrite_stays_as_it_is() -> None:
    graph = Graph("plain")
    x = graph.input("x", np.int32, ("T", 4))
    total = graph.op("ReduceSum", x, np.array([0]), keepdims=0)
    graph.output("y", graph.op("Clip", total, np.int32(0), np.int32(9)))
    model = serialize(graph.build())
    assert rewrite(model, ALL) == model


def test_a_table_read_in_two_ways_is_folded_for_neither() -> None:
    graph = Graph("shared")
    ids = graph.input("ids", np.int64, ("T",))
    rows = graph.cast(graph.op("Gather", np.arange(8, dtype=np.uint8).reshape(4, 2), ids, axis=0), np.int32)
    graph.output("doubled", graph.op("Mul", rows, np.int32(2)))
    graph.output("lowered", graph.op("Sub", rows, np.int32(1)))
    model = rewrite(serialize(graph.build()), ["folded-tables"])
    assert operators(model)["Mul"] == operators(model)["Sub"] == 1
    assert operators(model)["Cast"] == 0
    doubled, lowered = open_session(model).run(None, {"ids": np.array([3, 0])})
    assert (doubled.tolist(), lowered.tolist()) == ([[12, 14], [0, 2]], [[5, 6], [-1, 0]])

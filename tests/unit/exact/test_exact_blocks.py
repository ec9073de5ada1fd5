"""Every block of the exact profile: NumPy specification == ONNX Runtime, on random and on extreme inputs."""

from collections.abc import Callable
from math import isqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import numpy_helper

from tests.twins import Feed, assert_twins, emit
from themis.exact import blocks, spec
from themis.exact.blocks import STREAM_MAX, Blocks, Experts, V, centered, gains
from themis.exact.emit import Emitter
from themis.exact.graph import Tensor
from themis.exact.layout import layout

Fill = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.uint8]]

FILLS: dict[str, Fill] = {
    "uniform": lambda rng, shape: rng.integers(0, 256, shape).astype(np.uint8),
    "normal": lambda rng, shape: np.clip(np.rint(rng.standard_normal(shape) * 40) + 128, 0, 255).astype(np.uint8),
    "ends": lambda rng, shape: rng.choice(np.array([0, 255], np.uint8), shape),
    "light": lambda rng, shape: rng.choice(np.array([64, 192], np.uint8), shape),
    "least": lambda _, shape: np.zeros(shape, np.uint8),
    "most": lambda _, shape: np.full(shape, 255, np.uint8),
    "zero": lambda _, shape: np.full(shape, 128, np.uint8),
}
fills = st.sampled_from(list(FILLS.values()))
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
few = settings(max_examples=20, deadline=None)


def streams(rng: np.random.Generator, shape: tuple[int, ...], magnitude: int) -> NDArray[np.int32]:
    return rng.integers(-magnitude, magnitude, shape, endpoint=True).astype(np.int32)


@few
@given(rng=seeds, x=fills, w=fills, rows=st.integers(1, 40), k=st.integers(1, 70), n=st.integers(1, 40))
def test_linear_and_project(*, rng: np.random.Generator, x: Fill, w: Fill, rows: int, k: int, n: int) -> None:
    weight, bias = w(rng, (k, n)), rng.integers(-(2**20), 2**20, n).astype(np.int32)
    shifts = [int(shift) for shift in rng.integers(0, 16, n)]

    def network(b: Blocks[V]) -> None:
        value = b.input("x", np.uint8, ("T", k), 0, 255)
        b.output("one", b.linear(value, weight, 7))
        b.output("columns", b.linear(value, weight, shifts))
        b.output("plain", b.project(value, weight))
        b.output("biased", b.project(value, weight, bias))
        b.output("requantized", b.requantize(b.project(value, weight, bias), 9))

    assert_twins(network, {"x": x(rng, (rows, k))})


def test_linear_rounds_every_half_to_even() -> None:
    """All accumulators -16,384..16,256 in steps of 128, at every shift: each half and each saturation occurs."""
    x = np.arange(256, dtype=np.uint8)[:, None]
    weight = np.array([[0, 127, 129, 130, 255]], np.uint8)

    def network(b: Blocks[V]) -> None:
        value = b.input("x", np.uint8, ("T", 1), 0, 255)
        for shift in range(16):
            b.output(f"shift{shift}", b.linear(value, weight, shift))

    found = assert_twins(network, {"x": x})
    exact = (x.astype(float) - 128) * (weight.astype(float) - 128)
    for shift in range(16):
        assert np.array_equal(found[f"shift{shift}"], np.clip(np.rint(exact / 2**shift), -128, 127) + 128)


@few
@given(rng=seeds, fill=fills, rows=st.integers(1, 30), shift=st.integers(0, 8))
def test_embeddings(rng: np.random.Generator, fill: Fill, rows: int, shift: int) -> None:
    table, bags = fill(rng, (50, 12)), fill(rng, (90, 12))

    def network(b: Blocks[V]) -> None:
        ids = b.input("ids", np.int64, ("T",), 0, 49)
        grams = b.input("grams", np.int64, ("T", 5), 0, 89)
        one, bag = b.embed(ids, table, shift), b.embed_bag(grams, bags, shift)
        b.output("one", one)
        b.output("bag", bag)
        b.output("sum", b.add(one, bag))

    assert_twins(network, {"ids": rng.integers(0, 50, rows), "grams": rng.integers(0, 90, (rows, 5))})


@few
@given(rng=seeds, rows=st.integers(1, 30), width=st.integers(1, 80), magnitude=st.sampled_from([0, 1, 300, STREAM_MAX]))
def test_rms_norm(rng: np.random.Generator, rows: int, width: int, magnitude: int) -> None:
    gain = rng.integers(-blocks.GAIN_MAX, blocks.GAIN_MAX, width, endpoint=True).astype(np.int32)
    plain = gains(np.ones(width))

    def network(b: Blocks[V]) -> None:
        x = b.input("x", np.int32, ("T", width), -STREAM_MAX, STREAM_MAX)
        b.output("any", b.rms_norm(x, gain))
        b.output("plain", b.rms_norm(x, plain))

    x = streams(rng, (rows, width), magnitude)
    found = assert_twins(network, {"x": x})
    if magnitude >= 300 and width >= 16:
        root = np.sqrt((x.astype(float) ** 2).mean(-1, keepdims=True))
        assert np.abs(found["plain"] - 128 - np.clip(x / root * 32, -128, 127)).max() <= 1


def test_rms_norm_takes_the_integer_root() -> None:
    """Sums of squares next to perfect squares, where a sloppy root is off by one."""
    roots = np.array([2**20 - 1, 2**20 - 7, 94_906_265, 17], np.int64)
    pairs = np.array([[isqrt(int(root) ** 2 // 2), 1] for root in roots], np.int64)
    x = np.clip(pairs, -STREAM_MAX, STREAM_MAX).astype(np.int32)

    def network(b: Blocks[V]) -> None:
        value = b.input("x", np.int32, ("T", 2), -STREAM_MAX, STREAM_MAX)
        b.output("y", b.rms_norm(value, np.array([31_337, -31_337], np.int32)))

    assert_twins(network, {"x": x})


@few
@given(rng=seeds, shift=st.integers(1, 16), magnitude=st.sampled_from([1, 2**16, 2**29]))
def test_residual_and_requantize(rng: np.random.Generator, shift: int, magnitude: int) -> None:
    def network(b: Blocks[V]) -> None:
        x = b.input("x", np.int32, ("T", 9), -STREAM_MAX, STREAM_MAX)
        y = b.input("y", np.int32, ("T", 9), -(2**29), 2**29)
        b.output("sum", b.residual(x, y, shift))
        b.output("u8", b.requantize(y, shift))

    assert_twins(network, {"x": streams(rng, (20, 9), STREAM_MAX), "y": streams(rng, (20, 9), magnitude)})


@few
@given(
    rng=seeds,
    fill=fills,
    lengths=st.lists(st.integers(1, 24), min_size=1, max_size=6),
    heads=st.integers(1, 3),
    width=st.sampled_from([1, 4, 16]),
    shift=st.integers(0, 12),
)
def test_attention(
    *, rng: np.random.Generator, fill: Fill, lengths: list[int], heads: int, width: int, shift: int
) -> None:
    place, slot = layout(lengths)

    def network(b: Blocks[V]) -> None:
        qkv = b.input("qkv", np.uint8, ("T", 3 * heads * width), 0, 255)
        places = b.input("place", np.int64, ("T",))
        slots = b.input("slot", np.int64, ("F", "L"), -1)
        b.output("y", b.attention(qkv, places, slots, heads=heads, head_width=width, score_shift=shift))

    qkv = fill(rng, (sum(lengths), 3 * heads * width))
    together = assert_twins(network, {"qkv": qkv, "place": place, "slot": slot})["y"]
    first = lengths[0]
    place, slot = layout([first])
    alone = assert_twins(network, {"qkv": qkv[:first], "place": place, "slot": slot})["y"]
    assert np.array_equal(alone, together[:first]), "a sequence's result depends on its neighbors"


def test_attention_is_close_to_float_softmax() -> None:
    rng, width, length = np.random.default_rng(5), 16, 60
    qkv = FILLS["normal"](rng, (length, 3 * width))
    place, slot = layout([length])
    value = spec.Spec({}).attention(qkv.astype(np.int64), place, slot, heads=1, head_width=width, score_shift=7)
    q, k, v = ((qkv[:, part * width : (part + 1) * width].astype(float) - 128) / 32 for part in range(3))
    weights = np.exp2((score := q @ k.T / np.sqrt(width)) - score.max(-1, keepdims=True))
    expected = weights / weights.sum(-1, keepdims=True) @ v
    assert np.abs((value - 128) / 32 - expected).max() < 0.1


def experts(rng: np.random.Generator, fill: Fill, *, width: int, count: int, inner: int, top_k: int) -> Experts:
    return Experts(
        router=fill(rng, (width, count)),
        up=fill(rng, (count, width, 2 * inner)),
        down=fill(rng, (count, inner, width)),
        route_shift=int(rng.integers(0, 14)),
        up_shift=int(rng.integers(3, 12)),
        top_k=top_k,
    )


@few
@given(
    rng=seeds,
    x=fills,
    w=fills,
    rows=st.integers(1, 40),
    width=st.integers(1, 40),
    count=st.integers(2, 12),
    inner=st.integers(1, 20),
    top_k=st.integers(1, 8),
)
def test_moe(
    *, rng: np.random.Generator, x: Fill, w: Fill, rows: int, width: int, count: int, inner: int, top_k: int
) -> None:
    top_k = min(top_k, count)
    layer = experts(rng, w, width=width, count=count, inner=inner, top_k=top_k)

    def network(b: Blocks[V]) -> None:
        b.output("y", b.moe(b.input("x", np.uint8, ("T", width), 0, 255), layer))

    tokens = x(rng, (rows, width))
    together = assert_twins(network, {"x": tokens})["y"]
    alone = assert_twins(network, {"x": tokens[:1]})["y"]
    assert np.array_equal(alone, together[:1]), "a token's result depends on its neighbors"


def test_router_ties_go_to_the_lower_expert_with_equal_gates() -> None:
    layer = experts(np.random.default_rng(0), FILLS["zero"], width=4, count=5, inner=3, top_k=2)
    assert spec.route(np.full(4, 200), layer) == [(0, 64), (1, 64)]


@given(distance=st.integers(0, 2**31 - 1))
def test_exp2_falls_and_stays_close(distance: int) -> None:
    value, after = (int(spec.exp2(np.int64(item))) for item in (distance, distance + 1))  # type: ignore[arg-type]
    assert 0 <= after <= value <= 255
    assert abs(value - 255 * 2 ** (-distance / 32)) < 1.2


@few
@given(rng=seeds, x=fills, rows=st.integers(1, 30), inner=st.integers(1, 20), shift=st.integers(0, 21))
def test_glu(rng: np.random.Generator, x: Fill, rows: int, inner: int, shift: int) -> None:
    def network(b: Blocks[V]) -> None:
        b.output("y", b.glu(b.input("x", np.uint8, ("T", 2 * inner), 0, 255), inner, shift))

    assert_twins(network, {"x": x(rng, (rows, 2 * inner))})


@few
@given(rng=seeds, fill=fills, lengths=st.lists(st.integers(1, 20), min_size=1, max_size=7), spare=st.integers(0, 9))
def test_running_max(rng: np.random.Generator, fill: Fill, lengths: list[int], spare: int) -> None:
    longest = max(lengths) + spare

    def network(b: Blocks[V]) -> None:
        first = b.input("first", np.int64, ("T",), 0, 19_999)
        b.output("y", b.running_max(b.input("x", np.uint8, ("T", 3), 0, 255), first, longest))

    sizes = np.array(lengths)
    x, first = fill(rng, (sizes.sum(), 3)), np.repeat(np.cumsum(sizes) - sizes, sizes)
    found = assert_twins(network, {"x": x, "first": first})["y"]
    sequences = np.split(x, np.cumsum(sizes)[:-1])
    assert np.array_equal(found, np.concatenate([np.maximum.accumulate(sequence) for sequence in sequences]))


def test_a_sequence_longer_than_promised_is_noticed() -> None:
    with pytest.raises(ValueError, match="longer than 2"):
        spec.Spec({}).running_max(np.zeros((3, 1), np.int64), np.zeros(3, np.int64), 2)


@few
@given(rng=seeds, fill=fills, lengths=st.lists(st.integers(1, 9), min_size=1, max_size=7), data=st.data())
def test_maxima(rng: np.random.Generator, fill: Fill, lengths: list[int], data: st.DataObject) -> None:
    place, slot = layout(lengths)
    groups = data.draw(st.integers(1, len(lengths)))
    owner = np.array([*range(groups), *rng.integers(0, groups, len(lengths) - groups)], np.int64)

    def network(b: Blocks[V]) -> None:
        slots, owners = b.input("slot", np.int64, ("F", "L"), -1), b.input("owner", np.int64, ("F",))
        for name, dtype, low, high in (("u8", np.uint8, 0, 255), ("i32", np.int32, -STREAM_MAX, STREAM_MAX)):
            per_sequence = b.max_tokens(b.input(name, dtype, ("T", 5), low, high), slots)
            b.output(f"{name}_sequence", per_sequence)
            b.output(f"{name}_group", b.max_groups(per_sequence, owners))

    shape = (len(place), 5)
    values: Feed = {"u8": fill(rng, shape), "i32": streams(rng, shape, STREAM_MAX)}
    assert_twins(network, {"slot": slot, "owner": owner, **values})


@few
@given(rng=seeds, classes=st.integers(1, 6), steps=st.integers(1, 20), step=st.sampled_from([1, 7, 256, 4_096]))
def test_basis_points(rng: np.random.Generator, classes: int, steps: int, step: int) -> None:
    knots = np.sort(rng.integers(0, 10_001, (classes, steps + 1)), axis=1).astype(np.int32)
    low = rng.integers(-50_000, 50_000, classes).astype(np.int32)

    def network(b: Blocks[V]) -> None:
        b.output("bps", b.basis_points(b.input("x", np.int32, ("R", classes), -(2**29), 2**29), knots, low, step))

    edges = low + np.arange(-1, steps + 2)[:, None] * step
    logits = np.concatenate([edges, edges - 1, streams(rng, (9, classes), 2**29)]).astype(np.int32)
    found = assert_twins(network, {"x": logits})["bps"]
    order = np.argsort(logits, axis=0)
    assert (np.diff(np.take_along_axis(found, order, 0), axis=0) >= 0).all(), "the map must rise"
    assert (found >= knots[:, 0]).all() and (found <= knots[:, -1]).all()  # noqa: PT018


HEAVY = np.full((1_024, 2), 0, np.uint8)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda b: b.linear(b.input("x", np.uint8, ("T", 1_024)), HEAVY, 9), "accumulator may reach 16777216"),
        (lambda b: b.linear(b.input("x", np.uint8, ("T", 2)), HEAVY.astype(np.int8), 9), "weights are uint8"),
        (lambda b: b.input("x", np.uint8, ("Q", 2)), "no extent for dimension"),
        (
            lambda b: b.rms_norm(b.input("x", np.int32, ("T", 1)), np.array([2**15], np.int32)),
            "gain must lie within",
        ),
    ],
)
def test_the_emitter_refuses_what_it_cannot_prove(network: Callable[[Any], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emit(network)


def test_weights_outside_int8_are_refused() -> None:
    assert centered(np.array([-128, 0, 127])).tolist() == [0, 128, 255]
    with pytest.raises(ValueError, match=r"-128\.\.127"):
        centered(np.array([128]))


@pytest.mark.parametrize("lengths", [[], [3, 0]])
def test_empty_sequences_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="empty"):
        layout(lengths)


BOTH: tuple[Blocks[Tensor], Blocks[spec.Int]] = (Emitter("empty", {}), spec.Spec({}))
"""Usable where Blocks is asked for: mypy checks the signatures here."""


def test_spec_and_emitter_speak_the_whole_vocabulary() -> None:
    vocabulary = {name for name in vars(Blocks) if not name.startswith("_")}
    assert all(vocabulary <= set(dir(one)) for one in BOTH)


@pytest.mark.parametrize(("heaviest", "stored"), [(64, np.int8), (65, np.uint8)])
def test_light_weights_are_stored_as_int8(heaviest: int, stored: type[np.generic]) -> None:
    weight = np.full((9, 5), 128, np.uint8)
    weight[3, 2] = 128 - heaviest

    def network(b: Blocks[V]) -> None:
        b.output("y", b.linear(b.input("x", np.uint8, ("T", 9), 0, 255), weight, [3, 4, 5, 6, 7]))

    dtypes = {numpy_helper.to_array(tensor).dtype for tensor in emit(network).graph.initializer if tensor.dims}
    assert np.dtype(stored) in dtypes
    assert_twins(network, {"x": FILLS["ends"](np.random.default_rng(3), (20, 9))})

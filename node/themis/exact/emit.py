"""Writes each block of the exact profile as ONNX nodes. `spec.py` says what they must compute."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from themis.exact.blocks import (
    ACC_LINEAR,
    ACC_PROJECT,
    GAIN_MAX,
    GATE_ONE,
    I32,
    LIGHT_WEIGHT,
    NORM_FLOOR,
    NORM_FRACTION,
    OCTAVE,
    STREAM_MAX,
    U8,
    ZERO_POINT,
    Experts,
    Shift,
    check_accumulator,
)
from themis.exact.declare import Range, write_declarations
from themis.exact.graph import Graph, Tensor
from themis.exact.spec import LEAST, MASKED_SCORE, exp2, gates_of

ONE: Final = np.float32(1)
ZP: Final = np.uint8(ZERO_POINT)
OFFSET: Final = 2**30
"""Makes an int32 positive, so that Div, which truncates, rounds down."""

PAIR: Final = 2
WEIGHTS: Final = exp2(np.arange(9 * OCTAVE)).astype(np.int32)
"""Weight at each distance; the last is 0."""
PAIRS: Final = np.array([[gates_of([int(WEIGHTS[0]), int(weight)])] for weight in WEIGHTS], np.int32)
"""Gates of two experts at each distance."""


class Emitter:
    """Blocks over graph tensors.

    `extents` bounds each named dimension; the range proof leans on them and the engine enforces them. With `light`,
    matrices within +-64 are stored as int8: twice as fast where there is VNNI, and provably exact without (MODELS.md).
    """

    def __init__(self, name: str, extents: Mapping[str, int], *, light: bool = False) -> None:
        self._graph = Graph(name)
        self._light = light
        self._extents = dict(extents)
        self._ranges: dict[str, Range] = {}

    def build(self) -> onnx.ModelProto:
        """Return the finished model."""
        model = self._graph.build()
        write_declarations(model, self._ranges, self._extents)
        return model

    def input(
        self, name: str, dtype: type[np.generic], shape: tuple[int | str, ...], low: int = 0, high: int = 2**30
    ) -> Tensor:
        if unbounded := {size for size in shape if isinstance(size, str)} - self._extents.keys():
            raise ValueError(f"no extent for dimension {sorted(unbounded)} of input {name}")
        self._ranges[name] = Range(low, high)
        return self._graph.input(name, dtype, shape)

    def output(self, name: str, value: Tensor) -> None:
        self._graph.output(name, value)

    def embed(self, ids: Tensor, table: U8, shift: int) -> Tensor:
        return self._scaled(self._rows(ids, table), shift)

    def embed_bag(self, ids: Tensor, table: U8, shift: int) -> Tensor:
        rows = self._rows(ids, table)
        return self._scaled(self._graph.op("ReduceSum", rows, i64(1), keepdims=0), shift)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return self._clip(self._graph.op("Add", x, y), -STREAM_MAX, STREAM_MAX)

    def residual(self, x: Tensor, y: Tensor, shift: int) -> Tensor:
        return self.add(x, self._round_half_up(y, shift))

    def rms_norm(self, x: Tensor, gain: I32) -> Tensor:
        if np.abs(gain).max() > GAIN_MAX:
            raise ValueError(f"rms_norm's gain must lie within +-{GAIN_MAX}")
        g = self._graph
        wide = g.cast(x, np.int64)
        squares = g.op("ReduceSum", g.op("Mul", wide, wide), i64(-1), keepdims=1)
        root = g.cast(g.op("Floor", g.op("Sqrt", g.cast(squares, np.float64))), np.int64)
        root = self._clip(root, NORM_FLOOR, OFFSET)
        quotient = g.op("Div", g.op("Mul", wide, gain.astype(np.int64)), root)
        carrier = g.cast(self._clip(quotient, -(2**13), 2**13), np.float32)
        return g.op("QuantizeLinear", carrier, np.float32(NORM_FRACTION), ZP, dtype=np.uint8)

    def requantize(self, x: Tensor, shift: int) -> Tensor:
        return self._to_u8(self._round_half_up(x, shift))

    def linear(self, x: Tensor, weight: U8, shift: Shift) -> Tensor:
        check_accumulator(weight, ACC_LINEAR)
        scale = (2.0 ** -np.asarray(shift, np.float64)).astype(np.float32)
        stored, zero = self._stored(weight)
        return self._graph.op("QLinearMatMul", x, ONE, ZP, stored, scale, zero, ONE, ZP)

    def project(self, x: Tensor, weight: U8, bias: I32 | None = None) -> Tensor:
        check_accumulator(weight, ACC_PROJECT)
        acc = self._matmul(x, weight)
        return acc if bias is None else self._graph.op("Add", acc, bias)

    def attention(
        self, qkv: Tensor, place: Tensor, slot: Tensor, *, heads: int, head_width: int, score_shift: int
    ) -> Tensor:
        g = self._graph
        valid, index = self._valid(slot)
        padded = g.op("Gather", qkv, index, axis=0)
        split = g.op("Transpose", g.op("Reshape", padded, i64(0, 0, 3, heads, head_width)), perm=[2, 0, 3, 1, 4])
        query, key, value = (g.op("Squeeze", part, i64(0)) for part in g.ops("Split", 3, split, axis=0))
        score = self._matmul(query, g.op("Transpose", key, perm=[0, 1, 3, 2]))
        score = g.op("Where", g.op("Unsqueeze", valid, i64(1, 2)), score, i32(MASKED_SCORE), dtype=np.int32)
        best = g.op("ReduceMax", score, axes=[-1], keepdims=1)
        weight = self._exp2(g.op("Div", g.op("Sub", best, score), i32(1 << score_shift)))
        total = g.op("ReduceSum", g.cast(weight, np.int32), i64(-1), keepdims=1)
        total = self._clip(total, 1, OFFSET >> 9)
        mixed = g.op("MatMulInteger", weight, value, np.uint8(0), ZP, dtype=np.int32)
        # (2 * mixed + total) // (2 * total) + 128, made non-negative before the truncating division
        dividend = g.op("Add", g.op("Mul", mixed, i32(2)), g.op("Mul", total, i32(2 * ZERO_POINT + 1)))
        mean = g.cast(self._clip(g.op("Div", dividend, g.op("Mul", total, i32(2))), 0, 255), np.uint8)
        flat = g.op("Reshape", g.op("Transpose", mean, perm=[0, 2, 1, 3]), i64(-1, heads * head_width))
        return g.op("Gather", flat, place, axis=0)

    def running_max(self, x: Tensor, first: Tensor, longest: int) -> Tensor:
        g, reach = self._graph, 1
        row = g.op("Range", np.int64(0), g.op("Squeeze", g.op("Shape", first, dtype=np.int64)), np.int64(1))
        # Floats carry the bytes: Max and Gather are seven times faster on them, and u8 has no Max.
        best = g.op("DequantizeLinear", x, ONE, ZP, dtype=np.float32)
        while reach < longest:  # `best` covers the last `reach` rows; clamped at the first, a row may count twice
            before = g.op("Max", g.op("Sub", row, np.int64(reach)), first)
            best = g.op("Max", best, g.op("Gather", best, before, axis=0))
            reach *= 2
        return g.op("QuantizeLinear", best, ONE, ZP, dtype=np.uint8)

    def glu(self, hidden: Tensor, inner: int, shift: int) -> Tensor:
        g = self._graph
        gate, linear = (
            g.op("DequantizeLinear", half, ONE, ZP, dtype=np.float32)
            for half in g.ops("Split", 2, hidden, i64(inner, inner), axis=1)
        )
        window = self._clip(g.op("Add", gate, np.float32(64)), 0, 128)
        product = g.op("Mul", g.op("Mul", gate, window), linear)
        return g.op("QuantizeLinear", product, np.float32(2.0**shift), ZP, dtype=np.uint8)

    def moe(self, x: Tensor, experts: Experts) -> Tensor:
        check_accumulator(experts.up, ACC_LINEAR)
        check_accumulator(experts.down, ACC_PROJECT // (GATE_ONE * experts.top_k))
        g, (count, inner, _) = self._graph, experts.down.shape
        chosen, gates = self._route(x, experts)
        order, inverse, sizes = sorted_by_expert(g, chosen, count)
        rows = g.op("Gather", x, g.op("Div", order, np.int64(experts.top_k)), axis=0)
        hidden = [
            self.linear(part, up, experts.up_shift)
            for part, up in zip(g.ops("Split", count, rows, sizes, axis=0), experts.up, strict=True)
        ]
        active = self.glu(g.op("Concat", *hidden, axis=0), inner, experts.glu_shift)
        answers = [
            self._matmul(part, down)
            for part, down in zip(g.ops("Split", count, active, sizes, axis=0), experts.down, strict=True)
        ]
        by_token = g.op("Gather", g.op("Concat", *answers, axis=0), inverse, axis=0)
        # Over k > 1 an integer product: four times as fast as Mul and ReduceSum
        return g.op("Squeeze", g.op("Mul" if experts.top_k == 1 else "MatMul", gates, by_token), i64(1))

    def max_tokens(self, x: Tensor, slot: Tensor) -> Tensor:
        g = self._graph
        valid, index = self._valid(slot)
        return self._masked_max(g.op("Gather", x, index, axis=0), g.op("Unsqueeze", valid, i64(2)))

    def max_groups(self, x: Tensor, owner: Tensor) -> Tensor:
        g = self._graph
        groups = g.op("Add", g.op("ReduceMax", owner, axes=[0], keepdims=0), np.int64(1))
        group = g.op("Unsqueeze", g.op("Range", np.int64(0), groups, np.int64(1), dtype=np.int64), i64(1))
        member = g.op("Equal", group, g.op("Unsqueeze", owner, i64(0)), dtype=np.bool_)
        return self._masked_max(g.op("Unsqueeze", x, i64(0)), g.op("Unsqueeze", member, i64(2)))

    def basis_points(self, logits: Tensor, knots: I32, low: I32, step: int) -> Tensor:
        g, (classes, columns) = self._graph, knots.shape
        x = self._clip(g.op("Sub", logits, low), 0, (columns - 1) * step - 1)
        first = i32(*range(0, classes * columns, columns))
        index = g.op("Add", g.op("Div", x, i32(step)), first)
        table = g.constant(knots.reshape(-1))
        left = g.op("Gather", table, index, axis=0)
        right = g.op("Gather", table, g.op("Add", index, i32(1)), axis=0)
        rise = g.op("Mul", g.op("Sub", right, left), g.op("Mod", x, i32(step)))
        return g.op("Add", left, g.op("Div", rise, i32(step)))

    def _rows(self, ids: Tensor, table: U8) -> Tensor:
        g = self._graph
        return g.op("Sub", g.cast(g.op("Gather", g.constant(table), ids, axis=0), np.int32), i32(ZERO_POINT))

    def _scaled(self, x: Tensor, shift: int) -> Tensor:
        return self._graph.op("Mul", x, i32(1 << shift))

    def _matmul(self, x: Tensor, weight: Tensor | U8) -> Tensor:
        stored, zero = (weight, ZP) if isinstance(weight, Tensor) else self._stored(weight)
        return self._graph.op("MatMulInteger", x, stored, ZP, zero, dtype=np.int32)

    def _clip(self, x: Tensor, low: int, high: int) -> Tensor:
        return self._graph.op("Clip", x, x.dtype.type(low), x.dtype.type(high))

    def _to_u8(self, x: Tensor) -> Tensor:
        return self._graph.cast(self._clip(self._graph.op("Add", x, i32(ZERO_POINT)), 0, 255), np.uint8)

    def _round_half_up(self, x: Tensor, shift: int) -> Tensor:
        g, divisor = self._graph, 1 << shift
        shifted = g.op("Div", g.op("Add", x, i32(OFFSET + divisor // 2)), i32(divisor))
        return g.op("Sub", shifted, i32(OFFSET // divisor))

    def _exp2(self, distance: Tensor) -> Tensor:
        """int32 >= 0 in 1/32 octaves -> u8 0..255, as `spec.exp2`."""
        g = self._graph
        distance = self._clip(distance, 0, 9 * OCTAVE - 1)
        rest = g.op("Mod", distance, i32(OCTAVE))
        curve = g.op("Mul", g.op("Sub", g.op("Mul", rest, i32(11)), i32(1376)), rest)
        curve = g.cast(g.op("Add", curve, i32(65535)), np.uint32)
        shift = g.cast(g.op("Add", g.op("Div", distance, i32(OCTAVE)), i32(8)), np.uint32)
        return g.cast(g.op("BitShift", curve, shift, direction="RIGHT"), np.uint8)

    def _valid(self, slot: Tensor) -> tuple[Tensor, Tensor]:
        """Slot int64 [F, L], -1 for padding -> bool [F, L] and an index that is valid everywhere."""
        g = self._graph
        return g.op("GreaterOrEqual", slot, np.int64(0), dtype=np.bool_), self._clip(slot, 0, OFFSET)

    def _stored(self, weight: U8) -> tuple[NDArray[Any], np.generic]:
        """Weights and their zero point as the graph holds them."""
        centered = weight.astype(np.int16) - ZERO_POINT
        if self._light and np.abs(centered).max(initial=0) <= LIGHT_WEIGHT:
            return centered.astype(np.int8), np.int8(0)
        return weight, ZP

    def _masked_max(self, x: Tensor, mask: Tensor) -> Tensor:
        """Largest of [n, m, C] over m where mask [n, m, 1] holds."""
        g = self._graph
        lowest = x.dtype.type(0 if x.dtype == np.uint8 else LEAST)
        return g.op("ReduceMax", g.op("Where", mask, x, lowest, dtype=x.dtype.type), axes=[1], keepdims=0)

    def _route(self, x: Tensor, experts: Experts) -> tuple[Tensor, Tensor]:
        """u8 [T, d] -> expert ids int64 [T, k] and gates int32 [T, 1, k], or the scalar GATE_ONE for k = 1.

        Keys are unique, so no tie rule is needed.
        """
        check_accumulator(experts.router, ACC_PROJECT // experts.router.shape[1])
        g, count, k = self._graph, experts.router.shape[1], experts.top_k
        logits = self._matmul(x, experts.router)
        key = g.op("Add", g.op("Mul", logits, i32(count)), np.arange(count - 1, -1, -1, dtype=np.int32))
        chosen = g.ops("TopK", 2, key, i64(k), axis=-1, largest=1, sorted=1, dtype=np.int64)[1]
        if k == 1:
            return chosen, g.constant(i32(GATE_ONE))
        logit = g.op("GatherElements", logits, chosen, axis=-1)
        return chosen, self._gates_of_two(logit, experts) if k == PAIR else self._gates(logit, experts)

    def _gates(self, logit: Tensor, experts: Experts) -> Tensor:
        """Chosen logits int32 [T, k], best first -> gates [T, 1, k]."""
        g = self._graph
        best = g.op("Slice", logit, i64(0), i64(1), i64(-1))
        weight = g.op("Gather", g.constant(WEIGHTS), self._distance(best, logit, experts), axis=0)
        total = self._clip(g.op("ReduceSum", weight, i64(-1), keepdims=1), 1, OFFSET >> 9)
        share = g.op("Div", g.op("Mul", weight, i32(GATE_ONE)), total)
        rest = g.op("Sub", i32(GATE_ONE), g.op("ReduceSum", share, i64(-1), keepdims=1))
        first = np.eye(1, experts.top_k, dtype=np.int32)
        gates = self._clip(g.op("Add", share, g.op("Mul", rest, first)), 0, GATE_ONE)
        return g.op("Unsqueeze", gates, i64(1))

    def _gates_of_two(self, logit: Tensor, experts: Experts) -> Tensor:
        """The same for two experts, whose gates follow from one distance: a table saves fifteen nodes."""
        g = self._graph
        best, other = (g.op("Gather", logit, np.int64(index), axis=1) for index in range(PAIR))
        return g.op("Gather", g.constant(PAIRS), self._distance(best, other, experts), axis=0)

    def _distance(self, best: Tensor, logit: Tensor, experts: Experts) -> Tensor:
        g = self._graph
        return self._clip(g.op("Div", g.op("Sub", best, logit), i32(1 << experts.route_shift)), 0, len(WEIGHTS) - 1)


def sorted_by_expert(
    g: Graph, chosen: Tensor, count: int, form: NDArray[np.int64] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Expert ids int64 [T, k] -> order [T * k], its inverse [T, k] or of a given form, rows per expert [E].

    order[place] is the assignment, counted token by token, that comes to this place when sorted by expert.
    """
    flat = g.op("Reshape", chosen, i64(-1))
    size = g.op("Shape", flat, dtype=np.int64)
    total = g.op("Squeeze", size)
    position = g.op("Range", np.int64(0), total, np.int64(1), dtype=np.int64)
    key = g.op("Add", g.op("Mul", flat, total), position)
    order = g.ops("TopK", 2, key, size, axis=-1, largest=0, sorted=1)[1]
    inverse = g.ops("TopK", 2, order, size, axis=-1, largest=0, sorted=1)[1]
    inverse = g.op("Reshape", inverse, g.op("Shape", chosen) if form is None else form)
    hits = g.op("Equal", flat, np.arange(count)[:, None], dtype=np.bool_)
    sizes = g.op("ReduceSum", g.cast(hits, np.int32), i64(1), keepdims=0)  # thrice as fast as int64
    return order, inverse, g.cast(sizes, np.int64)


def i64(*values: int) -> NDArray[np.int64]:
    """Constant vector, for axes and shapes."""
    return np.array(values, np.int64)


def i32(*values: int) -> NDArray[Any]:
    """Constant scalar, or vector of several."""
    return np.asarray(values[0] if len(values) == 1 else values, np.int32)

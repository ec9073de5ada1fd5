"""Writes each block of an exact decoder as ONNX nodes. `specified.py` says what they must compute.

Few nodes and cheap ones: at one token a step, a node costs more than its arithmetic. So activations keep a middle axis
of 1, on which their digits lie side by side, and one integer product adds digits up again. Tables are read by
GatherElements, which ONNX Runtime does ten times as fast as Gather (ADR 0073).
"""

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from themis.exact.blocks import I32, ZERO_POINT
from themis.exact.declare import Range, write_declarations
from themis.exact.decoder import tables
from themis.exact.decoder.blocks import (
    BASE,
    BYTE_BITS,
    BYTE_STEPS,
    DIGITS,
    I8,
    I64,
    INT32_MAX,
    MASKED,
    MAX_SCORE_SHIFT,
    MIDDLE,
    SHARE_BITS,
    TURN_BITS,
    WEIGHT_MAX,
    Gate,
    Head,
    Heads,
    Matrix,
    Mixture,
    Norm,
    Turns,
)
from themis.exact.emit import i32, i64, sorted_by_expert
from themis.exact.gemm import heaviest_column
from themis.exact.graph import Graph, Tensor

ZP: Final = np.uint8(ZERO_POINT)
NONE: Final = np.uint8(0)
PIECE: Final = 256
"""New tokens in one run, at most."""


class Emitter:
    """Blocks over graph tensors."""

    def __init__(self, name: str, context: int, piece: int = PIECE) -> None:
        """For up to `context` tokens in all and `piece` new ones in a run."""
        self._graph = Graph(name)
        self._extents = {"tokens": min(piece, context), "past": context - 1}
        self._context = context
        self._ranges: dict[str, Range] = {}

    def build(self) -> onnx.ModelProto:
        """Return the finished model."""
        model = self._graph.build()
        write_declarations(model, self._ranges, self._extents)
        return model

    def start(self, turns: Turns, heads: Heads, layers: int, vocabulary: int) -> Tensor:
        g, width = self._graph, heads.width
        ids = self._input("input_ids", np.int64, (1, "tokens"), vocabulary - 1)
        positions = g.op("Reshape", self._input("position_ids", np.int64, (1, "tokens"), self._context - 1), i64(-1))
        self._past: list[tuple[Tensor, Tensor]] = [
            (
                self._input(f"past_key_values.{layer}.key", np.uint8, (1, heads.pairs, width, "past"), 255),
                self._input(f"past_key_values.{layer}.value", np.uint8, (1, heads.pairs, "past", width), 255),
            )
            for layer in range(layers)
        ]
        kinds = i64(*[0] * (heads.heads + heads.pairs), *[1] * heads.pairs)
        self._turns = [
            self._turning(np.stack([table, np.full_like(table, still)], 1), positions, kinds)
            for table, still in ((turns.cosines, 1 << TURN_BITS), (turns.sines, 0))
        ]
        self._positions = positions
        self._shared: tuple[Tensor, Tensor] | None = None
        return g.op("Reshape", ids, i64(-1))

    def embed(self, ids: Tensor, table: I8, multiplier: I32, shift: int, *, tied: bool) -> Tensor:
        g = self._graph
        rows = g.op("Gather", g.constant(table), ids, axis=int(tied))
        rows = g.cast(g.op("Transpose", rows, perm=[1, 0]) if tied else rows, np.int32)
        scale = g.op("Unsqueeze", g.op("Gather", g.constant(multiplier), ids, axis=0), i64(1))
        return g.op("Unsqueeze", g.op("Div", g.op("Mul", rows, scale), i32(1 << shift)), i64(1))

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        g = self._graph
        wide = g.cast(x, np.int64)
        squares = g.op("ReduceSum", g.op("Mul", wide, wide), i64(-1), keepdims=1)
        root = g.cast(g.op("Floor", g.op("Sqrt", g.cast(squares, np.float64))), np.int64)
        quotient = g.op("Div", g.op("Mul", wide, norm.gain), self._clip(root, norm.floor, INT32_MAX))
        return self._clip(g.cast(quotient, np.int32), -norm.limit, norm.limit)

    def product(self, x: Tensor, matrix: Matrix) -> Tensor:
        g, wide = self._graph, self._accumulated(x, matrix.weight, matrix.digits, matrix.factor)
        found = self._narrow(g.op("Div", wide, matrix.divisor.astype(wide.dtype)))
        if matrix.bias is not None:
            found = g.op("Add", found, matrix.bias)
        return found if matrix.limit is None else self._clip(found, -matrix.limit, matrix.limit)

    def normed_heads(self, qkv: Tensor, heads: Heads, queries: Norm, keys: Norm) -> Tensor:
        g = self._graph
        if queries.gain.shape[-1] > heads.width:  # all heads together
            sizes = i64(*(count * heads.width for count in (heads.heads, heads.pairs, heads.pairs)))
            q, k, v = g.ops("Split", 3, qkv, sizes, axis=2)
            return g.op("Concat", self.norm(q, queries), self.norm(k, keys), v, axis=2)
        split = g.op("Reshape", qkv, i64(-1, heads.heads + 2 * heads.pairs, heads.width))
        q, k, v = g.ops("Split", 3, split, i64(heads.heads, heads.pairs, heads.pairs), axis=1)
        return g.op("Concat", self.norm(q, queries), self.norm(k, keys), v, axis=1)

    def attention(self, qkv: Tensor, layer: int, heads: Heads) -> Tensor:
        if heads.shift > MAX_SCORE_SHIFT:
            raise ValueError(f"scores are shifted by {heads.shift}, not {MAX_SCORE_SHIFT}: a later token would be seen")
        query, key, value = self._turned(qkv, layer, heads)
        g, pairs = self._graph, heads.pairs
        mask, ones = self._seen(key, heads)
        score = g.op(
            "MatMulInteger", g.op("Reshape", query, i64(1, pairs, -1, heads.width)), key, ZP, ZP, dtype=np.int32
        )
        score = g.op("Add", score, mask)
        distance = g.op("Sub", g.op("ReduceMax", score, axes=[-1], keepdims=1), score)
        if heads.shift:
            distance = g.op("Div", distance, i32(1 << heads.shift))
        place = g.op("Reshape", self._clip(distance, 0, len(heads.table) - 1), i64(-1))
        table = g.constant(heads.table.astype(np.uint8))
        form = g.op("Shape", score, dtype=np.int64)
        weight = g.op("Reshape", g.op("GatherElements", table, place, axis=0), form)
        total = g.op("MatMulInteger", weight, ones, NONE, NONE, dtype=np.int32)
        total = g.cast(self._clip(total, WEIGHT_MAX, INT32_MAX), np.int64)
        mixed = g.cast(g.op("MatMulInteger", weight, value, NONE, ZP, dtype=np.int32), np.int64)
        mean = g.op("Div", g.op("Mul", mixed, heads.gain.reshape(-1, 1, 1)), total)
        mean = self._clip(g.cast(mean, np.int32), -heads.limit, heads.limit)
        flat = g.op("Transpose", g.op("Reshape", mean, i64(heads.heads, -1, heads.width)), perm=[1, 0, 2])
        return g.op("Reshape", flat, i64(-1, 1, heads.heads * heads.width))

    def gated(self, x: Tensor, gate: Gate) -> Tensor:
        g = self._graph
        first, linear = g.ops("Split", 2, x, axis=2)
        table = g.constant(np.roll(gate.table, -gate.reach))  # negative places count from the end
        act = g.op("GatherElements", table, g.op("Reshape", first, i64(-1)), axis=0)
        found = g.op("Mul", g.op("Reshape", act, i64(-1, 1, gate.width)), linear)
        if gate.shift:
            found = g.op("Div", found, i32(1 << gate.shift))
        return self._clip(found, -DIGITS[gate.digits], DIGITS[gate.digits])

    def mixture(self, x: Tensor, mixture: Mixture) -> Tensor:
        g, (experts, _, width) = self._graph, mixture.down.shape
        chosen, share = self._routed(x, mixture)
        order, inverse, sizes = sorted_by_expert(g, chosen, experts, i64(-1, 1, mixture.top_k))
        expert = g.op("Gather", g.op("Reshape", chosen, i64(-1)), order, axis=0)
        rows = g.op("Gather", self._digits(x, 2), g.op("Div", order, np.int64(mixture.top_k)), axis=0)
        hidden = self._by_expert(rows, mixture.up, sizes, (mixture.up_divisor, mixture.up_factor), expert)
        active = self.gated(self._clip(hidden, -mixture.gate.reach, mixture.gate.reach), mixture.gate)
        digits = self._digits(active, mixture.gate.digits)
        answers = self._by_expert(digits, mixture.down, sizes, (mixture.down_divisor, mixture.down_factor), expert)
        by_token = g.op("Gather", g.op("Reshape", answers, i64(-1, width)), inverse, axis=0)
        shares = g.cast(g.op("Unsqueeze", share, i64(2)), np.int64)
        mixed = g.op("Squeeze", g.op("MatMul", shares, g.cast(by_token, np.int64)), i64(2))
        return g.cast(g.op("Div", mixed, np.int64(1 << SHARE_BITS)), np.int32)

    def residual(self, x: Tensor, y: Tensor, limit: int) -> Tensor:
        return self._clip(self._graph.op("Add", x, y), -limit, limit)

    def last(self, x: Tensor) -> Tensor:
        return self._graph.op("Gather", x, i64(-1), axis=0)

    def logits(self, x: Tensor, head: Head) -> Tensor:
        g, found = self._graph, self._accumulated(x, head.weight, head.digits)
        scaled = g.op("Mul", found if found.dtype == np.int64 else g.cast(found, np.int64), head.multiplier)
        found = g.op("Transpose", scaled, perm=[1, 0, 2])
        g.output("logits", found)
        return found

    def best(self, logits: Tensor, limit: int) -> None:
        """By halves: int64 comparisons beyond int32 are not exact everywhere."""
        g, half = self._graph, np.int64(1 << 31)
        positive = g.op("Add", logits, half * np.int64(-(-limit // int(half))))
        high = g.cast(g.op("Div", positive, half), np.int32)
        behind = g.op("Sub", g.op("ReduceMax", high, axes=[-1], keepdims=1), high)
        low = g.cast(g.op("Mod", positive, half), np.int32)
        among = g.op("Where", g.op("Equal", behind, i32(0), dtype=np.bool_), low, i32(-1), dtype=np.int32)
        first = g.ops("TopK", 2, among, i64(1), axis=-1, largest=1, sorted=1, dtype=np.int64)[1]
        g.output("best", g.op("Squeeze", first, i64(2)))

    def _routed(self, x: Tensor, mixture: Mixture) -> tuple[Tensor, Tensor]:
        """The chosen experts int64 [T, 1, k], best first, and their shares int32. Keys are unique: no tie is left."""
        g, count, table = self._graph, len(mixture.down), tables.choices()
        logits = self.product(x, mixture.router)
        distance = g.op("Sub", g.op("ReduceMax", logits, axes=[-1], keepdims=1), logits)
        weight = g.op("Gather", g.constant(table), self._clip(distance, 0, len(table) - 1), axis=0)
        key = g.op("Add", g.op("Mul", logits, i32(count)), np.arange(count - 1, -1, -1, dtype=np.int32))
        chosen = g.ops("TopK", 2, key, i64(mixture.top_k), axis=-1, largest=1, sorted=1, dtype=np.int64)[1]
        best = g.op("GatherElements", weight, chosen, axis=-1)
        total = g.op("ReduceSum", weight if mixture.share_of_all else best, i64(-1), keepdims=1)
        return chosen, g.op("Div", g.op("Mul", best, i32(1 << SHARE_BITS)), self._clip(total, int(table[0]), INT32_MAX))

    def _by_expert(self, rows: Tensor, weight: I8, sizes: Tensor, scale: tuple[I64, int], expert: Tensor) -> Tensor:
        """Digits [A, n, k], sorted by expert, times each one's matrix -> int32 [A, 1, m]."""
        g, (divisor, factor) = self._graph, scale
        parts = g.ops("Split", len(weight), rows, sizes, axis=0)
        products = [self._multiplied(part, each) for part, each in zip(parts, weight, strict=True)]
        heaviest = max(heaviest_column(each, 0) for each in weight)
        wide = self._added_up(g.op("Concat", *products, axis=0), 2, factor, heaviest)
        divisors = g.op("Unsqueeze", g.op("Gather", g.constant(divisor.astype(wide.dtype)), expert, axis=0), i64(1))
        return self._narrow(g.op("Div", wide, divisors))

    def _input(self, name: str, dtype: type[np.generic], shape: tuple[int | str, ...], high: int) -> Tensor:
        self._ranges[name] = Range(0, high)
        return self._graph.input(name, dtype, shape)

    def _turning(self, table: I32, positions: Tensor, kinds: NDArray[np.int64]) -> Tensor:
        """What each head is turned by, [1, T, H + 2 K, w]: values stay. `table` is [context, 2, w]."""
        g = self._graph
        rows = g.op("Gather", g.constant(table.astype(np.float32)), positions, axis=0)
        return g.op("Unsqueeze", g.op("Gather", rows, kinds, axis=1), i64(0))

    def _turned(self, qkv: Tensor, layer: int, heads: Heads) -> tuple[Tensor, Tensor, Tensor]:
        """Bytes of queries [1, H, T, w], and the layer's cache with the new tokens in it."""
        g, pairs, half = self._graph, heads.pairs, heads.width // 2
        split = g.op("Reshape", g.cast(qkv, np.float32), i64(1, -1, heads.heads + 2 * pairs, heads.width))
        one, other = g.ops("Split", 2, split, i64(half, half), axis=3)
        cosines, sines = self._turns
        turned = g.op("Mul", g.op("Concat", other, one, axis=3), sines)
        turned = g.op("Add", g.op("Mul", split, cosines), turned)
        found = g.op("QuantizeLinear", turned, np.float32(1 << BYTE_BITS), ZP, dtype=np.uint8)
        found = g.op("Transpose", found, perm=[0, 2, 1, 3])
        query, *new = g.ops("Split", 3, found, i64(heads.heads, pairs, pairs), axis=1)
        past = self._past[layer]
        key = g.op("Concat", past[0], g.op("Transpose", new[0], perm=[0, 1, 3, 2]), axis=3, name=f"present.{layer}.key")
        value = g.op("Concat", past[1], new[1], axis=2, name=f"present.{layer}.value")
        for tensor in (key, value):
            g.output(tensor.name, tensor)
        return query, key, value

    def _seen(self, key: Tensor, heads: Heads) -> tuple[Tensor, Tensor]:
        """What is added to scores [H / K * T, n], 0 where a row may see a token, MASKED where not; and ones [n, 1]."""
        g, group = self._graph, heads.heads // heads.pairs
        if self._shared is None:
            size = g.op("Shape", key, dtype=np.int64, start=3, end=4)
            places = g.op("Range", np.int64(0), g.op("Squeeze", size), np.int64(1), dtype=np.int64)
            rows = g.op("Concat", *[self._positions] * group, axis=0) if group > 1 else self._positions
            seen = g.op("GreaterOrEqual", g.op("Unsqueeze", rows, i64(1)), places, dtype=np.bool_)
            mask = g.op("Where", seen, i32(0), i32(MASKED), dtype=np.int32)
            every = g.op("GreaterOrEqual", g.op("Unsqueeze", places, i64(1)), np.int64(0), dtype=np.bool_)
            self._shared = mask, g.cast(every, np.uint8)
        return self._shared

    def _accumulated(self, x: Tensor, weight: I8, digits: int, factor: int = 1) -> Tensor:
        """[T, 1, k] -> factor times its product with the weights, [T, 1, n], int32 where that is proven to hold it."""
        products = self._multiplied(self._digits(x, digits), weight, whole=digits == 1)
        return self._added_up(products, digits, factor, heaviest_column(weight, 0))

    def _multiplied(self, rows: Tensor, weight: I8, *, whole: bool = False) -> Tensor:
        """Digits or, with `whole`, bytes times weights. Bytes times int8 could saturate 16 bits: those are u8 too."""
        if whole:
            stored = (weight.astype(np.int16) + ZERO_POINT).astype(np.uint8)
            return self._graph.op("MatMulInteger", rows, stored, ZP, ZP, dtype=np.int32)
        return self._graph.op("MatMulInteger", rows, weight, np.uint8(MIDDLE), np.int8(0), dtype=np.int32)

    def _added_up(self, products: Tensor, digits: int, factor: int, heaviest: int) -> Tensor:
        """[..., digits, n] -> [..., 1, n]."""
        g, places = self._graph, [factor * BASE**power for power in reversed(range(digits))]
        if places == [1]:
            return products
        if sum(places) * (ZERO_POINT if digits == 1 else MIDDLE) * heaviest <= INT32_MAX:
            return g.op("MatMul", np.array([places], np.int32), products)
        return g.op("MatMul", np.array([places]), g.cast(products, np.int64))

    def _narrow(self, x: Tensor) -> Tensor:
        return x if x.dtype == np.int32 else self._graph.cast(x, np.int32)

    def _digits(self, x: Tensor, count: int) -> Tensor:
        """[..., 1, k] within +-DIGITS[count] -> its digits as u8 [..., count, k], the highest first; 1: its byte."""
        g = self._graph
        if count == 1:
            return g.op("QuantizeLinear", g.cast(x, np.float32), np.float32(BYTE_STEPS), ZP, dtype=np.uint8)
        x = g.op("Add", x, i32(sum(MIDDLE * BASE**power for power in range(count))))
        parts = [x if power == 0 else g.op("Div", x, i32(BASE**power)) for power in reversed(range(count))]
        parts = [parts[0], *(g.op("Mod", part, i32(BASE)) for part in parts[1:])]
        return g.cast(g.op("Concat", *parts, axis=-2), np.uint8)

    def _clip(self, x: Tensor, low: int, high: int) -> Tensor:
        return self._graph.op("Clip", x, x.dtype.type(low), x.dtype.type(high))

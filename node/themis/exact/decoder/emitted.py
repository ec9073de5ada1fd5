"""Writes each block of an exact decoder as ONNX nodes. `specified.py` says what they must compute.

Few nodes and cheap ones: at one token a step, a node costs more than its arithmetic. So activations keep a middle axis
of 1, on which their digits lie side by side, and one integer product adds digits up again.
"""

from typing import Final

import numpy as np
import onnx

from themis.exact.blocks import I32, U8, ZERO_POINT
from themis.exact.declare import Range, write_declarations
from themis.exact.decoder import tables
from themis.exact.decoder.blocks import (
    DIGITS,
    HALF,
    I64,
    INT32_MAX,
    MASKED,
    MAX_SCORE_SHIFT,
    SHARE_BITS,
    TURN_BITS,
    Gate,
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
BASE: Final = 256
WEIGHT_BASE: Final = 64
"""Of a softmax weight's two digits."""
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
        self._turns = [
            g.op("Unsqueeze", g.op("Gather", g.constant(table), positions, axis=0), i64(0, 2))
            for table in (turns.cosines, turns.sines)
        ]
        self._positions = positions
        self._mask: Tensor | None = None
        return g.op("Reshape", ids, i64(-1))

    def embed(self, ids: Tensor, table: U8, multiplier: I32, shift: int, *, tied: bool) -> Tensor:
        g = self._graph
        rows = g.op("Gather", g.constant(table), ids, axis=int(tied))
        rows = g.op("Sub", g.cast(g.op("Transpose", rows, perm=[1, 0]) if tied else rows, np.int32), i32(ZERO_POINT))
        scale = g.op("Unsqueeze", g.op("Gather", g.constant(multiplier), ids, axis=0), i64(1))
        return g.op("Unsqueeze", g.op("Div", g.op("Mul", rows, scale), i32(1 << shift)), i64(1))

    def norm(self, x: Tensor, norm: Norm, digits: int) -> Tensor:
        g = self._graph
        wide = g.cast(x, np.int64)
        squares = g.op("ReduceSum", g.op("Mul", wide, wide), i64(-1), keepdims=1)
        root = g.cast(g.op("Floor", g.op("Sqrt", g.cast(squares, np.float64))), np.int64)
        quotient = g.op("Div", g.op("Mul", wide, norm.gain), self._clip(root, norm.floor, INT32_MAX))
        return self._clip(g.cast(quotient, np.int32), -DIGITS[digits], DIGITS[digits])

    def product(self, x: Tensor, matrix: Matrix) -> Tensor:
        return self._requantized(self._accumulated(x, matrix), matrix)

    def normed_heads(self, qkv: Tensor, heads: Heads, queries: Norm, keys: Norm) -> Tensor:
        g = self._graph
        if queries.gain.shape[-1] > heads.width:  # all heads together
            sizes = i64(*(count * heads.width for count in (heads.heads, heads.pairs, heads.pairs)))
            q, k, v = g.ops("Split", 3, qkv, sizes, axis=2)
            return g.op("Concat", self.norm(q, queries, 2), self.norm(k, keys, 2), v, axis=2)
        split = g.op("Reshape", qkv, i64(-1, heads.heads + 2 * heads.pairs, heads.width))
        q, k, v = g.ops("Split", 3, split, i64(heads.heads, heads.pairs, heads.pairs), axis=1)
        return g.op("Concat", self.norm(q, queries, 2), self.norm(k, keys, 2), v, axis=1)

    def attention(self, qkv: Tensor, layer: int, heads: Heads) -> Tensor:
        query, key, value = self._turned(qkv, layer, heads)
        g, group = self._graph, heads.heads // heads.pairs
        digits = self._digits(g.op("Reshape", query, i64(heads.pairs, -1, 1, heads.width)), BASE)
        products = g.op(
            "MatMulInteger", g.op("Reshape", digits, i64(1, heads.pairs, -1, heads.width)), key, ZP, ZP, dtype=np.int32
        )
        score = g.op("MatMul", i32(BASE, 1)[None], g.op("Reshape", products, i64(heads.pairs, -1, 2, 0)))
        score = g.op("Add", score, self._masked(key, group))
        distance = g.op("Sub", g.op("ReduceMax", score, axes=[-1], keepdims=1), score)
        if heads.score_shift > MAX_SCORE_SHIFT:
            raise ValueError(f"score_shift {heads.score_shift} exceeds {MAX_SCORE_SHIFT}: a later token would be seen")
        distance = g.op("Div", distance, i32(1 << heads.score_shift))
        table = tables.weights()
        weight = g.op("Gather", g.constant(table), self._clip(distance, 0, len(table) - 1), axis=0)
        total = g.op("ReduceSum", weight, i64(-1), keepdims=1)
        total = g.cast(self._clip(total, int(table[0]), INT32_MAX), np.int64)
        parts = g.op("Reshape", self._digits(weight, WEIGHT_BASE), i64(1, heads.pairs, -1, 0))
        mixed = g.op("MatMulInteger", parts, value, np.uint8(0), ZP, dtype=np.int32)
        mixed = g.op("Reshape", mixed, i64(heads.pairs, -1, 2, heads.width))
        mixed = g.cast(g.op("MatMul", i32(WEIGHT_BASE, 1)[None], mixed), np.int64)
        mean = g.op("Div", g.op("Mul", mixed, heads.gain.reshape(-1, 1, 1, 1)), total)
        flat = g.op(
            "Reshape", self._clip(g.cast(mean, np.int32), -DIGITS[2], DIGITS[2]), i64(heads.heads, -1, heads.width)
        )
        return g.op("Reshape", g.op("Transpose", flat, perm=[1, 0, 2]), i64(-1, 1, heads.heads * heads.width))

    def gated(self, x: Tensor, gate: Gate) -> Tensor:
        g = self._graph
        halves = g.ops("Split", 2, x, axis=2)
        act = g.op("Gather", g.constant(gate.table), g.op("Add", halves[0], i32(gate.reach)), axis=0)
        found = g.op("Mul", act, halves[1])
        if gate.shift:
            found = g.op("Div", found, i32(1 << gate.shift))
        return self._clip(found, -DIGITS[gate.digits], DIGITS[gate.digits])

    def mixture(self, x: Tensor, mixture: Mixture) -> Tensor:
        g, (experts, _, width) = self._graph, mixture.down.shape
        chosen, share = self._routed(x, mixture)
        order, inverse, sizes = sorted_by_expert(g, chosen, experts, i64(-1, 1, mixture.top_k))
        expert = g.op("Gather", g.op("Reshape", chosen, i64(-1)), order, axis=0)
        digits = self._digits(self._positive(x, 2), BASE)
        rows = g.op("Gather", digits, g.op("Div", order, np.int64(mixture.top_k)), axis=0)
        hidden = self._by_expert(rows, mixture.up, sizes, (mixture.up_multiplier, mixture.up_shift), expert)
        active = self.gated(self._clip(hidden, -mixture.gate.reach, mixture.gate.reach), mixture.gate)
        digits = self._digits(self._positive(active, mixture.gate.digits), BASE, mixture.gate.digits)
        answers = self._by_expert(digits, mixture.down, sizes, (mixture.down_multiplier, mixture.down_shift), expert)
        by_token = g.op("Gather", g.op("Reshape", answers, i64(-1, width)), inverse, axis=0)
        shares = g.cast(g.op("Unsqueeze", share, i64(2)), np.int64)
        mixed = g.op("Squeeze", g.op("MatMul", shares, g.cast(by_token, np.int64)), i64(2))
        return g.cast(g.op("Div", mixed, np.int64(1 << SHARE_BITS)), np.int32)

    def residual(self, x: Tensor, y: Tensor, limit: int) -> Tensor:
        return self._clip(self._graph.op("Add", x, y), -limit, limit)

    def last(self, x: Tensor) -> Tensor:
        return self._graph.op("Gather", x, i64(-1), axis=0)

    def logits(self, x: Tensor, matrix: Matrix) -> Tensor:
        g = self._graph
        scaled = g.op("Mul", g.cast(self._accumulated(x, matrix), np.int64), matrix.multiplier)
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
        g.output("best", g.op("ArgMax", among, axis=-1, keepdims=0, dtype=np.int64))

    def _routed(self, x: Tensor, mixture: Mixture) -> tuple[Tensor, Tensor]:
        """The chosen experts int64 [T, 1, k], best first, and their shares int32. Keys are unique: no tie is left."""
        g, count, table = self._graph, len(mixture.down), tables.weights()
        logits = self.product(x, mixture.router)
        distance = g.op("Sub", g.op("ReduceMax", logits, axes=[-1], keepdims=1), logits)
        weight = g.op("Gather", g.constant(table), self._clip(distance, 0, len(table) - 1), axis=0)
        key = g.op("Add", g.op("Mul", logits, i32(count)), np.arange(count - 1, -1, -1, dtype=np.int32))
        chosen = g.ops("TopK", 2, key, i64(mixture.top_k), axis=-1, largest=1, sorted=1, dtype=np.int64)[1]
        best = g.op("GatherElements", weight, chosen, axis=-1)
        total = g.op("ReduceSum", weight if mixture.share_of_all else best, i64(-1), keepdims=1)
        return chosen, g.op("Div", g.op("Mul", best, i32(1 << SHARE_BITS)), self._clip(total, int(table[0]), INT32_MAX))

    def _by_expert(self, rows: Tensor, weight: U8, sizes: Tensor, scale: tuple[I64, int], expert: Tensor) -> Tensor:
        """Digits [A, n, k], sorted by expert, times each one's matrix -> int32 [A, 1, m]."""
        g, (multiplier, shift) = self._graph, scale
        parts = g.ops("Split", len(weight), rows, sizes, axis=0)
        products = [
            g.op("MatMulInteger", part, each, ZP, ZP, dtype=np.int32) for part, each in zip(parts, weight, strict=True)
        ]
        wide = g.op("MatMul", i64(BASE, 1)[None], g.cast(g.op("Concat", *products, axis=0), np.int64))
        scaled = g.op("Mul", wide, g.op("Unsqueeze", g.op("Gather", g.constant(multiplier), expert, axis=0), i64(1)))
        return g.cast(g.op("Div", scaled, np.int64(1 << shift)), np.int32)

    def _input(self, name: str, dtype: type[np.generic], shape: tuple[int | str, ...], high: int) -> Tensor:
        self._ranges[name] = Range(0, high)
        return self._graph.input(name, dtype, shape)

    def _turned(self, qkv: Tensor, layer: int, heads: Heads) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [1, H, T, w] as positive numbers of two digits, and the layer's cache with the new tokens in it."""
        g, count, pairs = self._graph, heads.heads + heads.pairs, heads.pairs
        split = g.op("Reshape", qkv, i64(1, -1, count + pairs, heads.width))
        turning, values = g.ops("Split", 2, split, i64(count, pairs), axis=2)
        one, other = g.ops("Split", 2, turning, i64(heads.width // 2, heads.width // 2), axis=3)
        cosines, sines = self._turns
        turned = g.op("Mul", g.op("Concat", other, one, axis=3), sines)
        turned = g.op("Add", g.op("Mul", turning, cosines), turned)
        turned = g.op("Div", g.op("Add", turned, i32(HALF << TURN_BITS)), i32(1 << TURN_BITS))
        both = g.op("Concat", turned, g.op("Add", values, i32(HALF)), axis=2)
        both = g.op("Transpose", self._clip(both, 0, 2**16 - 1), perm=[0, 2, 1, 3])
        query, kept = g.ops("Split", 2, both, i64(heads.heads, 2 * pairs), axis=1)
        new = g.ops("Split", 2, g.cast(g.op("Div", kept, i32(BASE)), np.uint8), i64(pairs, pairs), axis=1)
        past = self._past[layer]
        key = g.op("Concat", past[0], g.op("Transpose", new[0], perm=[0, 1, 3, 2]), axis=3, name=f"present.{layer}.key")
        value = g.op("Concat", past[1], new[1], axis=2, name=f"present.{layer}.value")
        for tensor in (key, value):
            g.output(tensor.name, tensor)
        return query, key, value

    def _masked(self, key: Tensor, group: int) -> Tensor:
        """0 where a row may see a token, MASKED where not: [group * T, 1, n], the same in all layers."""
        g = self._graph
        if self._mask is None:
            count = g.op("Squeeze", g.op("Shape", key, dtype=np.int64, start=3, end=4))
            places = g.op("Range", np.int64(0), count, np.int64(1), dtype=np.int64)
            rows = g.op("Concat", *[self._positions] * group, axis=0) if group > 1 else self._positions
            seen = g.op("GreaterOrEqual", g.op("Unsqueeze", rows, i64(1, 2)), places, dtype=np.bool_)
            self._mask = g.op("Where", seen, i32(0), i32(MASKED), dtype=np.int32)
        return self._mask

    def _accumulated(self, x: Tensor, matrix: Matrix) -> Tensor:
        """[T, 1, k] -> its product with the weights, [T, 1, n], in int32 where that is proven to hold it."""
        g, digits = self._graph, self._digits(self._positive(x, matrix.digits), BASE, matrix.digits)
        products = g.op("MatMulInteger", digits, matrix.weight, ZP, ZP, dtype=np.int32)
        places = [BASE**power for power in reversed(range(matrix.digits))]
        if sum(places) * ZERO_POINT * heaviest_column(matrix.weight, ZERO_POINT) <= INT32_MAX:
            return g.op("MatMul", i32(*places)[None], products)
        return g.op("MatMul", i64(*places)[None], g.cast(products, np.int64))

    def _requantized(self, x: Tensor, matrix: Matrix) -> Tensor:
        g = self._graph
        wide = x if x.dtype == np.int64 else g.cast(x, np.int64)
        found = g.cast(g.op("Div", g.op("Mul", wide, matrix.multiplier), np.int64(1 << matrix.shift)), np.int32)
        if matrix.bias is not None:
            found = g.op("Add", found, matrix.bias)
        return found if matrix.limit is None else self._clip(found, -matrix.limit, matrix.limit)

    def _positive(self, x: Tensor, digits: int) -> Tensor:
        return self._graph.op("Add", x, i32(sum(ZERO_POINT * BASE**power for power in range(digits))))

    def _digits(self, x: Tensor, base: int, count: int = 2) -> Tensor:
        """Non-negative [..., 1, k] -> its digits as u8 [..., count, k], the highest first."""
        g = self._graph
        parts = [x if power == 0 else g.op("Div", x, i32(base**power)) for power in reversed(range(count))]
        parts = [parts[0], *(g.op("Mod", part, i32(base)) for part in parts[1:])]
        return g.cast(g.op("Concat", *parts, axis=-2), np.uint8)

    def _clip(self, x: Tensor, low: int, high: int) -> Tensor:
        return self._graph.op("Clip", x, x.dtype.type(low), x.dtype.type(high))

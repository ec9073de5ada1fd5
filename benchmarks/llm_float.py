"""A dense decoder in float32 as an ONNX graph with a cache: what the exact one is measured beside."""

from typing import Final

import numpy as np
import onnx

from themis.exact.decoder import floating
from themis.exact.decoder.architecture import Architecture
from themis.exact.decoder.checkpoint import F32, Weights
from themis.exact.emit import i64
from themis.exact.graph import Graph, Tensor

FAR: Final = np.float32(-1e9)
"""Added to the score of a later token."""


class FloatGraph:
    """Writes it layer by layer, with the names of an exact one."""

    def __init__(self, weights: Weights, arch: Architecture) -> None:
        self._weights, self._arch = weights, arch
        self._g = Graph("float")

    def build(self) -> onnx.ModelProto:
        g, arch, weights = self._g, self._arch, self._weights
        head = g.constant(np.ascontiguousarray(floating.head(weights, arch).T))
        ids = g.op("Reshape", g.input("input_ids", np.int64, (1, "tokens")), i64(-1))
        self._positions = g.op("Reshape", g.input("position_ids", np.int64, (1, "tokens")), i64(-1))
        half = arch.head_width // 2
        angles = np.arange(arch.context)[:, None] * arch.theta ** (-np.arange(half) / half)
        self._turns = [
            g.op("Unsqueeze", g.op("Gather", g.constant(f(angles).astype(np.float32)), self._positions, axis=0), i64(1))
            for f in (np.cos, np.sin)
        ]
        self._mask: Tensor | None = None
        x = g.op("Transpose", g.op("Gather", head, ids, axis=1), perm=[1, 0])
        for layer in range(arch.layers):
            mine = floating.parts(weights, arch, layer)
            x = g.op("Add", x, self._attention(self._normed(x, mine.before), mine, layer))
            ((gate, up, down),) = mine.experts
            h = self._normed(x, mine.between)
            before = self._product(h, gate)
            active = g.op("Mul", g.op("Mul", before, g.op("Sigmoid", before)), self._product(h, up))
            x = g.op("Add", x, self._product(active, down))
        last = self._normed(g.op("Gather", x, i64(-1), axis=0), weights.tensor("model.norm.weight"))
        g.output("logits", g.op("Unsqueeze", g.op("MatMul", last, head), i64(0)))
        return g.build()

    def _normed(self, x: Tensor, gamma: F32) -> Tensor:
        g = self._g
        mean = g.op("ReduceMean", g.op("Mul", x, x), axes=[-1], keepdims=1)
        root = g.op("Sqrt", g.op("Add", mean, np.float32(self._arch.epsilon)))
        return g.op("Mul", g.op("Div", x, root), gamma)

    def _product(self, x: Tensor, weight: F32) -> Tensor:
        return self._g.op("MatMul", x, np.ascontiguousarray(weight.T))

    def _attention(self, h: Tensor, mine: floating.Parts, layer: int) -> Tensor:
        g, arch = self._g, self._arch
        group, width = arch.heads // arch.pairs, arch.head_width
        q, k, v = (
            g.op("Reshape", self._product(h, part), i64(0, count, width))
            for part, count in ((mine.q, arch.heads), (mine.k, arch.pairs), (mine.v, arch.pairs))
        )
        grown = []
        for kind, new in (("key", self._turned(k)), ("value", v)):
            past = g.input(f"past_key_values.{layer}.{kind}", np.float32, (1, arch.pairs, "past", width))
            by_head = g.op("Unsqueeze", g.op("Transpose", new, perm=[1, 0, 2]), i64(0))
            grown.append(g.op("Concat", past, by_head, axis=2, name=f"present.{layer}.{kind}"))
            g.output(grown[-1].name, grown[-1])
        query = g.op("Reshape", g.op("Transpose", self._turned(q), perm=[1, 0, 2]), i64(1, arch.pairs, -1, width))
        query = g.op("Mul", query, np.float32(arch.multipliers.attention))
        score = g.op("MatMul", query, g.op("Transpose", grown[0], perm=[0, 1, 3, 2]))
        score = g.op("Reshape", score, g.op("Concat", i64(arch.pairs, group, -1), self._length(grown[0]), axis=0))
        weight = g.op("Softmax", g.op("Add", score, self._masked(grown[0])), axis=-1)
        weight = g.op("Reshape", weight, g.op("Concat", i64(1, arch.pairs, -1), self._length(grown[0]), axis=0))
        mixed = g.op("Reshape", g.op("MatMul", weight, grown[1]), i64(arch.heads, -1, width))
        return self._product(
            g.op("Reshape", g.op("Transpose", mixed, perm=[1, 0, 2]), i64(-1, arch.heads * width)), mine.out
        )

    def _turned(self, x: Tensor) -> Tensor:
        g, half = self._g, self._arch.head_width // 2
        one, other = g.ops("Split", 2, x, i64(half, half), axis=2)
        cos, sin = self._turns
        first = g.op("Sub", g.op("Mul", one, cos), g.op("Mul", other, sin))
        return g.op("Concat", first, g.op("Add", g.op("Mul", other, cos), g.op("Mul", one, sin)), axis=2)

    def _length(self, key: Tensor) -> Tensor:
        return self._g.op("Shape", key, dtype=np.int64, start=2, end=3)

    def _masked(self, key: Tensor) -> Tensor:
        """0 where a row may see a token, FAR where not: [T, n], the same in all layers."""
        g = self._g
        if self._mask is None:
            count = g.op("Squeeze", self._length(key))
            places = g.op("Range", np.int64(0), count, np.int64(1), dtype=np.int64)
            seen = g.op("GreaterOrEqual", g.op("Unsqueeze", self._positions, i64(1)), places, dtype=np.bool_)
            self._mask = g.op("Where", seen, np.float32(0), FAR, dtype=np.float32)
        return self._mask

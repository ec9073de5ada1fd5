"""The executable specification of exact decoders: every block in plain NumPy integers."""

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from themis.exact.blocks import I32, ZERO_POINT
from themis.exact.decoder import tables
from themis.exact.decoder.blocks import (
    BYTE_BITS,
    BYTE_STEPS,
    DIGITS,
    I8,
    SHARE_BITS,
    TURN_BITS,
    Gate,
    Head,
    Heads,
    Matrix,
    Mixture,
    Norm,
    Turns,
)
from themis.exact.spec import round_half_even, truncated_quotient

Int = NDArray[np.int64]


class Spec:
    """Blocks over arrays: one step of a decoder, from the tokens and the caches that came before."""

    def __init__(self, tokens: Sequence[int], caches: Mapping[str, NDArray[Any]]) -> None:
        """`caches` by the names of the graph's inputs; none for a first step."""
        self._tokens = np.array(tokens, np.int64)
        self._caches = caches
        self._past = next((cache.shape[-1] for name, cache in caches.items() if name.endswith("key")), 0)
        self.outputs: dict[str, NDArray[Any]] = {}

    def start(self, turns: Turns, heads: Heads, layers: int, vocabulary: int) -> Int:  # noqa: ARG002 (the port's signature)
        if self._tokens.min() < 0 or self._tokens.max() >= vocabulary:
            raise ValueError("a token is outside the vocabulary")
        self._positions = np.arange(self._past, self._past + len(self._tokens))
        self._turns = turns
        return self._tokens

    def embed(self, ids: Int, table: I8, multiplier: I32, shift: int, *, tied: bool) -> Int:
        rows = (table.T if tied else table)[ids].astype(np.int64)
        return _over(rows * multiplier.astype(np.int64)[ids][:, None], shift)[:, None]

    def norm(self, x: Int, norm: Norm) -> Int:
        squares = (x * x).sum(-1)
        roots = np.array([max(isqrt(int(s)), norm.floor) for s in squares.ravel()], np.int64).reshape(squares.shape)
        return _clipped(truncated_quotient(x * norm.gain, roots[..., None]), norm.limit)

    def product(self, x: Int, matrix: Matrix) -> Int:
        found = truncated_quotient(_weighed(x, matrix) * matrix.factor, matrix.divisor)
        if matrix.bias is not None:
            found = found + matrix.bias
        return found if matrix.limit is None else _clipped(found, matrix.limit)

    def normed_heads(self, qkv: Int, heads: Heads, queries: Norm, keys: Norm) -> Int:
        count, ends = len(qkv), [heads.heads * heads.width, (heads.heads + heads.pairs) * heads.width]
        q, k, v = np.split(qkv.reshape(count, -1), ends, 1)
        normed = [
            self.norm(part.reshape(count, -1, norm.gain.shape[-1]), norm).reshape(count, -1)
            for part, norm in ((q, queries), (k, keys))
        ]
        return np.concatenate([*normed, v], 1).reshape(qkv.shape)

    def attention(self, qkv: Int, layer: int, heads: Heads) -> Int:
        split = qkv.reshape(len(qkv), heads.heads + 2 * heads.pairs, heads.width)
        turning = split[:, : heads.heads + heads.pairs]
        swapped = np.roll(turning, heads.width // 2, -1)
        cosines, sines = (
            table.astype(np.int64)[self._positions][:, None] for table in (self._turns.cosines, self._turns.sines)
        )
        turned = turning * cosines + swapped * sines
        both = np.concatenate([turned, split[:, heads.heads + heads.pairs :] << TURN_BITS], 1)
        bytes_ = np.clip(round_half_even(both, np.array(1 << BYTE_BITS)) + ZERO_POINT, 0, 255)
        query, new = bytes_[:, : heads.heads] - ZERO_POINT, bytes_[:, heads.heads :].astype(np.uint8)
        key = self._grown(f"{layer}.key", new[:, : heads.pairs].transpose(1, 2, 0)[None], -1)
        value = self._grown(f"{layer}.value", new[:, heads.pairs :].transpose(1, 0, 2)[None], 2)
        weights, found = heads.table.astype(np.int64), np.zeros((len(qkv), heads.heads, heads.width), np.int64)
        for head in range(heads.heads):
            pair = head * heads.pairs // heads.heads
            for row, position in enumerate(self._positions):
                seen = slice(0, position + 1)
                score = query[row, head] @ (key[0, pair, :, seen].astype(np.int64) - ZERO_POINT)
                distance = (score.max() - score) >> heads.shift
                weight = weights[np.minimum(distance, len(weights) - 1)]
                mean = weight @ (value[0, pair, seen].astype(np.int64) - ZERO_POINT) * heads.gain[pair]
                found[row, head] = truncated_quotient(mean, weight.sum())
        return _clipped(found, heads.limit).reshape(len(qkv), 1, -1)

    def gated(self, x: Int, gate: Gate) -> Int:
        inner = x.shape[-1] // 2
        active = gate.table.astype(np.int64)[x[..., :inner] + gate.reach] * x[..., inner:]
        return _clipped(_over(active, gate.shift), DIGITS[gate.digits])

    def mixture(self, x: Int, mixture: Mixture) -> Int:
        out = np.zeros_like(x)
        for token, (row, logits) in enumerate(zip(x, self.product(x, mixture.router)[:, 0], strict=True)):
            for expert, share in _shares(logits, mixture):
                up = Matrix(mixture.up[expert], mixture.up_divisor[expert], mixture.up_factor, limit=mixture.gate.reach)
                down = Matrix(mixture.down[expert], mixture.down_divisor[expert], mixture.down_factor)
                out[token] += share * self.product(self.gated(self.product(row, up), mixture.gate), down)
        return _over(out, SHARE_BITS)

    def residual(self, x: Int, y: Int, limit: int) -> Int:
        return _clipped(x + y, limit)

    def last(self, x: Int) -> Int:
        return x[-1:]

    def logits(self, x: Int, head: Head) -> Int:
        found = (_weighed(x, head) * head.multiplier).reshape(1, len(x), -1)
        self.outputs["logits"] = found
        return found

    def best(self, logits: Int, limit: int) -> None:
        if np.abs(logits).max() > limit:
            raise ValueError(f"a logit is beyond {limit}")
        self.outputs["best"] = np.argmax(logits, -1)

    def _grown(self, name: str, new: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
        past = self._caches.get(f"past_key_values.{name}")
        grown = new if past is None else np.concatenate([past, new], axis)
        self.outputs[f"present.{name}"] = grown
        return grown


def _weighed(x: Int, matrix: Matrix | Head) -> Int:
    taken = round_half_even(x, BYTE_STEPS) if matrix.digits == 1 else x
    return np.asarray(taken @ matrix.weight.astype(np.int64))


def _over(x: Int, shift: int) -> Int:
    """X / 2^shift toward zero."""
    return truncated_quotient(x, np.array(1 << shift))


def _clipped(x: Int, limit: int) -> Int:
    return np.clip(x, -limit, limit)


def _shares(logits: Int, mixture: Mixture) -> list[tuple[int, int]]:
    """One token's experts with their shares of 2^15, best first."""
    table = tables.choices().astype(np.int64)
    weights = table[np.minimum(logits.max() - logits, len(table) - 1)]
    chosen = sorted(range(len(logits)), key=lambda expert: (-logits[expert], expert))[: mixture.top_k]
    total = int(weights.sum() if mixture.share_of_all else weights[chosen].sum())
    return [(expert, (int(weights[expert]) << SHARE_BITS) // total) for expert in chosen]

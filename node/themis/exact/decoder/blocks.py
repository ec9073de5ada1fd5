"""What a decoder is made of: each block's exact meaning, as a Protocol with two implementations.

T new tokens after n - T cached ones; d width of the stream; H heads that share K pairs of keys and values, each w wide;
`//` is floor, `trunc` toward zero, `round` to the nearest, halves to even. Weights are int8 within +-127.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from themis.exact.blocks import I32

I8 = NDArray[np.int8]
I64 = NDArray[np.int64]
V = TypeVar("V")

BASE: Final = 128
"""Of digits: a digit with its zero point is at most 127, so that no pair of products with int8 saturates 16 bits."""
MIDDLE: Final = 64
"""Zero point of digits."""
DIGITS: Final[Mapping[int, int]] = {2: 63 * (BASE + 1), 3: 63 * (BASE**2 + BASE + 1)}
"""Largest absolute value by the number of balanced digits."""
INT32_MAX: Final = 2**31 - 1
TURN_BITS: Final = 10
"""Sines and cosines count in 2^-10."""
TURNED_MAX: Final = 2**13 - 1
"""Largest absolute query, key or value before it is turned: the turned one is exact in a float32."""
BYTE_BITS: Final = 16
"""A turned number over 2^16 is a byte."""
BYTE_STEPS: Final = 1 << (BYTE_BITS - TURN_BITS)
"""Of one byte, in numbers that are not turned yet, and in activations of two digits."""
WEIGHT_MAX: Final = 255
"""Largest softmax weight."""
MASKED: Final = -(2**30)
"""Added to the score of a later token, whose weight then is 0."""
MAX_SCORE_SHIFT: Final = 20
CHOICE_MAX: Final = 4_095
"""Largest weight of an expert."""
SHARE_BITS: Final = 15
"""An expert's share counts in 2^-15."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A linear layer of activations in digits."""

    weight: I8
    """[k, n]"""
    divisor: I64
    """[n], each column's, at least 1."""
    factor: int = 1
    """What all sums are multiplied by before they are divided."""
    digits: int = 2
    """Of the activations that it takes: a key of DIGITS, or 1: bytes, which are activations over BYTE_STEPS."""
    bias: I32 | None = None
    """[n]"""
    limit: int | None = None
    """The result is clipped to +-limit; None where it needs no clip."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last linear layer, of activations in two digits or one."""

    weight: I8
    """[k, n]"""
    multiplier: I64
    """[n], each column's, at least 0."""
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Norm:
    """An RMSNorm."""

    gain: I64
    """[d] = gamma * sqrt(d) * 2^s for an output that counts in 2^-s."""
    floor: int
    """Least root of the sum of squares that is divided by: keeps quotients within int32, as an epsilon does."""
    limit: int
    """The result is clipped to +-limit."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Causal attention with grouped queries, turned positions and a cache of bytes."""

    heads: int
    pairs: int
    """Pairs of keys and values that the heads share, in order."""
    width: int
    shift: int
    """A score's distance from the best, over 2^shift, is its place in the table."""
    table: I32
    """Softmax weights, falling from WEIGHT_MAX to 0."""
    gain: I64
    """[pairs]: activations = weighted mean of value bytes times gain."""
    limit: int
    """They are clipped to +-limit."""


@dataclass(frozen=True, slots=True)
class Gate:
    """act(gate) * up in integers."""

    table: I32
    """[2 * reach + 1]: act by gate + reach, both in the scale of gate."""
    shift: int
    """The product is divided by 2^shift, toward zero."""
    digits: int
    """Of the result, to which it is clipped."""
    width: int
    """Of the result."""

    @property
    def reach(self) -> int:
        return len(self.table) // 2


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture of experts, each a gated unit."""

    router: Matrix
    """[d, experts] -> logits whose distances count in 1/32 octave, clipped so that a key of logit and id fits int32."""
    up: I8
    """[experts, d, 2 * inner]: gate halves and linear halves."""
    up_divisor: I64
    """[experts, 2 * inner]"""
    up_factor: int
    gate: Gate
    down: I8
    """[experts, inner, d]"""
    down_divisor: I64
    """[experts, d]"""
    down_factor: int
    top_k: int
    share_of_all: bool
    """Gates are shares of the weights of all experts, not of the chosen ones alone."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Tables of rotary positions."""

    cosines: I32
    """[context, width] in 2^-10; the halves are alike."""
    sines: I32
    """[context, width], the first half negated: turned = x * cosines + swapped halves of x * sines."""


class Blocks(Protocol[V]):
    """The vocabulary of exact decoders. Activations are [T, 1, k]."""

    def start(self, turns: Turns, heads: Heads, layers: int, vocabulary: int) -> V:
        """Declare inputs: token ids [1, T], positions, caches; returns the ids [T]."""
        ...

    def embed(self, ids: V, table: I8, multiplier: I32, shift: int, *, tied: bool) -> V:
        """Rows of a table -> stream [T, 1, d] = trunc(table[id] * multiplier[id] / 2^shift).

        The table is [n, d], or [d, n] where it is tied to the head's matrix.
        """
        ...

    def norm(self, x: V, norm: Norm) -> V:
        """int32 [..., d] -> clip(trunc(x * gain / max(isqrt(sum x^2), floor)), +-limit)."""
        ...

    def product(self, x: V, matrix: Matrix) -> V:
        """[T, 1, k] -> int32 [T, 1, n] = clip(trunc(factor * (x @ weight) / divisor) + bias).

        Where the matrix takes bytes, round(x / BYTE_STEPS) is in the place of x.
        """
        ...

    def normed_heads(self, qkv: V, heads: Heads, queries: Norm, keys: Norm) -> V:
        """RMSNorm of queries and keys, each over its width, or all together where a gain is that long; values stay."""
        ...

    def attention(self, qkv: V, layer: int, heads: Heads) -> V:
        """[T, 1, (H + 2 K) * w] -> [T, 1, H * w]; the layer's cache grows by T.

        Of qkv, within +-TURNED_MAX, bytes are made: clip(round(t / 2^16) + 128, 0, 255), where t = x * cos + swapped *
        sin for queries and keys, turned by their positions, and t = x * 2^10 for values. Bytes of keys and values are
        kept. score = (query - 128) . (key - 128); weight = table[min((best - score) // 2^shift, last)];
        result = clip(trunc(sum of weight * (value - 128) * gain / sum of weight), +-limit).
        """
        ...

    def gated(self, x: V, gate: Gate) -> V:
        """[T, 1, 2 * inner], within +-reach -> clip(trunc(table[gate + reach] * up / 2^shift))."""
        ...

    def mixture(self, x: V, mixture: Mixture) -> V:
        """[T, 1, d] -> int32 [T, 1, d] = trunc(sum over the chosen of share * expert(x) / 2^15).

        Ties between logits go to the lower expert. share = trunc(weight * 2^15 / sum of weights); a weight is
        CHOICE_MAX halved for each 32 of its logit's distance from the best.
        """
        ...

    def residual(self, x: V, y: V, limit: int) -> V:
        """clip(x + y, +-limit)."""
        ...

    def last(self, x: V) -> V:
        """[T, 1, d] -> [1, 1, d]."""
        ...

    def logits(self, x: V, head: Head) -> V:
        """Output int64 [1, T, n] = x @ weight * multiplier, with bytes as in `product`."""
        ...

    def best(self, logits: V, limit: int) -> None:
        """Output int64 [1, T], the tokens: which logit is the highest, of several the first. All are within +-limit."""
        ...

"""What a decoder is made of: each block's exact meaning, as a Protocol with two implementations.

T new tokens after n - T cached ones; d width of the stream; H heads that share K pairs of keys and values, each w wide;
`//` is floor, `trunc` toward zero. Weights are u8 with zero point 128.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from themis.exact.blocks import I32, U8

I64 = NDArray[np.int64]
V = TypeVar("V")

DIGITS: Final[Mapping[int, int]] = {2: 127 * 256 + 127, 3: 127 * 65_536 + 127 * 256 + 127}
"""Largest absolute value by its number of balanced digits of base 256."""
INT32_MAX: Final = 2**31 - 1
HALF: Final = 128 * 256 + 128
"""What makes a number of two digits positive, and its digits bytes."""
TURN_BITS: Final = 14
"""Sines and cosines count in 2^-14."""
WEIGHT_BITS: Final = 12
"""A softmax weight lies in 0..4095."""
MASKED: Final = -(2**30)
"""Added to the score of a later token, whose weight then is 0."""
MAX_SCORE_SHIFT: Final = 20
SHARE_BITS: Final = 15
"""An expert's share counts in 2^-15."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A linear layer of activations in two or three digits."""

    weight: U8
    """[k, n]"""
    multiplier: I64
    """[n], each column's scale, at least 0."""
    shift: int
    digits: int = 2
    """Of the activations that it takes: a key of DIGITS."""
    bias: I32 | None = None
    """[n]"""
    limit: int | None = None
    """The result is clipped to +-limit; None where it needs no clip."""


@dataclass(frozen=True, slots=True)
class Norm:
    """An RMSNorm."""

    gain: I64
    """[d] = gamma * sqrt(d) * 2^s for an output that counts in 2^-s."""
    floor: int
    """Least root of the sum of squares that is divided by: keeps quotients within int32, as an epsilon does."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Causal attention with grouped queries, turned positions and a cache of bytes."""

    heads: int
    pairs: int
    """Pairs of keys and values that the heads share, in order."""
    width: int
    score_shift: int
    """A score's distance from the best, over 2^score_shift, counts in 1/32 octave."""
    gain: I64
    """[pairs]: activations = weighted mean of value bytes times gain."""


@dataclass(frozen=True, slots=True)
class Gate:
    """act(gate) * up in integers."""

    table: I32
    """[2 * reach + 1]: act by gate + reach, both in the scale of gate."""
    shift: int
    """The product is divided by 2^shift, toward zero."""
    digits: int
    """Of the result, to which it is clipped."""

    @property
    def reach(self) -> int:
        return len(self.table) // 2


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture of experts, each a gated unit."""

    router: Matrix
    """[d, experts] -> logits whose distances count in 1/32 octave, clipped so that a key of logit and id fits int32."""
    up: U8
    """[experts, d, 2 * inner]: gate halves and linear halves."""
    up_multiplier: I64
    """[experts, 2 * inner]"""
    up_shift: int
    gate: Gate
    down: U8
    """[experts, inner, d]"""
    down_multiplier: I64
    """[experts, d]"""
    down_shift: int
    """The gated unit gives two digits, which the experts' last matrices take."""
    top_k: int
    share_of_all: bool
    """Gates are shares of the weights of all experts, not of the chosen ones alone."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Tables of rotary positions."""

    cosines: I32
    """[context, width] in 2^-14; the halves are alike."""
    sines: I32
    """[context, width], the first half negated: turned = x * cosines + swapped halves of x * sines."""


class Blocks(Protocol[V]):
    """The vocabulary of exact decoders. Activations are [T, 1, k]."""

    def start(self, turns: Turns, heads: Heads, layers: int, vocabulary: int) -> V:
        """Declare inputs: token ids [1, T], positions, caches; returns the ids [T]."""
        ...

    def embed(self, ids: V, table: U8, multiplier: I32, shift: int, *, tied: bool) -> V:
        """Rows of a table -> stream [T, 1, d] = trunc((table[id] - 128) * multiplier[id] / 2^shift).

        The table is [n, d], or [d, n] where it is tied to the head's matrix.
        """
        ...

    def norm(self, x: V, norm: Norm, digits: int) -> V:
        """int32 [..., d] -> clip(trunc(x * gain / max(isqrt(sum x^2), floor)), +-DIGITS[digits])."""
        ...

    def product(self, x: V, matrix: Matrix) -> V:
        """[T, 1, k] -> int32 [T, 1, n] = clip(trunc(x @ (weight - 128) * multiplier / 2^shift) + bias)."""
        ...

    def normed_heads(self, qkv: V, heads: Heads, queries: Norm, keys: Norm) -> V:
        """RMSNorm of queries and keys, each over its width, or all together where a gain is that long; values stay."""
        ...

    def attention(self, qkv: V, layer: int, heads: Heads) -> V:
        """[T, 1, (H + 2 K) * w] -> [T, 1, H * w], both of two digits; the layer's cache grows by T.

        Queries and keys are turned by their positions: u = clip((x * cos + swapped * sin + HALF * 2^14) // 2^14, 0,
        65535); values are u = clip(x + HALF, 0, 65535). A query is u - HALF; of keys and values byte u // 256 is kept.
        score = query . (key - 128); weight = table[min((best - score) // 2^score_shift, last)];
        result = clip(trunc(sum of weight * (value - 128) * gain / sum of weight), two digits).
        """
        ...

    def gated(self, x: V, gate: Gate) -> V:
        """[T, 1, 2 * inner], within +-reach -> clip(trunc(table[gate + reach] * up / 2^shift))."""
        ...

    def mixture(self, x: V, mixture: Mixture) -> V:
        """Two digits [T, 1, d] -> int32 [T, 1, d] = trunc(sum over the chosen of share * expert(x) / 2^15).

        Ties between logits go to the lower expert. share = trunc(weight * 2^15 / sum of weights), weight as in
        attention.
        """
        ...

    def residual(self, x: V, y: V, limit: int) -> V:
        """clip(x + y, +-limit)."""
        ...

    def last(self, x: V) -> V:
        """[T, 1, d] -> [1, 1, d]."""
        ...

    def logits(self, x: V, matrix: Matrix) -> V:
        """Output int64 [1, T, n] = x @ (weight - 128) * multiplier."""
        ...

    def best(self, logits: V, limit: int) -> None:
        """Output int64 [1, T], the tokens: which logit is the highest, of several the first. All are within +-limit."""
        ...

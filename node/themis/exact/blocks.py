"""What a network may be made of: each block's shapes, scales and exact meaning, as a Protocol with two implementations.

Dimensions: T tokens of all sequences of all requests, flat; F sequences (functions of a contract), L tokens of the
longest one; R requests; d width; E experts; C classes. `round` is to nearest, halves to even; `//` is floor.
Weights are NumPy arrays. A block raises ValueError when its weights could leave the exact range.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

STREAM_MAX: Final = 2**20
"""The residual stream is clipped to +-STREAM_MAX."""
ZERO_POINT: Final = 128
NORM_FLOOR: Final = 16
"""Least root of the sum of squares that rms_norm divides by: what an epsilon is to a float RMSNorm."""
NORM_FRACTION: Final = 16
"""rms_norm's gain counts in sixteenths of an output step."""
GAIN_MAX: Final = 2**15 - 1
LIGHT_WEIGHT: Final = 64
"""A matrix whose weights lie within +-LIGHT_WEIGHT multiplies u8 as int8 without saturating AVX2's 16-bit sums of two
products (2 * 255 * 64 < 2^15), and twice as fast with VNNI. Worth a bit of precision in training."""
ACC_LINEAR: Final = 2**24
"""A requantized accumulator stays below: float32 carries it exactly through QLinearMatMul."""
ACC_PROJECT: Final = 2**30
"""Any other accumulator stays below: what is added to round it still fits int32."""
GATE_ONE: Final = 128
"""The gates of one token sum to this."""
OCTAVE: Final = 32
"""Softmax exponents count in 1/32 octave: weight = 2^(-distance / 32)."""

U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]
Shift = int | Sequence[int]
"""One power of two for a matrix, or one for each of its columns."""
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Experts:
    """Weights of one mixture-of-experts layer, all u8 with zero point 128."""

    router: U8
    """[d, E]"""
    up: U8
    """[E, d, 2 * inner]: the first `inner` columns are the gate half of the GLU, the others its linear half."""
    down: U8
    """[E, inner, d]"""
    route_shift: int
    """Router logit differences are divided by 2^route_shift to give 1/32 octaves."""
    up_shift: int
    """u8 hidden = accumulator * 2^-up_shift."""
    glu_shift: int = 12
    """12 keeps the scale when gate and linear half count in 2^-5."""
    top_k: int = 2


class Blocks(Protocol[V]):
    """The vocabulary of the exact profile."""

    def input(
        self, name: str, dtype: type[np.generic], shape: tuple[int | str, ...], low: int = 0, high: int = 2**30
    ) -> V:
        """Declare an input; `shape` holds sizes or names of dimensions; values lie in low..high."""
        ...

    def output(self, name: str, value: V) -> None:
        """Name a result."""
        ...

    def embed(self, ids: V, table: U8, shift: int) -> V:
        """Rows of a table: int64 ids [...], table u8 [n, d] -> int32 [..., d] = (table[ids] - 128) << shift."""
        ...

    def embed_bag(self, ids: V, table: U8, shift: int) -> V:
        """Sum of B rows: int64 ids [T, B], table u8 [n, d] -> int32 [T, d] = sum over B of (row - 128) << shift.

        Let one row of the table be all 128 and pad short bags with its id.
        """
        ...

    def add(self, x: V, y: V) -> V:
        """int32 stream + int32 -> int32 stream, clipped to +-STREAM_MAX."""
        ...

    def residual(self, x: V, y: V, shift: int) -> V:
        """int32 stream + ((y + 2^(shift-1)) >> shift) -> int32 stream, clipped to +-STREAM_MAX.

        |y| < 2^30 - 2^shift, shift >= 1.
        """
        ...

    def rms_norm(self, x: V, gain: I32) -> V:
        """int32 [..., d], gain int32 [d] in 1..2^15-1 or negative -> u8 [..., d].

        r = max(isqrt(sum x^2), NORM_FLOOR); v = x * gain / r truncated toward zero; u8 of round(v / 16).
        For a float gamma and an output that counts in 2^-s: gain = rint(gamma * sqrt(d) * 2^s * 16), see `gains`.
        """
        ...

    def requantize(self, x: V, shift: int) -> V:
        """int32 -> u8 of (x + 2^(shift-1)) >> shift. |x| < 2^30 - 2^shift, shift >= 1."""
        ...

    def linear(self, x: V, weight: U8, shift: Shift) -> V:
        """u8 [..., k] @ u8 [k, n] -> u8 [..., n] of round(acc * 2^-shift). |acc| < 2^24, proven from the weights."""
        ...

    def project(self, x: V, weight: U8, bias: I32 | None = None) -> V:
        """u8 [..., k] @ u8 [k, n] + int32 [n] -> int32 [..., n], not requantized. |acc| < 2^30."""
        ...

    def attention(self, qkv: V, place: V, slot: V, *, heads: int, head_width: int, score_shift: int) -> V:
        """Multi-head softmax attention within each sequence, without a causal mask.

        qkv u8 [T, 3 * heads * head_width] (queries, keys, values; heads contiguous), place int64 [T] and slot int64
        [F, L] from `layout` -> u8 [T, heads * head_width], same scale as the values.
        score = q . k (exact); distance = (max - score) // 2^score_shift in 1/32 octaves;
        weight = exp2 of it in 0..255 (see `spec.exp2`), 0 beyond 8 octaves; output = weighted mean, rounded half up.
        With q, k in 2^-5 and a float softmax(q.k / sqrt(head_width)): distance = score * 2^-10 / sqrt(head_width) *
        log2(e) * 32; take the power of two in score_shift and the rest into the query weights.
        """
        ...

    def running_max(self, x: V, first: V, longest: int) -> V:
        """Largest so far in its sequence: u8 [T, d], first int64 [T] -> u8 [T, d].

        Row t = largest of rows first[t]..t, where first[t] is the row in which t's sequence begins. No sequence is
        longer than `longest`.
        """
        ...

    def glu(self, hidden: V, inner: int, shift: int) -> V:
        """Hard-swish gated unit: u8 [n, 2 * inner] -> u8 [n, inner] of round(g * clip(g + 64, 0, 128) * u * 2^-shift).

        In scale 2^-5 and with shift 12 it is g * clip((g + 2) / 4, 0, 1) * u, in scale 2^-5.
        """
        ...

    def moe(self, x: V, experts: Experts) -> V:
        """Token-level top-k mixture of experts: u8 [T, d] -> int32 [T, d] = sum over k of gate * down(glu(up(x))).

        Gates are integers that sum to 128. Ties between router logits go to the lower expert id. Only the chosen
        experts are computed. Scale: that of the down accumulator times 2^-7.
        """
        ...

    def max_tokens(self, x: V, slot: V) -> V:
        """Largest over each sequence: u8 or int32 [T, C], slot int64 [F, L] -> [F, C]. int32 values exceed -2^30."""
        ...

    def max_groups(self, x: V, owner: V) -> V:
        """Largest over each request: u8 or int32 [F, C], owner int64 [F] in 0..R-1, all present -> [R, C]."""
        ...

    def basis_points(self, logits: V, knots: I32, low: I32, step: int) -> V:
        """Piecewise linear map of int32 [R, C] by rising knots int32 [C, N + 1] and low int32 [C] -> int32 [R, C].

        x = clip(logit - low[c], 0, N * step - 1); i, f = divmod(x, step);
        answer = knots[c, i] + (knots[c, i + 1] - knots[c, i]) * f // step.
        """
        ...


def centered(weights: NDArray[Any]) -> U8:
    """int8 weights (-128..127) -> u8 with zero point 128."""
    if weights.min(initial=0) < -ZERO_POINT or weights.max(initial=0) >= ZERO_POINT:
        raise ValueError("weights must lie in -128..127: quantize them first")
    return np.asarray(weights.astype(np.int64) + ZERO_POINT, np.uint8)


def gains(gamma: NDArray[np.floating[Any]], fraction_bits: int = 5) -> I32:
    """A float RMSNorm's gamma [d] -> rms_norm's gain, for an output that counts in 2^-fraction_bits."""
    gain = np.rint(gamma.astype(np.float64) * np.sqrt(gamma.size) * 2.0**fraction_bits * NORM_FRACTION)
    return np.asarray(np.clip(gain, -GAIN_MAX, GAIN_MAX), np.int32)


def largest_accumulator(weight: U8) -> int:
    """Bound of |sum over k of (x - 128) * (w - 128)| for u8 x and weight [..., k, n]: 128 times the heaviest column."""
    return ZERO_POINT * int(np.abs(weight.astype(np.int64) - ZERO_POINT).sum(-2).max(initial=0))


def check_accumulator(weight: U8, limit: int) -> None:
    """Raise ValueError when a column of the weight could reach the limit."""
    if weight.dtype != np.uint8:
        raise ValueError(f"weights are uint8 with zero point 128, not {weight.dtype}: use centered()")
    if (bound := largest_accumulator(weight)) >= limit:
        raise ValueError(f"accumulator may reach {bound}, limit {limit}: use smaller weights or fewer inputs")

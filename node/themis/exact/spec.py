"""The executable specification of the exact profile: every block in plain NumPy integers. Slow, obvious, the judge."""

from collections.abc import Mapping
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from themis.exact.blocks import (
    GATE_ONE,
    I32,
    NORM_FLOOR,
    NORM_FRACTION,
    OCTAVE,
    STREAM_MAX,
    U8,
    ZERO_POINT,
    Experts,
    Shift,
)

Array = NDArray[Any]
Int = NDArray[np.int64]

MASKED_SCORE = -(2**28)
LEAST = -(2**30)


class Spec:
    """Blocks over arrays: int64 whatever the graph's type; u8 values are stored with their zero point."""

    def __init__(self, inputs: Mapping[str, Array]) -> None:
        self._inputs = inputs
        self.outputs: dict[str, Int] = {}

    def input(
        self, name: str, dtype: type[np.generic], shape: tuple[int | str, ...], low: int = 0, high: int = 2**30
    ) -> Int:
        value = self._inputs[name].astype(np.int64)
        if value.ndim != len(shape) or value.min(initial=low) < low or value.max(initial=low) > high:
            raise ValueError(f"input {name} is not {dtype.__name__} {shape} within {low}..{high}")
        return value

    def output(self, name: str, value: Int) -> None:
        self.outputs[name] = value

    def embed(self, ids: Int, table: U8, shift: int) -> Int:
        return np.asarray((table.astype(np.int64)[ids] - ZERO_POINT) << shift)

    def embed_bag(self, ids: Int, table: U8, shift: int) -> Int:
        return np.asarray((table.astype(np.int64)[ids] - ZERO_POINT).sum(1) << shift)

    def add(self, x: Int, y: Int) -> Int:
        return np.asarray(np.clip(x + y, -STREAM_MAX, STREAM_MAX))

    def residual(self, x: Int, y: Int, shift: int) -> Int:
        return self.add(x, round_half_up(y, shift))

    def rms_norm(self, x: Int, gain: I32) -> Int:
        squares = (x * x).sum(-1)
        root = np.array([max(isqrt(int(s)), NORM_FLOOR) for s in squares.ravel()], np.int64).reshape(squares.shape)
        return to_u8(round_half_even(truncated_quotient(x * gain.astype(np.int64), root[..., None]), NORM_FRACTION))

    def requantize(self, x: Int, shift: int) -> Int:
        return to_u8(round_half_up(x, shift))

    def linear(self, x: Int, weight: U8, shift: Shift) -> Int:
        return to_u8(round_half_even(product(x, weight), 2 ** np.asarray(shift, np.int64)))

    def project(self, x: Int, weight: U8, bias: I32 | None = None) -> Int:
        acc = product(x, weight)
        return acc if bias is None else acc + bias.astype(np.int64)

    def attention(self, qkv: Int, place: Int, slot: Int, *, heads: int, head_width: int, score_shift: int) -> Int:
        padded = np.zeros((*slot.shape, heads * head_width), np.int64)
        split = (qkv - ZERO_POINT).reshape(len(qkv), 3, heads, head_width)
        for sequence, row in zip(padded, slot, strict=True):
            tokens = row[row >= 0]
            for head in range(heads):
                query, key, value = (split[tokens, part, head] for part in range(3))
                score = query @ key.T
                weight = exp2((score.max(-1, keepdims=True) - score) >> score_shift)
                total = weight.sum(-1, keepdims=True)
                mean = (2 * (weight @ value) + total) // (2 * total)
                sequence[row >= 0, head * head_width : (head + 1) * head_width] = to_u8(mean)
        return np.asarray(padded.reshape(-1, heads * head_width)[place])

    def running_max(self, x: Int, first: Int, longest: int) -> Int:
        if (np.arange(len(first)) - first).max() >= longest:
            raise ValueError(f"a sequence is longer than {longest}")
        return np.stack([x[start : row + 1].max(0) for row, start in enumerate(first)])

    def glu(self, hidden: Int, inner: int, shift: int) -> Int:
        gate, linear = hidden[:, :inner] - ZERO_POINT, hidden[:, inner:] - ZERO_POINT
        return to_u8(round_half_even(gate * np.clip(gate + 64, 0, 128) * linear, 2**shift))

    def moe(self, x: Int, experts: Experts) -> Int:
        out = np.zeros((len(x), experts.down.shape[-1]), np.int64)
        for token, row in enumerate(x):
            for expert, gate in route(row, experts):
                hidden = self.linear(row[None], experts.up[expert], experts.up_shift)
                active = self.glu(hidden, experts.down.shape[1], experts.glu_shift)
                out[token] += gate * product(active, experts.down[expert])[0]
        return out

    def max_tokens(self, x: Int, slot: Int) -> Int:
        return np.stack([x[row[row >= 0]].max(0) for row in slot])

    def max_groups(self, x: Int, owner: Int) -> Int:
        return np.stack([x[owner == group].max(0) for group in range(int(owner.max()) + 1)])

    def basis_points(self, logits: Int, knots: I32, low: I32, step: int) -> Int:
        table, classes = knots.astype(np.int64), np.arange(len(knots))
        x = np.clip(logits - low, 0, (table.shape[1] - 1) * step - 1)
        left, right = table[classes, x // step], table[classes, x // step + 1]
        return np.asarray(left + (right - left) * (x % step) // step)


def product(x: Int, weight: U8) -> Int:
    """Matrix product of the integers that u8 operands stand for."""
    return np.asarray((x - ZERO_POINT) @ (weight.astype(np.int64) - ZERO_POINT))


def to_u8(x: Int) -> Int:
    """Saturate to -128..127 and add the zero point."""
    return np.clip(x, -ZERO_POINT, ZERO_POINT - 1) + ZERO_POINT


def round_half_even(x: Int, divisor: int | Int) -> Int:
    """X / divisor to the nearest integer, halves to the even one."""
    quotient, rest = x // divisor, x % divisor
    up = (2 * rest > divisor) | ((2 * rest == divisor) & (quotient % 2 == 1))
    return np.asarray(quotient + up)


def round_half_up(x: Int, shift: int) -> Int:
    """X / 2^shift to the nearest integer, halves up."""
    return (x + (1 << (shift - 1))) >> shift


def truncated_quotient(x: Int, divisor: Int) -> Int:
    """X / divisor toward zero, as ONNX Div and EVM SDIV do."""
    return np.asarray(np.sign(x) * np.sign(divisor) * (np.abs(x) // np.abs(divisor)))


def exp2(distance: Int) -> Int:
    """2^(-distance / 32) in 0..255, distance >= 0: a parabola within the octave, then a shift; 0 beyond 8 octaves."""
    octaves, rest = np.divmod(np.minimum(distance, 9 * OCTAVE - 1), OCTAVE)
    return np.asarray(((11 * rest - 1376) * rest + 65535) >> (octaves + 8))


def route(row: Int, experts: Experts) -> list[tuple[int, int]]:
    """One token's u8 [d] -> its experts and their gates, best first."""
    logits = product(row[None], experts.router)[0]
    chosen = sorted(range(len(logits)), key=lambda expert: (-logits[expert], expert))[: experts.top_k]
    distances = [(logits[chosen[0]] - logits[expert]) >> experts.route_shift for expert in chosen]
    weights = [int(exp2(distance)) for distance in distances]
    return list(zip(chosen, gates_of(weights), strict=True))


def gates_of(weights: list[int]) -> list[int]:
    """Shares of GATE_ONE in proportion to the weights, best first, which also gets what rounding down left."""
    gates = [weight * GATE_ONE // sum(weights) for weight in weights]
    gates[0] += GATE_ONE - sum(gates)
    return gates

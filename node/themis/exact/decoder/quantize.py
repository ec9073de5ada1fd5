"""Floats and their largest values -> the integers of an exact decoder.

Weights: 8 bits and a divisor for each output. Activations, by the recipe "two bytes": two digits of 7 bits. By
"rotated", of weights in another basis, one byte. Before `down` two digits, three where a layer has outliers.
Only elementwise arithmetic that IEEE 754 fixes to the bit, so that the same files give the same integers everywhere.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.core.errors import Misconfigured
from themis.exact.blocks import OCTAVE, ZERO_POINT
from themis.exact.decoder import floating, tables
from themis.exact.decoder.architecture import Architecture
from themis.exact.decoder.blocks import (
    BASE,
    BYTE_STEPS,
    DIGITS,
    I8,
    I64,
    INT32_MAX,
    MAX_SCORE_SHIFT,
    MIDDLE,
    TURNED_MAX,
    WEIGHT_MAX,
    Gate,
    Head,
    Heads,
    Matrix,
    Mixture,
    Norm,
)
from themis.exact.decoder.checkpoint import F32, Weights
from themis.exact.decoder.maxima import ROTATED, LayerMaxima, Maxima
from themis.exact.decoder.network import Feed, HeadNorms, Layer, Numbers
from themis.exact.decoder.rotated import Rotated

F64 = NDArray[np.float64]
BYTE_MAX: Final = 127
HEADROOM: Final = 1.5
"""Activations of two digits have room for values so much larger than any on the calibration text."""
TIGHT: Final = 1.1
"""The same for what becomes one byte, and for the stream."""
MULTIPLIER_BITS: Final = 17
FACTORS: Final = tuple(1 << bits for bits in range(15, -1, -1))
"""What sums may be multiplied by before they are divided."""
FINE: Final = 64
"""Least divisor, where another factor gives it."""
GATE_BITS: Final = 7
GATE_REACH: Final = 2**14 - 1
OUTLIER: Final = 16.0
"""From here on the input of `down` takes three digits."""
SQUARES_MAX: Final = 2**52
LOG2_E: Final = 1.4426950408889634
STREAM_STEPS_MAX: Final = 4_096.0


def numbers(
    weights: Weights, arch: Architecture, maxima: Maxima, told: Callable[[str], None] = lambda _: None
) -> Numbers:
    """By the recipe of the maxima. Raises Misconfigured naming the layer whose values no scale of the recipe holds."""
    if maxima.recipe == ROTATED:
        weights, arch = Rotated(weights, arch), replace(arch, tied=False)
    digits = 1 if maxima.recipe == ROTATED else 2
    if len(maxima.layers) != arch.layers:
        raise Misconfigured(f"the maxima are of {len(maxima.layers)} layers, the checkpoint has {arch.layers}")
    limit = math.isqrt(SQUARES_MAX // arch.width)
    steps = min(limit / (TIGHT * maxima.stream), STREAM_STEPS_MAX)
    layers = []
    for index, most in enumerate(maxima.layers):
        told(f"layer {index + 1} of {arch.layers}")
        try:
            layers.append(_layer(floating.parts(weights, arch, index), arch, most, (limit, steps), digits))
        except (ValueError, OverflowError, ZeroDivisionError) as error:
            raise Misconfigured(f"layer {index} does not fit the recipe: {error}") from error
    told("head")
    head_steps = _steps(maxima.head_in, digits)
    last = _norm(weights.tensor("model.norm.weight"), head_steps, arch, (limit, steps))
    matrix, scales = _bytes(floating.head(weights, arch))
    multipliers, logit_bits = _multipliers(scales / head_steps * (BYTE_STEPS if digits == 1 else 1))
    table, table_scales = (matrix, scales) if arch.tied else _bytes(weights.tensor("model.embed_tokens.weight"))
    if not arch.tied:
        table = np.ascontiguousarray(table.T)
    told_apart = arch.multipliers.embedding / (arch.multipliers.logits if arch.tied else 1.0)
    ratios = table_scales * (steps * told_apart)
    shift = min(20, 31 - _exponent(ratios.max() * BYTE_MAX))
    return Numbers(
        table=table,
        table_multiplier=np.floor(ratios * 2.0**shift + 0.5).astype(np.int32),
        table_shift=shift,
        tied=arch.tied,
        turns=tables.turns(arch.theta, arch.head_width, arch.context),
        layers=tuple(layers),
        stream_limit=limit,
        last=last,
        head=Head(matrix, multipliers, digits),
        logit_steps=2.0**logit_bits,
    )


def _steps(most: float, digits: int) -> float:
    """Of activations that become so many digits, for what is 1 in floats."""
    return DIGITS[2] / ((TIGHT if digits == 1 else HEADROOM) * most)


def _layer(
    mine: floating.Parts, arch: Architecture, most: LayerMaxima, stream: tuple[int, float], digits: int
) -> Layer:
    in_steps = _steps(most.attention_in, digits)
    out_steps = _steps(most.attention_out, 2)
    gain = np.ceil(TIGHT * np.array(most.values) / BYTE_MAX * out_steps).astype(np.int64)
    value_steps = BYTE_STEPS / (gain / out_steps)
    key_steps = BYTE_STEPS * BYTE_MAX / (TIGHT * np.array(most.keys))
    of_head = np.arange(arch.heads) * arch.pairs // arch.heads
    score_steps = (BYTE_STEPS * BYTE_MAX / (TIGHT * np.array(most.queries)) * key_steps[of_head]).min()
    query_steps = score_steps / key_steps[of_head]
    octaves = LOG2_E * arch.multipliers.attention * BYTE_STEPS**2 / score_steps
    shift = max(0, -_exponent(octaves * OCTAVE))
    if shift > MAX_SCORE_SHIFT:
        raise ValueError(f"attention scores would be shifted by {shift} bits")
    raw_steps, norms = _raw_steps(mine, arch, most, (query_steps, key_steps))
    steps = np.concatenate(
        [np.repeat(each, arch.head_width) for each in (*(raw_steps or (query_steps, key_steps)), value_steps)]
    )
    biases = None if mine.biases is None else np.floor(np.concatenate(mine.biases).astype(np.float64) * steps + 0.5)
    qkv = _matrix(
        np.concatenate([mine.q, mine.k, mine.v]), steps / in_steps, digits=digits, bias=biases, limit=TURNED_MAX
    )
    feed_digits = 2 if arch.experts else digits
    feed_steps = _steps(most.feed_in, feed_digits)
    table = tables.falling(WEIGHT_MAX, float(octaves * 2.0**shift))
    return Layer(
        before=_norm(mine.before, in_steps, arch, stream),
        qkv=qkv,
        head_norms=norms,
        heads=Heads(arch.heads, arch.pairs, arch.head_width, shift, table, gain, DIGITS[2]),
        out=_matrix(mine.out, stream[1] / out_steps),
        between=_norm(mine.between, feed_steps, arch, stream),
        feed=_feed(mine, arch, most, (feed_steps, feed_digits), stream[1]),
    )


def _feed(
    mine: floating.Parts, arch: Architecture, most: LayerMaxima, entry: tuple[float, int], stream_steps: float
) -> Feed | Mixture:
    feed_steps, feed_digits = entry
    bits = min(GATE_BITS, _exponent(GATE_REACH / (TIGHT * most.gates)) - 1)
    if bits < 0:
        raise ValueError(f"its gates reach {most.gates:.0f}: they are outliers that two bytes do not hold")
    digits = 3 if most.feed_mid >= OUTLIER and arch.experts is None else 2
    shift = max(0, _exponent(HEADROOM * most.feed_mid * 4.0**bits / DIGITS[digits]))
    mid_steps = 4.0**bits / 2.0**shift
    gate = Gate(tables.silu(GATE_REACH, bits), shift, digits, mine.experts[0][0].shape[0])
    if arch.experts is None or mine.router is None:
        (first, up, down) = mine.experts[0]
        return Feed(
            _matrix(np.concatenate([first, up]), 2.0**bits / feed_steps, digits=feed_digits, limit=GATE_REACH),
            gate,
            _matrix(down, stream_steps / mid_steps, digits=digits),
        )
    ups = _by_expert([np.concatenate([first, up]) for first, up, _ in mine.experts], 2.0**bits / feed_steps)
    downs = _by_expert([down for *_, down in mine.experts], stream_steps / mid_steps)
    return Mixture(
        router=_matrix(
            mine.router, LOG2_E * OCTAVE / feed_steps, limit=min(2**20, INT32_MAX // arch.experts.count - 1)
        ),
        up=ups[0],
        up_divisor=ups[1],
        up_factor=ups[2],
        gate=gate,
        down=downs[0],
        down_divisor=downs[1],
        down_factor=downs[2],
        top_k=arch.experts.top_k,
        share_of_all=not arch.experts.normed,
    )


def _raw_steps(
    mine: floating.Parts, arch: Architecture, most: LayerMaxima, wanted: tuple[F64, F64]
) -> tuple[tuple[F64, F64] | None, HeadNorms | None]:
    """Scales of queries and keys before their norms, and the norms, which give them the scales that are wanted."""
    if mine.head_norms is None:
        return None, None
    raws, norms = [], []
    for gamma, steps, reach in zip(mine.head_norms, wanted, (most.queries_raw, most.keys_raw), strict=True):
        raw = TURNED_MAX / (HEADROOM * reach)
        width = len(gamma)
        gains = gamma.astype(np.float64).reshape(-1, arch.head_width) * steps[:, None] * math.sqrt(width)
        gains = gains.reshape(1, -1) if arch.normed_together else gains
        norms.append(_gained(gains, (TURNED_MAX, TURNED_MAX), raw * math.sqrt(width * arch.epsilon)))
        raws.append(np.full(len(steps), raw))
    return (raws[0], raws[1]), HeadNorms(*norms)


def _norm(gamma: F32, steps: float, arch: Architecture, stream: tuple[int, float]) -> Norm:
    limit, stream_steps = stream
    gains = gamma.astype(np.float64) * (steps * math.sqrt(arch.width))
    return _gained(gains, (limit, DIGITS[2]), stream_steps * math.sqrt(arch.width * arch.epsilon))


def _gained(gains: F64, limits: tuple[int, int], epsilon: float) -> Norm:
    """`limits` bound what is normed, for its quotients must fit int32, and what comes of it."""
    gain = np.floor(gains + 0.5).astype(np.int64)
    least = -(-limits[0] * int(np.abs(gain).max()) // INT32_MAX)
    return Norm(gain, max(1, least, math.ceil(epsilon)), limits[1])


def _matrix(weight: F32, ratio: Any, *, digits: int = 2, bias: F64 | None = None, limit: int | None = None) -> Matrix:
    """[outputs, inputs] and steps of an output for each of the input's -> an integer layer."""
    if bias is not None and np.abs(bias).max() > TURNED_MAX:
        raise ValueError(f"a bias takes {np.abs(bias).max():.0f} steps: it is larger than what it is added to")
    ratio = ratio * (BYTE_STEPS if digits == 1 else 1)
    factor = _factor(weight, ratio, digits)
    return Matrix(
        *_scaled(weight, ratio, factor), factor, digits, None if bias is None else bias.astype(np.int32), limit
    )


def _by_expert(weights: list[F32], ratio: float) -> tuple[I8, I64, int]:
    """Of each expert, with one factor for all."""
    factor = min(_factor(weight, ratio, 2) for weight in weights)
    stored, divisors = zip(*(_scaled(weight, ratio, factor) for weight in weights), strict=True)
    return np.stack(stored), np.stack(divisors), factor


def _factor(weight: F32, ratio: Any, digits: int) -> int:
    """What sums are multiplied by: as much as int32 holds, or int64 where that leaves divisors too coarse."""
    scales = _scales(weight)
    heaviest = float(np.abs(weight.astype(np.float64) / scales[:, None]).sum(1).max()) + weight.shape[1] / 2
    reach = heaviest * (ZERO_POINT if digits == 1 else MIDDLE * sum(BASE**power for power in range(digits)))
    return next(
        (each for each in FACTORS if each * reach < INT32_MAX and each >= FINE * (scales * ratio).max()), FACTORS[0]
    )


def _scaled(weight: F32, ratio: Any, factor: int) -> tuple[I8, I64]:
    """[outputs, inputs] -> int8 [inputs, outputs], and what sums times the factor are divided by.

    A divisor is a whole number; so weights are scaled anew, up to a part in it, and nothing is lost to its rounding.
    """
    divisor = np.minimum(np.floor(factor / (_scales(weight) * ratio)), INT32_MAX)
    if divisor.min() < 1:
        raise ValueError("outputs would be finer than sums: weights or activations are extreme")
    return _rounded(weight, factor / (divisor * ratio)), divisor.astype(np.int64)


def _bytes(weight: F32) -> tuple[I8, F64]:
    """[outputs, inputs] -> int8 [inputs, outputs] and each output's scale."""
    return _rounded(weight, _scales(weight)), _scales(weight)


def _scales(weight: F32) -> F64:
    return np.asarray(np.maximum(np.abs(weight.astype(np.float64)).max(-1), 1e-12) / BYTE_MAX)


def _rounded(weight: F32, scales: F64) -> I8:
    found = np.clip(np.floor(weight.astype(np.float64) / scales[..., None] + 0.5), -BYTE_MAX, BYTE_MAX)
    return np.ascontiguousarray(found.astype(np.int8).swapaxes(-1, -2))


def _multipliers(ratios: F64) -> tuple[I64, int]:
    """Ratios -> integers below 2^(MULTIPLIER_BITS + 1), and the power of two that they share."""
    shift = MULTIPLIER_BITS + 1 - _exponent(float(ratios.max()))
    if not 0 <= shift < 63:  # noqa: PLR2004 (bits of an int64)
        raise ValueError(f"outputs would be shifted by {shift} bits: weights or activations are extreme")
    return np.floor(ratios * 2.0**shift + 0.5).astype(np.int64), shift


def _exponent(value: float) -> int:
    """Least e with value < 2^e."""
    return math.frexp(value)[1]

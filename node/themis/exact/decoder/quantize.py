"""Floats and their largest values -> the integers of an exact decoder, by the recipe "two bytes".

Weights: 8 bits and a scale for each output. Activations: two bytes, or three before `down` where a layer has outliers.
Only elementwise arithmetic that IEEE 754 fixes to the bit, so that the same files give the same integers everywhere.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.core.errors import Misconfigured
from themis.exact.blocks import OCTAVE, U8, ZERO_POINT
from themis.exact.decoder import floating, tables
from themis.exact.decoder.architecture import Architecture
from themis.exact.decoder.blocks import DIGITS, I64, INT32_MAX, MAX_SCORE_SHIFT, Gate, Heads, Matrix, Mixture, Norm
from themis.exact.decoder.checkpoint import F32, Weights
from themis.exact.decoder.maxima import LayerMaxima, Maxima
from themis.exact.decoder.network import Feed, HeadNorms, Layer, Numbers

F64 = NDArray[np.float64]
WEIGHT_MAX: Final = 127
HEADROOM: Final = 1.5
"""Activations of two bytes have room for values so much larger than any on the calibration text."""
TIGHT: Final = 1.1
"""The same for what becomes one byte, and for the stream."""
MULTIPLIER_BITS: Final = 17
LONG_MULTIPLIER_BITS: Final = 14
"""With three digits."""
GATE_BITS: Final = 8
GATE_REACH: Final = 2**15 - 1
OUTLIER: Final = 64.0
"""From here on the input of `down` takes three bytes."""
SQUARES_MAX: Final = 2**52
LOG2_E: Final = 1.4426950408889634
STREAM_STEPS_MAX: Final = 4_096.0


def numbers(
    weights: Weights, arch: Architecture, maxima: Maxima, told: Callable[[str], None] = lambda _: None
) -> Numbers:
    """Raises Misconfigured naming the layer whose values no scale of the recipe holds."""
    if len(maxima.layers) != arch.layers:
        raise Misconfigured(f"the maxima are of {len(maxima.layers)} layers, the checkpoint has {arch.layers}")
    limit = math.isqrt(SQUARES_MAX // arch.width)
    steps = min(limit / (TIGHT * maxima.stream), STREAM_STEPS_MAX)
    layers = []
    for index, most in enumerate(maxima.layers):
        told(f"layer {index + 1} of {arch.layers}")
        try:
            layers.append(_layer(floating.parts(weights, arch, index), arch, most, (limit, steps)))
        except (ValueError, OverflowError, ZeroDivisionError) as error:
            raise Misconfigured(f"layer {index} does not fit the recipe: {error}") from error
    told("head")
    head_steps = DIGITS[2] / (HEADROOM * maxima.head_in)
    last = _norm(weights.tensor("model.norm.weight"), head_steps, arch, (limit, steps))
    matrix, scales = _bytes(floating.head(weights, arch))
    head = Matrix(matrix, _multipliers(scales / head_steps)[0], 0)
    table, table_scales = (matrix, scales) if arch.tied else _bytes(weights.tensor("model.embed_tokens.weight"))
    if not arch.tied:
        table = np.ascontiguousarray(table.T)
    told_apart = arch.multipliers.embedding / (arch.multipliers.logits if arch.tied else 1.0)
    ratios = table_scales * (steps * told_apart)
    shift = min(20, 31 - _exponent(ratios.max() * ZERO_POINT))
    return Numbers(
        table=table,
        table_multiplier=np.floor(ratios * 2.0**shift + 0.5).astype(np.int32),
        table_shift=shift,
        tied=arch.tied,
        turns=tables.turns(arch.theta, arch.head_width, arch.context),
        layers=tuple(layers),
        stream_limit=limit,
        last=last,
        head=head,
    )


def logit_steps(weights: Weights, arch: Architecture, maxima: Maxima) -> float:
    """How many units of an exact logit are one of the float model's."""
    _, scales = _bytes(floating.head(weights, arch))
    return 2.0 ** _multipliers(scales * HEADROOM * maxima.head_in / DIGITS[2])[1]


def _layer(mine: floating.Parts, arch: Architecture, most: LayerMaxima, stream: tuple[int, float]) -> Layer:
    in_steps = DIGITS[2] / (HEADROOM * most.attention_in)
    out_steps = DIGITS[2] / (HEADROOM * most.attention_out)
    gain = np.ceil(TIGHT * np.array(most.values) / WEIGHT_MAX * out_steps).astype(np.int64)
    value_steps = 256 / (gain / out_steps)
    key_steps = WEIGHT_MAX * 256 / (TIGHT * np.array(most.keys))
    of_head = np.arange(arch.heads) * arch.pairs // arch.heads
    score = 256 / key_steps[of_head] * (LOG2_E * OCTAVE * arch.multipliers.attention)
    shift = _exponent((DIGITS[2] / (TIGHT * np.array(most.queries)) / score).min()) - 1
    if not 0 <= shift <= MAX_SCORE_SHIFT:
        raise ValueError(f"attention scores would be shifted by {shift} bits")
    query_steps = score * 2.0**shift
    raw_steps, norms = _raw_steps(mine, arch, most, (query_steps, key_steps))
    steps = np.concatenate(
        [np.repeat(each, arch.head_width) for each in (*(raw_steps or (query_steps, key_steps)), value_steps)]
    )
    biases = None if mine.biases is None else np.floor(np.concatenate(mine.biases).astype(np.float64) * steps + 0.5)
    qkv = _matrix(np.concatenate([mine.q, mine.k, mine.v]), steps / in_steps, bias=biases, limit=DIGITS[2])
    feed_steps = DIGITS[2] / (HEADROOM * most.feed_in)
    return Layer(
        before=_norm(mine.before, in_steps, arch, stream),
        qkv=qkv,
        head_norms=norms,
        heads=Heads(arch.heads, arch.pairs, arch.head_width, shift, gain),
        out=_matrix(mine.out, stream[1] / out_steps),
        between=_norm(mine.between, feed_steps, arch, stream),
        feed=_feed(mine, arch, most, feed_steps, stream[1]),
    )


def _feed(
    mine: floating.Parts, arch: Architecture, most: LayerMaxima, feed_steps: float, stream_steps: float
) -> Feed | Mixture:
    bits = min(GATE_BITS, _exponent(GATE_REACH / (TIGHT * most.gates)) - 1)
    if bits < 0:
        raise ValueError(f"its gates reach {most.gates:.0f}: they are outliers that two bytes do not hold")
    digits = 3 if most.feed_mid >= OUTLIER and arch.experts is None else 2
    shift = max(0, _exponent(HEADROOM * most.feed_mid * 4.0**bits / DIGITS[digits]))
    mid_steps = 4.0**bits / 2.0**shift
    gate = Gate(tables.silu(GATE_REACH, bits), shift, digits)
    if arch.experts is None or mine.router is None:
        (first, up, down) = mine.experts[0]
        return Feed(
            _matrix(np.concatenate([first, up]), 2.0**bits / feed_steps, limit=GATE_REACH),
            gate,
            _matrix(down, stream_steps / mid_steps, digits=digits),
        )
    ups, up_scales = zip(*(_bytes(np.concatenate([first, up])) for first, up, _ in mine.experts), strict=True)
    downs, down_scales = zip(*(_bytes(down) for _, _, down in mine.experts), strict=True)
    up_multiplier, up_shift = _multipliers(np.stack(up_scales) * (2.0**bits / feed_steps))
    down_multiplier, down_shift = _multipliers(np.stack(down_scales) * (stream_steps / mid_steps))
    return Mixture(
        router=_matrix(
            mine.router, LOG2_E * OCTAVE / feed_steps, limit=min(2**20, INT32_MAX // arch.experts.count - 1)
        ),
        up=np.stack(ups),
        up_multiplier=up_multiplier,
        up_shift=up_shift,
        gate=gate,
        down=np.stack(downs),
        down_multiplier=down_multiplier,
        down_shift=down_shift,
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
        raw = DIGITS[2] / (HEADROOM * reach)
        width = len(gamma)
        gains = gamma.astype(np.float64).reshape(-1, arch.head_width) * steps[:, None] * math.sqrt(width)
        gains = gains.reshape(1, -1) if arch.normed_together else gains
        norms.append(_gained(gains, DIGITS[2], raw * math.sqrt(width * arch.epsilon)))
        raws.append(np.full(len(steps), raw))
    return (raws[0], raws[1]), HeadNorms(*norms)


def _norm(gamma: F32, steps: float, arch: Architecture, stream: tuple[int, float]) -> Norm:
    limit, stream_steps = stream
    gains = gamma.astype(np.float64) * (steps * math.sqrt(arch.width))
    return _gained(gains, limit, stream_steps * math.sqrt(arch.width * arch.epsilon))


def _gained(gains: F64, limit: int, epsilon: float) -> Norm:
    """`limit` bounds what is normed: its quotients must fit int32."""
    gain = np.floor(gains + 0.5).astype(np.int64)
    least = -(-limit * int(np.abs(gain).max()) // INT32_MAX)
    return Norm(gain, max(1, least, math.ceil(epsilon)))


def _matrix(weight: F32, ratio: Any, *, digits: int = 2, bias: F64 | None = None, limit: int | None = None) -> Matrix:
    """[outputs, inputs] and steps of an output for each of the input's -> an integer layer."""
    stored, scales = _bytes(weight)
    multiplier, shift = _multipliers(scales * ratio, MULTIPLIER_BITS if digits == min(DIGITS) else LONG_MULTIPLIER_BITS)
    if bias is not None and np.abs(bias).max() > GATE_REACH:
        raise ValueError(f"a bias takes {np.abs(bias).max():.0f} steps: it is larger than what it is added to")
    return Matrix(stored, multiplier, shift, digits, None if bias is None else bias.astype(np.int32), limit)


def _bytes(weight: F32) -> tuple[U8, F64]:
    """[outputs, inputs] -> u8 [inputs, outputs] and each output's scale."""
    wide = weight.astype(np.float64)
    scales = np.maximum(np.abs(wide).max(1), 1e-12) / WEIGHT_MAX
    found = np.clip(np.floor(wide / scales[:, None] + 0.5), -WEIGHT_MAX, WEIGHT_MAX)
    return np.ascontiguousarray((found + ZERO_POINT).astype(np.uint8).T), scales


def _multipliers(ratios: F64, bits: int = MULTIPLIER_BITS) -> tuple[I64, int]:
    """Ratios -> integers below 2^(bits + 1), and the power of two that they share."""
    shift = bits + 1 - _exponent(float(ratios.max()))
    if not 0 <= shift < 63:  # noqa: PLR2004 (bits of an int64)
        raise ValueError(f"outputs would be shifted by {shift} bits: weights or activations are extreme")
    return np.floor(ratios * 2.0**shift + 0.5).astype(np.int64), shift


def _exponent(value: float) -> int:
    """Least e with value < 2^e."""
    return math.frexp(value)[1]

"""The trained network in integers, written once over `themis.exact.blocks` for ONNX and for its specification."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from network.calibration import Calibration
from network.evidence import EVIDENCE
from network.floats import GRAM_STEP, TOKEN_STEP, ExpertLayer, Mixing, RiskNetwork, weight_shift
from themis.evm.encode import BUCKETS, ORDERS
from themis.evm.limits import WINDOW
from themis.evm.vocabulary import NAMES
from themis.exact.blocks import I32, U8, Blocks, Experts, V, centered, gains

MAX_ROWS: Final = 2**16
"""Rows of one run: several contracts, the largest of which has themis.evm.limits.MAX_ROWS."""
_STREAM_BITS: Final = 8
"""The residual stream counts in 2^-8."""
_ACT_BITS: Final = 5
KNOTS: Final = 64
_MARK: Final = 127
_SPREAD: Final = 64
"""Columns over which a mark is spread, so that it weighs more than any logit."""


@dataclass(frozen=True, slots=True)
class MixingWeights:
    gain: I32
    into: U8
    into_shift: int
    out: U8
    out_shift: int


@dataclass(frozen=True, slots=True)
class ExpertWeights:
    gain: I32
    experts: Experts
    shift: int


@dataclass(frozen=True, slots=True)
class Weights:
    tokens: U8
    grams: U8
    experts: tuple[ExpertWeights, ...]
    mixing: tuple[MixingWeights, ...]
    gain: I32
    head: U8
    bias: I32
    knots: I32
    low: I32
    step: int


def write(b: Blocks[V], w: Weights) -> None:
    """tokens, grams, first -> scores_bps: int32 [T, classes] in basis points for each token."""
    tokens = b.input("tokens", np.int64, ("T",), 0, len(NAMES) - 1)
    grams = b.input("grams", np.int64, ("T", len(ORDERS)), 0, BUCKETS * len(ORDERS) - 1)
    first = b.input("first", np.int64, ("T",), 0, MAX_ROWS - 1)
    x = b.add(b.embed(tokens, w.tokens, _shift_of(TOKEN_STEP)), b.embed_bag(grams, w.grams, _shift_of(GRAM_STEP)))
    x = _expert_layer(b, x, w.experts[0])
    for mixing, experts in zip(w.mixing, w.experts[1:], strict=True):
        seen = b.running_max(b.linear(b.rms_norm(x, mixing.gain), mixing.into, mixing.into_shift), first, WINDOW)
        x = b.residual(x, b.project(seen, mixing.out), mixing.out_shift)
        x = _expert_layer(b, x, experts)
    logits = b.add(b.project(b.rms_norm(x, w.gain), w.head, w.bias), _absent(b, tokens, first))
    b.output("scores_bps", b.basis_points(logits, w.knots, w.low, w.step))


def _absent(b: Blocks[V], tokens: V, first: V) -> V:
    """0 where a token of this function has shown that there is something to judge, else far below every logit."""
    marks = centered(EVIDENCE * _MARK)
    seen = b.running_max(b.requantize(b.embed(tokens, marks, 1), 1), first, WINDOW)
    classes = EVIDENCE.shape[1]
    spread = centered(np.repeat(np.eye(classes, dtype=np.int64), _SPREAD, 1) * _MARK)
    wide = b.linear(seen, spread, 7)
    height = int(np.rint(_MARK * _MARK / 2**7)) * _MARK * _SPREAD
    return b.project(wide, centered(spread.T.astype(np.int64) - 128), np.full(classes, -height, np.int32))


def _expert_layer(b: Blocks[V], x: V, w: ExpertWeights) -> V:
    return b.residual(x, b.moe(b.rms_norm(x, w.gain), w.experts), w.shift)


def freeze(trained: RiskNetwork, calibration: Calibration) -> Weights:
    """Round trained parameters as the forward pass did."""
    head, head_bits = _quantize(trained.head)
    unit = 2.0 ** (head_bits + _ACT_BITS)
    knots, low, step = _curve(calibration, unit)
    return Weights(
        tokens=_table(trained.tokens, TOKEN_STEP),
        grams=_table(trained.grams, GRAM_STEP),
        experts=tuple(_expert_weights(layer) for layer in trained.experts if isinstance(layer, ExpertLayer)),
        mixing=tuple(_mixing_weights(layer) for layer in trained.mixing if isinstance(layer, Mixing)),
        gain=gains(_array(trained.norm.gamma)),
        head=head,
        bias=np.rint(_array(trained.bias) * unit).astype(np.int32),
        knots=knots,
        low=low,
        step=step,
    )


def _expert_weights(layer: ExpertLayer) -> ExpertWeights:
    router, router_bits = _quantize(layer.router)
    up, up_bits = _quantize(layer.up)
    down, down_bits = _quantize(layer.down)
    experts = Experts(router, up, down, route_shift=router_bits, up_shift=up_bits, top_k=layer.shape.top_k)
    return ExpertWeights(gains(_array(layer.norm.gamma)), experts, _ACT_BITS + down_bits + 7 - _STREAM_BITS)


def _mixing_weights(layer: Mixing) -> MixingWeights:
    into, into_bits = _quantize(layer.into)
    out, out_bits = _quantize(layer.out)
    return MixingWeights(gains(_array(layer.norm.gamma)), into, into_bits, out, _ACT_BITS + out_bits - _STREAM_BITS)


def _curve(calibration: Calibration, unit: float) -> tuple[I32, I32, int]:
    """Knots of the calibrated sigmoid, from 2 to 9,998 basis points, at equal steps of the logit."""
    span = 17.0 / min(calibration.slopes)
    step = max(1, round(span * unit / KNOTS))
    low = np.array([round((center - span / 2) * unit) for center in calibration.centers], np.int32)
    at = (low[:, None].astype(np.int64) + np.arange(KNOTS + 1)[None, :] * step) / unit
    centers, slopes = np.array(calibration.centers)[:, None], np.array(calibration.slopes)[:, None]
    knots = np.rint(10_000 / (1 + np.exp(-(at - centers) * slopes)))
    return knots.astype(np.int32), low, step


def _quantize(parameter: Tensor) -> tuple[U8, int]:
    bits = weight_shift(parameter)
    return centered(np.clip(np.rint(_array(parameter) * 2.0**bits), -127, 127).astype(np.int8)), bits


def _table(parameter: Tensor, step: float) -> U8:
    return centered(np.clip(np.rint(_array(parameter) / step), -128, 127).astype(np.int8))


def _array(parameter: Tensor) -> NDArray[np.float64]:
    return np.asarray(parameter.detach().numpy(), np.float64)


def _shift_of(step: float) -> int:
    """Left shift from a table's step to the stream's unit."""
    return round(math.log2(step * 2**_STREAM_BITS))

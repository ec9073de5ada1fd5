"""A checkpoint in another basis of its stream: the same function, its outliers spread over all channels.

The gains of norms go into the matrices behind them, and the stream is turned by a fixed rotation: of twos (Hadamard's)
and threes, sums of a few terms in an order that is fixed, so that the bits are the same everywhere. A part of the width
that neither divides is left as it is.
"""

import math
from typing import Final

import numpy as np

from themis.exact.decoder.architecture import Architecture
from themis.exact.decoder.checkpoint import F32, Weights

READERS: Final = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "w1", "w3", "gate", "layer", "input_linear")
"""Matrices that read a normed stream."""
WRITERS: Final = ("o_proj", "down_proj", "w2", "output_linear")
"""Matrices that add to the stream."""
NORMS: Final = ("input_layernorm", "post_attention_layernorm")
TABLE: Final = "model.embed_tokens.weight"
LAST: Final = "model.norm.weight"
HEAD: Final = "lm_head.weight"


class Rotated:
    """Weights by the same names. Its head is never the table of tokens."""

    def __init__(self, weights: Weights, arch: Architecture) -> None:
        """Of an architecture as the checkpoint has it."""
        self._weights, self._arch = weights, arch

    def has(self, name: str) -> bool:
        return name == HEAD or self._weights.has(name)

    def tensor(self, name: str) -> F32:
        """Raises Misconfigured naming what is missing."""
        if name == HEAD:
            source = TABLE if self._arch.tied else HEAD
            return rotation(self._weights.tensor(source) * self._weights.tensor(LAST))
        found, parts = self._weights.tensor(name), name.split(".")
        if name == LAST or parts[-2] in NORMS:
            return np.ones_like(found)
        if name == TABLE:
            return rotation(found)
        if parts[-2] in WRITERS:
            return np.ascontiguousarray(rotation(found.swapaxes(-1, -2)).swapaxes(-1, -2))
        if parts[-2] in READERS and parts[-1] == "weight":
            before = NORMS["self_attn" not in parts]
            found = rotation(found * self._weights.tensor(".".join([*parts[:3], before, "weight"])))
        return found


def rotation(x: F32) -> F32:
    """X times an orthogonal matrix, along the last axis."""
    size, step, twos = x.shape[-1], 1, 0
    while size // step % 2 == 0:
        pairs = x.reshape(*x.shape[:-1], -1, 2, step)
        a, b = pairs[..., 0, :], pairs[..., 1, :]
        x = np.stack([a + b, a - b], -2).reshape(x.shape)
        step, twos = 2 * step, twos + 1
    while size // step % 3 == 0:
        triples = x.reshape(*x.shape[:-1], -1, 3, step)
        a, b, c = (triples[..., place, :] * np.float32(1 / 3) for place in range(3))
        x = np.stack([2 * a - b + 2 * c, 2 * a + 2 * b - c, -a + 2 * b + 2 * c], -2).reshape(x.shape)
        step *= 3
    return np.asarray(x * np.float32(math.sqrt(0.5) ** (twos % 2) * 0.5 ** (twos // 2)), np.float32)

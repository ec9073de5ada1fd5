"""Small exact decoders of random numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from themis.exact.decoder import tables
from themis.exact.decoder.blocks import DIGITS, Gate, Heads, Matrix, Mixture, Norm
from themis.exact.decoder.network import Feed, HeadNorms, Layer, Numbers

WIDTH, HEADS, PAIRS, HEAD, INNER, VOCABULARY, LAYERS, CONTEXT = 24, 4, 2, 8, 32, 40, 2, 24
LIMIT = 2**20


def weights(rng: np.random.Generator, *shape: int) -> NDArray[np.uint8]:
    return np.clip(np.rint(rng.normal(128, 40, shape)), 1, 255).astype(np.uint8)


def matrix(rng: np.random.Generator, inputs: int, outputs: int, scale: float, **more: Any) -> Matrix:
    """Results are `scale` times the sum of weight / 128 * activation."""
    multiplier = np.rint(rng.uniform(0.5, 1, outputs) * 2**14).astype(np.int64)
    return Matrix(weights(rng, inputs, outputs), multiplier, int(21 - np.log2(scale)), **more)


def norm(rng: np.random.Generator, width: int, bits: int = 11) -> Norm:
    gain = np.rint(rng.uniform(-1, 1.5, width) * np.sqrt(width) * 2**bits).astype(np.int64)
    return Norm(gain, -(-LIMIT * int(np.abs(gain).max()) // (2**31 - 1)))


def layer(
    rng: np.random.Generator,
    *,
    digits: int = 2,
    bias: bool = False,
    normed: tuple[int, int] | None = None,
    mixed: bool | None = None,
) -> Layer:
    """`normed` are the widths of query and key norms; `mixed` is a mixture's `share_of_all`, None a dense layer."""
    total = (HEADS + 2 * PAIRS) * HEAD
    biases = rng.integers(-5_000, 5_000, total).astype(np.int32) if bias else None
    shift = 6 if digits == 2 else 0
    return Layer(
        before=norm(rng, WIDTH),
        qkv=matrix(rng, WIDTH, total, 2, bias=biases, limit=DIGITS[2]),
        head_norms=HeadNorms(*(norm(rng, width) for width in normed)) if normed else None,
        heads=Heads(HEADS, PAIRS, HEAD, 17, np.array([200, 90], np.int64)),
        out=matrix(rng, HEADS * HEAD, WIDTH, 2),
        between=norm(rng, WIDTH),
        feed=mixture(rng, share_of_all=mixed)
        if mixed is not None
        else Feed(
            matrix(rng, WIDTH, 2 * INNER, 0.125, limit=4_000),
            Gate(tables.silu(4_000, 8), shift, digits),
            matrix(rng, INNER, WIDTH, 1 if digits == 2 else 1 / 64, digits=digits),
        ),
    )


def mixture(rng: np.random.Generator, *, share_of_all: bool) -> Mixture:
    experts = 5
    return Mixture(
        router=matrix(rng, WIDTH, experts, 1 / 64, limit=2**16),
        up=weights(rng, experts, WIDTH, 2 * INNER),
        up_multiplier=rng.integers(2**13, 2**14, (experts, 2 * INNER)),
        up_shift=24,
        gate=Gate(tables.silu(4_000, 8), 6, 2),
        down=weights(rng, experts, INNER, WIDTH),
        down_multiplier=rng.integers(2**13, 2**14, (experts, WIDTH)),
        down_shift=21,
        top_k=2,
        share_of_all=share_of_all,
    )


def numbers(seed: int = 1, *, tied: bool = True, **more: Any) -> Numbers:
    rng = np.random.default_rng(seed)
    head = Matrix(weights(rng, WIDTH, VOCABULARY), rng.integers(2**13, 2**15, VOCABULARY), 0)
    table = head.weight if tied else weights(rng, VOCABULARY, WIDTH)
    return Numbers(
        table=table,
        table_multiplier=rng.integers(2**18, 2**20, VOCABULARY).astype(np.int32),
        table_shift=14,
        tied=tied,
        turns=tables.turns(100_000.0, HEAD, CONTEXT),
        layers=tuple(layer(rng, **more) for _ in range(LAYERS)),
        stream_limit=LIMIT,
        last=norm(rng, WIDTH),
        head=head,
    )

"""Small exact decoders of random numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from themis.exact.decoder import tables
from themis.exact.decoder.blocks import DIGITS, TURNED_MAX, WEIGHT_MAX, Gate, Head, Heads, Matrix, Mixture, Norm
from themis.exact.decoder.network import Feed, HeadNorms, Layer, Numbers

WIDTH, HEADS, PAIRS, HEAD, INNER, VOCABULARY, LAYERS, CONTEXT = 24, 4, 2, 8, 32, 40, 2, 24
LIMIT = 2**20


def weights(rng: np.random.Generator, *shape: int) -> NDArray[np.int8]:
    return np.clip(np.rint(rng.normal(0, 40, shape)), -127, 127).astype(np.int8)


def matrix(rng: np.random.Generator, inputs: int, outputs: int, scale: float, **more: Any) -> Matrix:
    """Results are `scale` times the sum of weight / 128 * activation."""
    divisor = np.rint(rng.uniform(1, 2, outputs) * 512 / scale).astype(np.int64)
    return Matrix(weights(rng, inputs, outputs), divisor, 4, **more)


def norm(rng: np.random.Generator, width: int, limit: int = DIGITS[2], bits: int = 9) -> Norm:
    gain = np.rint(rng.uniform(-1, 1.5, width) * np.sqrt(width) * 2**bits).astype(np.int64)
    return Norm(gain, -(-LIMIT * int(np.abs(gain).max()) // (2**31 - 1)), limit)


def layer(
    rng: np.random.Generator,
    *,
    digits: int = 2,
    bytes_: bool = False,
    bias: bool = False,
    normed: tuple[int, int] | None = None,
    mixed: bool | None = None,
) -> Layer:
    """`digits` are those of `down`, elsewhere it is one with `bytes_`; `normed` are the widths of query and key norms;
    `mixed` is a mixture's `share_of_all`, None a dense layer."""
    total = (HEADS + 2 * PAIRS) * HEAD
    biases = rng.integers(-2_000, 2_000, total).astype(np.int32) if bias else None
    shift = 8 if digits == 2 else 2
    size, scale = (1, 64) if bytes_ else (2, 1)
    table = tables.falling(WEIGHT_MAX, 1 / 32)
    return Layer(
        before=norm(rng, WIDTH),
        qkv=matrix(rng, WIDTH, total, 2 * scale, bias=biases, limit=TURNED_MAX, digits=size),
        head_norms=HeadNorms(*(norm(rng, width, TURNED_MAX) for width in normed)) if normed else None,
        heads=Heads(HEADS, PAIRS, HEAD, 9, table, np.array([50, 30], np.int64), DIGITS[2]),
        out=matrix(rng, HEADS * HEAD, WIDTH, 4 * scale, digits=size),
        between=norm(rng, WIDTH),
        feed=mixture(rng, share_of_all=mixed)
        if mixed is not None
        else Feed(
            matrix(rng, WIDTH, 2 * INNER, 0.5 * scale, limit=4_000, digits=size),
            Gate(tables.silu(4_000, 8), shift, digits, INNER),
            matrix(rng, INNER, WIDTH, 4 if digits == 2 else 1 / 16, digits=digits),
        ),
    )


def mixture(rng: np.random.Generator, *, share_of_all: bool) -> Mixture:
    experts = 5
    return Mixture(
        router=matrix(rng, WIDTH, experts, 1 / 16, limit=2**16),
        up=weights(rng, experts, WIDTH, 2 * INNER),
        up_divisor=rng.integers(2**11, 2**12, (experts, 2 * INNER)),
        up_factor=2,
        gate=Gate(tables.silu(4_000, 8), 8, 2, INNER),
        down=weights(rng, experts, INNER, WIDTH),
        down_divisor=rng.integers(2**9, 2**10, (experts, WIDTH)),
        down_factor=4,
        top_k=2,
        share_of_all=share_of_all,
    )


def numbers(seed: int = 1, *, tied: bool = True, **more: Any) -> Numbers:
    rng = np.random.default_rng(seed)
    head = Head(weights(rng, WIDTH, VOCABULARY), rng.integers(2**13, 2**15, VOCABULARY))
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

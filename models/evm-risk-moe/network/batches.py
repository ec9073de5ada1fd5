"""Token sequences to the flat arrays the network reads, vectorized; equal to themis.evm.encode by test."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from themis.evm.encode import BUCKET_BITS, BUCKETS, ORDERS

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Flat:
    """T tokens of several functions."""

    tokens: NDArray[np.int64]
    grams: NDArray[np.int64]
    """[T, len(ORDERS)]"""
    first: NDArray[np.int64]
    owner: NDArray[np.int64]
    """Function of each token."""


def flatten(functions: Sequence[bytes]) -> Flat:
    """Every function has at least one token."""
    lengths = np.array([len(function) for function in functions])
    tokens = np.frombuffer(b"".join(functions), np.uint8)
    owner = np.repeat(np.arange(len(functions)), lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return Flat(tokens.astype(np.int64), _grams(tokens, first), first, owner)


def by_length(lengths: Sequence[int], tokens: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Shuffled batches of about `tokens` tokens."""
    batch: list[int] = []
    size = 0
    for index in rng.permutation(len(lengths)):
        batch.append(int(index))
        size += lengths[index]
        if size >= tokens:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _grams(tokens: NDArray[np.uint8], first: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = np.arange(len(tokens))
    window = np.zeros(len(tokens), np.uint64)
    columns: list[NDArray[np.int64]] = []
    for back in range(max(ORDERS)):
        at = rows - back
        earlier = np.where(at >= first, tokens[np.maximum(at, 0)], 0).astype(np.uint64)
        window |= earlier << np.uint64(8 * back)
        if back + 1 in ORDERS:
            key = window * np.uint64(8) + np.uint64(back + 1)
            columns.append((key * _MULTIPLIER >> np.uint64(64 - BUCKET_BITS)).astype(np.int64) + BUCKETS * len(columns))
    return np.stack(columns, 1)

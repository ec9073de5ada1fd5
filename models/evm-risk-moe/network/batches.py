"""Token sequences to the flat arrays the network reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from themis.engine.grams import grams
from themis.exact.layout import starts


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
    first = starts(lengths)
    return Flat(tokens.astype(np.int64), grams(tokens, first), first, owner)


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

"""The n-grams of many functions at once, in numpy; equal to `themis.evm.encode.buckets` by test."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from themis.evm.encode import BUCKET_BITS, BUCKETS, ORDERS

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


def grams(tokens: NDArray[np.uint8], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of T tokens the buckets of the n-grams that end there: [T, len(ORDERS)].

    `first`: for each token the first of its function.
    """
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

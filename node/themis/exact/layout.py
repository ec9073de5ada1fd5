"""Where the tokens of variable-length sequences go: between the flat [T, d] and the padded [F, L, d] form."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of the T tokens of these sequences the first one of its own: [T]."""
    return np.repeat(np.cumsum(lengths) - lengths, lengths)


def layout(lengths: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sequence lengths (each >= 1) -> place [T], slot [F, L].

    place[t] is token t's row in the padded form flattened to [F * L, d]; slot[f, l] is the token there, -1 for none.
    """
    if not lengths or min(lengths) < 1:
        raise ValueError("a layout needs at least one sequence, and no sequence may be empty")
    longest = max(lengths)
    slot = np.full((len(lengths), longest), -1, np.int64)
    first = 0
    for row, length in zip(slot, lengths, strict=True):
        row[:length] = np.arange(first, first + length)
        first += length
    return np.flatnonzero(slot.ravel() >= 0).astype(np.int64), slot

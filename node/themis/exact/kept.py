"""A trace on disk, whole: a zip of NumPy arrays named by their words, and of the headers that they have."""

import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from themis.core.errors import Misconfigured
from themis.exact import trace
from themis.exact.referee.proof import AtHand
from themis.exact.trace import FORMAT, Header

Array = NDArray[Any]

HEADERS: Final = f"{FORMAT}.json"
HELD: Final = 4
"""Tensors."""


def keep(path: Path, tensors: Iterable[tuple[int, Array]]) -> Iterator[tuple[Header, Array]]:
    """Write tensors as they come, and hand them on with their headers; the file is there when all have come.

    Raises OSError where there is no room.
    """
    fresh, leaves = path.with_suffix(".new"), []
    with zipfile.ZipFile(fresh, "w") as file:
        for word, array in tensors:
            header = trace.commit(word, array)
            leaves.append(header.leaf().hex())
            with file.open(_name(word), "w", force_zip64=True) as member:
                npy.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            yield header, array
        file.writestr(HEADERS, json.dumps(leaves))
    os.replace(fresh, path)  # noqa: PTH105 (both names are whole paths)


def read(path: Path) -> AtHand:
    """Raises Misconfigured for a file that is damaged or of another format."""
    try:
        with zipfile.ZipFile(path) as file:
            leaves = [bytes.fromhex(leaf) for leaf in json.loads(file.read(HEADERS))]
            words = [int(name[:-4], 16) for name in file.namelist() if name != HEADERS]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Misconfigured(f"{path} is no trace ({error}): remove it, and it is made again") from error
    return AtHand(_Kept(path, frozenset(words)), leaves)


class _Kept(Mapping[int, Array]):
    """Reads a tensor when it is asked for, and holds the last ones: they are asked element by element."""

    def __init__(self, path: Path, words: frozenset[int]) -> None:
        self._path, self._words = path, words
        self._arrays = lru_cache(HELD)(self._read)

    def __getitem__(self, word: int) -> Array:
        return self._arrays(word)

    def _read(self, word: int) -> Array:
        if word not in self._words:
            raise KeyError(word)
        with zipfile.ZipFile(self._path) as file, file.open(_name(word)) as member:
            found: Array = npy.read_array(member, allow_pickle=False)
            return found

    def __iter__(self) -> Iterator[int]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


def _name(word: int) -> str:
    return f"{word:064x}.npy"

"""Reads a checkpoint's tensors one at a time from safetensors files, which are mapped and never loaded whole."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from themis.core.errors import Misconfigured

F32 = NDArray[np.float32]
INDEX: Final = "model.safetensors.index.json"
SINGLE: Final = "model.safetensors"
MAX_HEADER_BYTES: Final = 100 * 1_024**2
BFLOAT16: Final = "BF16"
DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    BFLOAT16: np.dtype("<u2"),
}


class Weights(Protocol):
    """Tensors by the names that Hugging Face's checkpoints give them."""

    def tensor(self, name: str) -> F32:
        """Raises Misconfigured naming what is missing."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is one."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class SafeTensors:
    """All safetensors files of a directory."""

    def __init__(self, folder: Path) -> None:
        """Raises Misconfigured for a directory without, or with files that are none."""
        self._folder = folder
        if (folder / INDEX).exists():
            names = sorted(set(json.loads((folder / INDEX).read_text())["weight_map"].values()))
        elif (folder / SINGLE).exists():
            names = [SINGLE]
        else:
            raise Misconfigured(f"{folder} holds neither {SINGLE} nor {INDEX}: download the whole checkpoint")
        self._places: dict[str, _Place] = {}
        for name in names:
            self._places |= _places(folder / name)

    def has(self, name: str) -> bool:
        return name in self._places

    def tensor(self, name: str) -> F32:
        if name not in self._places:
            raise Misconfigured(f"{self._folder} has no tensor {name}: it is another architecture, or incomplete")
        place = self._places[name]
        raw = np.memmap(place.file, np.uint8, "r", place.start, (place.end - place.start,))
        flat = raw.view(DTYPES[place.dtype])
        if place.dtype == BFLOAT16:
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        found: F32 = np.asarray(flat.reshape(place.shape), np.float32)
        if not np.isfinite(found).all():
            raise Misconfigured(f"{place.file}: tensor {name} holds an infinity or NaN")
        return found


def _places(file: Path) -> dict[str, _Place]:
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(min(size, MAX_HEADER_BYTES)))
        total = file.stat().st_size
        return {name: _place(file, entry, 8 + size, total) for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{file} is not a safetensors file of floats: {error!r}. Download it again.") from error


def _place(file: Path, entry: Mapping[str, Any], first: int, total: int) -> _Place:
    """Raises ValueError for a tensor that is not inside the file."""
    start, end = (first + int(offset) for offset in entry["data_offsets"])
    shape = tuple(map(int, entry["shape"]))
    if not first <= start <= end <= total or prod(shape) * DTYPES[entry["dtype"]].itemsize != end - start:
        raise ValueError(f"a tensor of shape {shape} takes {end - start} bytes of {total}")
    return _Place(file, entry["dtype"], shape, start, end)

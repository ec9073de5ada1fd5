"""Weights that a graph keeps in a file beside it: where they are, and how they are read without loading them all."""

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
"""ONNX Runtime takes a location with asterisks for an address in memory."""
NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Place:
    """A run of bytes in a file."""

    file: str
    """Path relative to the graph's, as the graph says it."""
    offset: int
    size: int


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the tensor's bytes are in another file."""
    return bool(tensor.data_location == TensorProto.EXTERNAL or tensor.external_data)


def place_of(tensor: onnx.TensorProto, size: int) -> Place:
    """Where a tensor of `size` bytes lies. Raises ValueError for what two readers could understand differently."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    file = entries.get("location", "")
    numbers = [entries.get(key, str(default)) for key, default in (("offset", 0), ("length", size))]
    if tensor.data_location != TensorProto.EXTERNAL or len(entries) < len(tensor.external_data):
        raise ValueError("its place in another file is ambiguous")
    if not PLAIN_PATH.fullmatch(file) or not all(NUMBER.fullmatch(number) for number in numbers):
        raise ValueError(f"its place in another file is not plain: {file!r} {numbers}")
    return Place(file, *map(int, numbers))


def read(tensor: onnx.TensorProto, folder: Path | None) -> NDArray[Any]:
    """The tensor's elements; those in another file of `folder` are mapped, not loaded."""
    if not is_external(tensor):
        return numpy_helper.to_array(tensor)
    if folder is None:
        raise ValueError(f"weight {tensor.name} is kept in another file")
    dtype, shape = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)), tuple(tensor.dims)
    if not (size := prod(shape) * dtype.itemsize):
        return np.zeros(shape, dtype)
    place = place_of(tensor, size)
    flat = np.memmap(folder / place.file, np.uint8, "r", place.offset, (size,))
    return flat.view(dtype).reshape(shape)

"""Tensors as the bytes of requests and results: preprocessing `tensors/1`.

An input is, big-endian and without gaps: a uint32 for each named size in the order in which the graph's inputs name
them first, then each input's elements, row by row. An element takes the bytes of its type, a bool one; a float is an
int32 that counts steps of 1 / steps_per_unit. A result is the elements of each output in the same form; where more than
one output has a size that is not fixed, after a uint32 for each such size, in the order in which the outputs name them
first: the length of the result does not tell them. So a contract packs its question with `abi.encodePacked`, and a
float of a result is rounded, to the nearest step and ties to even, before it is hashed.
"""

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.bundles.manifest import TensorSchema
from themis.core.errors import Reason, Refused
from themis.exact.declare import Declarations, Range

Feed = dict[str, NDArray[Any]]
STEPS: Final = np.dtype(">i4")
SIZE: Final = np.dtype(">u4")
MAX_STEPS: Final = 2**31 - 1


def decode(data: bytes, inputs: Sequence[TensorSchema], declared: Declarations) -> Feed:
    """A request's tensors. Raises Refused(INVALID_INPUT) for bytes that are not exactly one for each input."""
    names = list(dict.fromkeys(size for tensor in inputs for size in tensor.shape if isinstance(size, str)))
    sizes = dict(zip(names, np.frombuffer(data[: 4 * len(names)].ljust(4 * len(names), b"\0"), SIZE), strict=True))
    offset = 4 * len(names)
    shapes = [[int(sizes[size]) if isinstance(size, str) else size for size in tensor.shape] for tensor in inputs]
    total = offset + sum(prod(shape) * wire(tensor).itemsize for shape, tensor in zip(shapes, inputs, strict=True))
    if len(data) != total or not all(sizes.values()):
        told = ", ".join(f"{name} = {size}" for name, size in sizes.items())
        raise Refused(Reason.INVALID_INPUT, f"{len(data)} bytes; {total} expected{' for ' * bool(told)}{told}")
    feed: Feed = {}
    for tensor, shape in zip(inputs, shapes, strict=True):
        travelled = np.frombuffer(data, wire(tensor), prod(shape), offset)
        feed[tensor.name] = _arrived(travelled, tensor).reshape(shape)
        offset += travelled.nbytes
    check(feed, declared, {name: int(size) for name, size in sizes.items()})
    return feed


def check(feed: Mapping[str, NDArray[Any]], declared: Declarations, sizes: Mapping[str, int]) -> None:
    """Whether inputs keep to what the graph's proof of exactness assumes. Raises Refused(INVALID_INPUT)."""
    for name, limit in declared.extents.items():
        if sizes.get(name, 0) > limit:
            raise Refused(Reason.INVALID_INPUT, f"too large for the model: {name} = {sizes[name]}, limit {limit}")
    for name, span in declared.ranges.items():
        values = feed.get(name)
        if values is None or not values.size or _holds_no_other(values.dtype, span):
            continue
        if values.min() < span.low or values.max() > span.high:
            raise Refused(Reason.INVALID_INPUT, f"{name} leaves the declared range {span.low}..{span.high}")


def _holds_no_other(dtype: np.dtype[Any], span: Range) -> bool:
    """Whether the type alone keeps values in the range: caches are large, and are checked at each step."""
    return dtype.kind in "iu" and span.low <= np.iinfo(dtype).min and np.iinfo(dtype).max <= span.high


def encode(outputs: Sequence[NDArray[Any]], schemas: Sequence[TensorSchema]) -> bytes:
    """A result.

    Raises Refused(ENGINE_REFUSED) for a float that no number of steps can say, and shapes that are not the manifest's.
    """
    sizes = _sizes(outputs, schemas)
    header = np.array([sizes[name] for name in told(schemas)], SIZE).tobytes()
    return b"".join([header, *(_sent(array, schema) for array, schema in zip(outputs, schemas, strict=True))])


def split(data: bytes, schemas: Sequence[TensorSchema]) -> list[NDArray[Any]]:
    """A result's elements as they travel, by output. Raises ValueError for bytes of another length."""
    names = told(schemas)
    offset = SIZE.itemsize * len(names)
    if len(data) < offset:
        raise ValueError(f"{len(data)} bytes; its sizes alone take {offset}")
    sizes = dict(zip(names, np.frombuffer(data[:offset], SIZE).tolist(), strict=True))
    counts = [_count(schema, sizes) for schema in schemas]
    fixed = sum((count or 0) * wire(schema).itemsize for count, schema in zip(counts, schemas, strict=True))
    found = []
    for known, schema in zip(counts, schemas, strict=True):
        count = (len(data) - offset - fixed) // wire(schema).itemsize if known is None else known
        end = offset + max(0, count) * wire(schema).itemsize
        if end > len(data):
            raise ValueError(f"{len(data)} bytes; {end} expected")
        found.append(np.frombuffer(data[offset:end], wire(schema)))
        fixed -= (known or 0) * wire(schema).itemsize
        offset = end
    if offset != len(data):
        raise ValueError(f"{len(data)} bytes; {offset} expected")
    return found


def as_json(data: bytes, schemas: Sequence[TensorSchema]) -> dict[str, list[Any]]:
    """A result's elements by output, floats in units, for people. Raises ValueError for bytes of another length."""
    return {
        schema.name: (values / schema.steps_per_unit if schema.steps_per_unit else values).tolist()
        for schema, values in zip(schemas, split(data, schemas), strict=True)
    }


def told(schemas: Sequence[TensorSchema]) -> list[str]:
    """The sizes that a result of these outputs begins with."""
    if sum(_count(schema) is None for schema in schemas) <= 1:
        return []
    return list(dict.fromkeys(size for schema in schemas for size in schema.shape if isinstance(size, str)))


def fixed_size(inputs: Sequence[TensorSchema]) -> int | None:
    """Bytes of a request, if every size is known."""
    counts = [_count(tensor) for tensor in inputs]
    if None in counts:
        return None
    return sum((count or 0) * wire(tensor).itemsize for count, tensor in zip(counts, inputs, strict=True))


def _count(tensor: TensorSchema, sizes: Mapping[str, int] = MappingProxyType({})) -> int | None:
    """Elements, if every size is known."""
    found = [size if isinstance(size, int) else sizes.get(size) for size in tensor.shape]
    known = [size for size in found if size is not None]
    return prod(known) if len(known) == len(found) else None


def _sizes(outputs: Sequence[NDArray[Any]], schemas: Sequence[TensorSchema]) -> dict[str, int]:
    """What the sizes turned out to be that outputs name. Results are read by the shapes that the manifest says."""
    sizes: dict[str, int] = {}
    for array, schema in zip(outputs, schemas, strict=True):
        shape = np.shape(array)
        fits = len(shape) == len(schema.shape)
        for said, found in zip(schema.shape, shape, strict=False):
            fits &= found == (said if isinstance(said, int) else sizes.setdefault(said, found))
        if not fits:
            raise Refused(Reason.ENGINE_REFUSED, f"{schema.name} has shape {shape}, not {schema.shape} with {sizes}")
    return sizes


def wire(tensor: TensorSchema) -> np.dtype[Any]:
    """How an element travels."""
    return STEPS if tensor.steps_per_unit else np.dtype(tensor.dtype).newbyteorder(">")


def _arrived(values: NDArray[Any], tensor: TensorSchema) -> NDArray[Any]:
    if tensor.steps_per_unit:
        return (values / tensor.steps_per_unit).astype(tensor.dtype)
    if tensor.dtype == "bool" and values.view(np.uint8).max(initial=0) > 1:
        raise Refused(Reason.INVALID_INPUT, f"{tensor.name}: a bool is 0 or 1")
    return values.astype(tensor.dtype)


def _sent(array: NDArray[Any], tensor: TensorSchema) -> bytes:
    row = np.reshape(array, -1)  # NumPy makes a scalar of a result without axes, and scalars have this machine's order
    if not tensor.steps_per_unit:
        return row.astype(wire(tensor)).tobytes()
    steps = np.rint(row.astype(np.float64) * tensor.steps_per_unit)
    if not (np.abs(steps) <= MAX_STEPS).all():
        raise Refused(
            Reason.ENGINE_REFUSED, f"{tensor.name} has values that are not finite or exceed {MAX_STEPS} steps"
        )
    return steps.astype(STEPS).tobytes()

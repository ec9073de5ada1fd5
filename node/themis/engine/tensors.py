"""Tensors as the bytes of requests and results: preprocessing `tensors/1`.

An input is, big-endian and without gaps: a uint32 for each named size in the order in which the graph's inputs name
them first, then each input's elements, row by row. An element takes the bytes of its type, a bool one; a float is an
int32 that counts steps of 1 / steps_per_unit. A result is the elements of each output in the same form. So a contract
packs its question with `abi.encodePacked`, and a float of a result is rounded, to the nearest step and ties to even,
before it is hashed.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.bundles.manifest import TensorSchema
from themis.core.errors import Reason, Refused
from themis.exact.declare import Declarations

Feed = dict[str, NDArray[Any]]
STEPS: Final = np.dtype(">i4")
MAX_STEPS: Final = 2**31 - 1


def decode(data: bytes, inputs: Sequence[TensorSchema], declared: Declarations) -> Feed:
    """A request's tensors. Raises Refused(INVALID_INPUT) for bytes that are not exactly one for each input."""
    names = list(dict.fromkeys(size for tensor in inputs for size in tensor.shape if isinstance(size, str)))
    sizes = dict(zip(names, np.frombuffer(data[: 4 * len(names)].ljust(4 * len(names), b"\0"), ">u4"), strict=True))
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
        if values is not None and values.size and (values.min() < span.low or values.max() > span.high):
            raise Refused(Reason.INVALID_INPUT, f"{name} leaves the declared range {span.low}..{span.high}")


def encode(outputs: Sequence[NDArray[Any]], schemas: Sequence[TensorSchema]) -> bytes:
    """A result. Raises Refused(ENGINE_REFUSED) for a float that no number of steps can say."""
    return b"".join(_sent(array, schema) for array, schema in zip(outputs, schemas, strict=True))


def as_json(data: bytes, schemas: Sequence[TensorSchema]) -> dict[str, list[Any]]:
    """A result's elements by output, floats in units, for people. Raises ValueError for bytes of another length."""
    counts = [_count(schema) for schema in schemas]
    if counts.count(None) > 1:
        raise ValueError("more than one output has a size that the result does not tell")
    fixed = sum((count or 0) * wire(schema).itemsize for count, schema in zip(counts, schemas, strict=True))
    found, offset = {}, 0
    for known, schema in zip(counts, schemas, strict=True):
        form = wire(schema)
        count = (len(data) - fixed) // form.itemsize if known is None else known
        values = np.frombuffer(data, form, count, offset)
        found[schema.name] = (values / schema.steps_per_unit if schema.steps_per_unit else values).tolist()
        offset += values.nbytes
    if offset != len(data):
        raise ValueError(f"{len(data)} bytes; {offset} expected")
    return found


def fixed_size(inputs: Sequence[TensorSchema]) -> int | None:
    """Bytes of a request, if every size is known."""
    counts = [_count(tensor) for tensor in inputs]
    if None in counts:
        return None
    return sum((count or 0) * wire(tensor).itemsize for count, tensor in zip(counts, inputs, strict=True))


def _count(tensor: TensorSchema) -> int | None:
    """Elements, if every size is known."""
    sizes = [size for size in tensor.shape if isinstance(size, int)]
    return prod(sizes) if len(sizes) == len(tensor.shape) else None


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
    if not tensor.steps_per_unit:
        return array.astype(wire(tensor)).tobytes()
    steps = np.rint(array.astype(np.float64) * tensor.steps_per_unit)
    if not (np.abs(steps) <= MAX_STEPS).all():
        raise Refused(
            Reason.ENGINE_REFUSED, f"{tensor.name} has values that are not finite or exceed {MAX_STEPS} steps"
        )
    return steps.astype(STEPS).tobytes()

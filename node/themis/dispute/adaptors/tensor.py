"""Models that read tensors, `tensors/1`: the specification of `contracts/dispute/src/TensorAdaptor.sol`.

What it takes of a model, `themis models check` says: floats in steps of one, named sizes, no sizes before an answer.
"""

from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np

from themis.dispute.adaptors.links import Accused, Adaptor, Sight
from themis.exact.declare import Declarations, Range
from themis.exact.program import Program
from themis.exact.referee.case import Undefined
from themis.exact.trace import WIRE

SIZE_BYTES: Final = 4
STEPS_BYTES: Final = 4
"""A float travels as a number of steps."""


@dataclass(frozen=True, slots=True)
class Said:
    """An input as the program says it, its sizes and place as the request does."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    span: Range | None
    offset: int


def refutes_input(sight: Sight, accused: Accused) -> bool:
    """Raises as `Adaptor.refutes_input`."""
    input_ = sight.asked.input
    inputs = _read(sight.program, sight.declared, input_)
    if inputs is None:
        return True
    if accused.word not in inputs:
        raise Undefined(f"{accused.word:#x} is no input")
    said = inputs[accused.word]
    if accused.element is not None and _is_refused(said, input_, accused.element):
        return True
    kind = sight.kind(accused.word)
    if (kind.dtype, kind.shape) != (said.dtype, said.shape):
        return True
    if accused.element is None:
        return False
    return sight.at(accused.word, accused.element) != _given(said, input_, accused.element)


def refutes_output(sight: Sight, accused: Accused) -> bool:
    """Raises as `Adaptor.refutes_output`."""
    places: dict[int, int] = {}
    length, output = 0, sight.asked.output
    for word in sight.program.outputs.values():
        kind = sight.kind(word)
        places.setdefault(word, length)
        length += prod(kind.shape) * _width(kind.dtype)
    if len(output) != length:
        return True
    if accused.word not in places:
        raise Undefined(f"{accused.word:#x} is no output")
    if accused.element is None:
        return False
    dtype = sight.kind(accused.word).dtype
    found = sight.at(accused.word, accused.element)
    return _value(output, places[accused.word] + accused.element * _width(dtype), dtype) != found


def refusal(sight: Sight) -> Accused | None:
    """Lengths and sizes, or an element that the model does not take."""
    input_ = sight.asked.input
    inputs = _read(sight.program, sight.declared, input_)
    if inputs is None:
        return Accused(next(iter(sight.program.inputs)))
    elements = ((word, said, at) for word, said in inputs.items() for at in range(prod(said.shape)))
    return next((Accused(word, at) for word, said, at in elements if _is_refused(said, input_, at)), None)


def output_fault(sight: Sight) -> Accused | None:
    """The first element that is another."""
    words = sight.program.outputs.values()
    accused = [Accused(word, at) for word in words for at in (None, *range(prod(sight.kind(word).shape)))]
    return next((each for each in accused if refutes_output(sight, each)), None)


def _read(program: Program, declared: Declarations, input_: bytes) -> dict[int, Said] | None:
    """The inputs by word; None where the model refuses a request of this length or these sizes."""
    names = list(
        dict.fromkeys(size for _, shape in program.input_types.values() for size in shape if isinstance(size, str))
    )
    offset = SIZE_BYTES * len(names)
    if len(input_) < offset:
        return None
    sizes = {name: int.from_bytes(input_[SIZE_BYTES * at :][:SIZE_BYTES], "big") for at, name in enumerate(names)}
    if any(not size or size > declared.extents.get(name, size) for name, size in sizes.items()):
        return None
    found = {}
    for word, (dtype, said) in program.input_types.items():
        shape = tuple(sizes[size] if isinstance(size, str) else size for size in said)
        found[word] = Said(dtype, shape, declared.ranges.get(program.inputs[word]), offset)
        offset += prod(shape) * _width(dtype)
    return found if offset == len(input_) else None


def _is_refused(said: Said, input_: bytes, element: int) -> bool:
    """Whether the model takes no such element."""
    value = _given(said, input_, element)
    if said.span is not None and not said.span.low <= value <= said.span.high:
        return True
    return said.dtype == np.bool_ and value > 1


def _given(said: Said, input_: bytes, element: int) -> int:
    if element >= prod(said.shape):
        raise Undefined(f"there is no element {element} in a tensor of shape {said.shape}")
    return _value(input_, said.offset + element * _width(said.dtype), said.dtype)


def _width(dtype: np.dtype[np.generic]) -> int:
    """Bytes of an element as it travels."""
    return STEPS_BYTES if dtype in WIRE else dtype.itemsize


def _value(data: bytes, offset: int, dtype: np.dtype[np.generic]) -> int:
    return int.from_bytes(data[offset : offset + _width(dtype)], "big", signed=dtype.kind in "if")


ADAPTOR: Final = Adaptor("tensors/1", "TensorAdaptor", refutes_input, refutes_output, refusal, output_fault)

"""What a referee sees of one node: operands and results of a claimed trace, opened element by element and counted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from themis.exact.program import SECOND, Node, Source
from themis.exact.roots import CHUNK_BYTES, WEIGHT
from themis.exact.trace import leaf_of

Index = tuple[int, ...]
Shape = tuple[int, ...]
LARGEST_POWER: Final = 127
"""Of two, as a float32."""


class Undefined(Exception):  # noqa: N818 (a verdict)
    """What is claimed gives the operator no meaning: the fault is in an operand, and is to be shown there."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Type and shape of a tensor."""

    dtype: np.dtype[Any]
    shape: Shape


class Claim(Protocol):
    """A trace as its claimant has it."""

    def kind(self, word: int) -> Kind | None:
        """Of a tensor; None where the trace has none of that word."""
        ...

    def element(self, word: int, index: Index) -> int:
        """One element of a tensor that the trace has."""
        ...


@dataclass(frozen=True, slots=True)
class Arrays:
    """A claim that is at hand."""

    arrays: Mapping[int, NDArray[Any]]
    """By word."""

    def kind(self, word: int) -> Kind | None:
        array = self.arrays.get(word)
        return None if array is None else Kind(array.dtype, array.shape)

    def element(self, word: int, index: Index) -> int:
        return int(self.arrays[word][index])


@dataclass(slots=True)
class Opened:
    """What a ruling looked at. Constants that are part of a program's leaf are opened with it."""

    headers: set[int] = field(default_factory=set)
    leaves: set[tuple[int, int]] = field(default_factory=set)
    """Word of a tensor and number of its leaf."""
    elements: int = 0


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor that a referee may look into."""

    kind: Kind
    at: Callable[[Index], int]
    """One element. Raises Undefined outside the tensor, and for a constant that is no integer."""
    constant: NDArray[Any] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.kind.dtype

    @property
    def shape(self) -> Shape:
        return self.kind.shape

    def scalar(self) -> int:
        """The element of a tensor that has one. Raises Undefined for another."""
        if any(size != 1 for size in self.shape):
            raise Undefined(f"one element is needed, and the shape is {self.shape}")
        return self.at((0,) * len(self.shape))

    def vector(self) -> list[int]:
        """All elements of a vector. Raises Undefined for another tensor."""
        if len(self.shape) != 1:
            raise Undefined(f"a vector is needed, and the shape is {self.shape}")
        return [self.at((place,)) for place in range(self.shape[0])]

    def power(self, column: int = 0) -> int:
        """The exponent of a scale, a power of two: the one there is, or a column's. Raises Undefined for another."""
        if self.constant is None:
            raise Undefined("a scale is a constant")
        flat = self.constant.reshape(-1)
        mantissa, exponent = np.frexp(flat[0 if flat.size == 1 else column])
        if mantissa != 0.5 or abs(exponent) > LARGEST_POWER:  # noqa: PLR2004 (a power of two)
            raise Undefined("a scale is a power of two")
        return int(exponent) - 1


@dataclass(frozen=True, slots=True)
class Case:
    """One node, and what is claimed about it."""

    node: Node
    operands: tuple[Operand | None, ...]
    result: Callable[[int], Operand]
    """The node's own output or witness. Raises Undefined for one that the trace does not have."""

    def operand(self, index: int) -> Operand:
        found = self.optional(index)
        if found is None:
            raise Undefined(f"operand {index} is missing")
        return found

    def optional(self, index: int) -> Operand | None:
        return self.operands[index] if index < len(self.operands) else None

    def attribute(self, name: str, default: Any) -> Any:
        return self.node.attributes.get(name, default)


def open_case(claim: Claim, node: Node, opened: Opened) -> Case:
    """Raises Undefined where the trace lacks an operand."""

    def traced(word: int) -> Operand:
        kind = claim.kind(word)
        if kind is None:
            raise Undefined(f"the trace has no tensor {word:#x}")
        opened.headers.add(word)

        def at(index: Index) -> int:
            _require_inside(index, kind.shape)
            opened.leaves.add((word, leaf_of(kind.dtype, kind.shape, index)))
            opened.elements += 1
            return claim.element(word, index)

        return Operand(kind, at)

    def operand(source: Source) -> Operand:
        return traced(source.word) if source.constant is None else _constant(source, source.constant, opened)

    operands = (None if source is None else operand(source) for source in node.operands)
    return Case(node, tuple(operands), lambda index: traced(node.word(index)))


def second(case: Case) -> Operand:
    """The second operand of a product."""
    return case.operand(SECOND[case.node.op])


def _constant(source: Source, array: NDArray[Any], opened: Opened) -> Operand:
    weight = source.kind == WEIGHT
    if weight:
        opened.headers.add(source.word)
    rows_a_chunk = max(1, CHUNK_BYTES // max(1, array[:1].nbytes)) if array.ndim else 1

    def leaf(index: Index) -> int:
        if source.by_columns:
            return int(np.ravel_multi_index((*index[:-2], index[-1]), (*array.shape[:-2], array.shape[-1])))
        return index[0] // rows_a_chunk if index else 0

    def at(index: Index) -> int:
        _require_inside(index, array.shape)
        if weight:
            opened.leaves.add((source.word, leaf(index)))
            opened.elements += 1
        element = array[index]
        if element != int(element):
            raise Undefined("a constant is no integer")
        return int(element)

    return Operand(Kind(array.dtype, array.shape), at, array)


def _require_inside(index: Index, shape: Shape) -> None:
    if len(index) != len(shape) or not all(0 <= place < size for place, size in zip(index, shape, strict=True)):
        raise Undefined(f"there is no element {index} in a tensor of shape {shape}")

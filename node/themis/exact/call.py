"""One node as the linter's rules see it: what is known of its operands, and the questions that rules share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from themis.exact.interval import Rejected, Value, proven


@dataclass(frozen=True, slots=True)
class Call:
    """One node and what is known of its operands."""

    op: str
    inputs: tuple[Value | None, ...]
    """None for an optional input that is left out."""
    dims: tuple[tuple[int | None, ...] | None, ...]
    """Largest size of each axis of each input; None where unknown."""
    attributes: Mapping[str, Any]
    outputs: int
    squared: bool
    """Both operands are the same tensor."""

    def operand(self, index: int) -> Value:
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise Rejected(f"input {index} is missing")
        return value

    def integer(self, index: int) -> Value:
        """An operand that must be of an integer type."""
        value = self.operand(index)
        if value.is_float:
            raise Rejected(f"float {self.op} differs between machines: use integers")
        return value

    def constant_ints(self, index: int) -> list[int]:
        value = self.operand(index)
        if value.constant is None:
            raise Rejected(f"input {index} must be constant")
        return [int(item) for item in value.constant.ravel()]

    def extent(self, index: int, axis: int) -> int | None:
        dims = self.dims[index]
        return None if dims is None or not -len(dims) <= axis < len(dims) else dims[axis]

    def terms(self, a: int, b: int) -> int:
        """How many products one element of the matrix product of two operands sums, at most."""
        count = self.extent(a, -1) or self.extent(b, -2)
        if count is None:
            raise Rejected("number of terms unknown: declare the extent of the dimension")
        return count


Rule = Callable[[Call], list[Value]]


def whole(value: Value) -> Value:
    """A value whose floats, if any, carry integers exactly."""
    if value.fractional:
        raise Rejected("operand may have a fraction: floats may only carry integers")
    proven(value.dtype, value.low, value.high)
    return value


def zero_point(call: Call, index: int) -> int:
    value = call.operand(index)
    if value.constant is None or value.constant.size != 1 or value.dtype not in (np.uint8, np.int8):
        raise Rejected("zero points must be constant 8-bit scalars")
    return value.low


def powers_of_two(call: Call, index: int) -> None:
    value = call.operand(index).constant
    if value is None or not np.isin(value, 2.0 ** np.arange(-31, 32)).all():
        raise Rejected("scales must be constant powers of two from 2^-31 to 2^31: others round unlike integers")

"""What the linter knows of a tensor: its dtype and the integers its elements lie between."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

INT32_LOW: Final = -(2**31)
INT32_HIGH: Final = 2**31 - 1
CARRIED: Final = {np.dtype(np.float32): 2**24, np.dtype(np.float64): 2**53}
"""Floats stand for integers up to this size, exactly."""
INTEGERS: Final = tuple(map(np.dtype, (np.uint8, np.int8, np.uint32, np.int32, np.int64)))
"""For the others ONNX Runtime lacks most kernels."""


class Rejected(Exception):  # noqa: N818 (a verdict)
    """This node is outside the exact profile; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Value:
    """Every element x of the tensor has low <= x <= high and is an integer, unless `fractional`."""

    dtype: np.dtype[Any]
    low: int
    high: int
    fractional: bool = False
    constant: NDArray[Any] | None = field(default=None, compare=False)
    sizes: tuple[int, ...] | None = field(default=None, compare=False)
    """Of a tensor's sizes: the most that each can be."""

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"

    @property
    def largest(self) -> int:
        """Largest absolute value."""
        return max(abs(self.low), abs(self.high))


def bounds(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Least and largest integer that the dtype holds exactly, with everything between."""
    if dtype in CARRIED:
        return -CARRIED[dtype], CARRIED[dtype]
    if dtype.kind == "b":
        return 0, 1
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        return int(info.min), int(info.max)
    allowed = ", ".join(map(str, (*INTEGERS, *CARRIED)))
    raise Rejected(f"is {dtype}: only bool, {allowed}")


def proven(dtype: np.dtype[Any], low: int, high: int) -> Value:
    """A computed value; Rejected when it may leave its type."""
    least, largest = bounds(dtype)
    if low < least or high > largest:
        raise Rejected(f"may reach {low}..{high}, beyond exact {dtype} ({least}..{largest}): clip an operand")
    return Value(dtype, low, high)


def constant(array: NDArray[Any]) -> Value:
    """An initializer."""
    bounds(array.dtype)
    if array.size == 0:
        return Value(array.dtype, 0, 0, constant=array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Rejected("holds an infinity or NaN")
    fractional = array.dtype.kind == "f" and bool((array != np.rint(array)).any())
    return Value(array.dtype, int(np.floor(array.min())), int(np.ceil(array.max())), fractional, array)


def truncated(dividend: int, divisor: int) -> int:
    """Divide toward zero."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient

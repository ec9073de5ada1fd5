"""Operators whose element follows from the elements at its own place: arithmetic, comparison, rounding, choice."""

from collections.abc import Callable, Mapping
from math import isqrt
from typing import Any, Final

import numpy as np

from themis.exact.interval import truncated
from themis.exact.referee.case import Case, Index, Operand, Shape, Undefined

Element = Callable[[Case, int, Index], int]
"""What output `int` of a node should hold at a place. Raises Undefined."""


def aligned(index: Index, shape: Shape) -> Index:
    """The place in an operand of that shape that is broadcast to `index`."""
    kept = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else place for place, size in zip(kept, shape, strict=True))


def _at(operand: Operand, index: Index) -> int:
    return operand.at(aligned(index, operand.shape))


def _combined(combine: Callable[..., int]) -> Element:
    def element(case: Case, _: int, index: Index) -> int:
        places = range(len(case.operands))
        return combine(*(_at(case.operand(place), index) for place in places))

    return element


def _quotient(x: int, divisor: int) -> int:
    if not divisor:
        raise Undefined("a divisor is 0")
    return truncated(x, divisor)


def _modulo(x: int, divisor: int) -> int:
    if divisor < 1:
        raise Undefined("a divisor is not positive")
    return x % divisor


def _same(case: Case, _: int, index: Index) -> int:
    return case.operand(0).at(index)


def _clipped(case: Case, _: int, index: Index) -> int:
    low, high = case.operand(1).scalar(), case.operand(2).scalar()
    return min(max(case.operand(0).at(index), low), high)


def _shifted(case: Case, _: int, index: Index) -> int:
    x, amount = _at(case.operand(0), index), _at(case.operand(1), index)
    if not 0 <= amount < 8 * case.operand(0).dtype.itemsize:
        raise Undefined(f"nothing is shifted by {amount}")
    return x >> amount


def _chosen(case: Case, _: int, index: Index) -> int:
    return _at(case.operand(1 if _at(case.operand(0), index) else 2), index)


def _dequantized(case: Case, _: int, index: Index) -> int:
    return case.operand(0).at(index) - case.operand(2).scalar()


def _quantized(case: Case, _: int, index: Index) -> int:
    zero = case.operand(2)
    return saturated(scaled(case.operand(0).at(index), -case.operand(1).power()) + zero.scalar(), zero.dtype)


def _root(case: Case, _: int, index: Index) -> int:
    x = case.operand(0).at(index)
    if x < 0:
        raise Undefined("a negative number has no root")
    return isqrt(x)


def scaled(x: int, power: int) -> int:
    """X * 2^power to the nearest integer, halves to the even one."""
    if power >= 0:
        return x << power
    quotient, rest = divmod(x, 1 << -power)
    half = 1 << (-power - 1)
    return quotient + (rest > half or (rest == half and quotient % 2 == 1))


def saturated(x: int, dtype: np.dtype[Any]) -> int:
    """Within what the type holds."""
    info = np.iinfo(dtype)
    return min(max(x, int(info.min)), int(info.max))


ELEMENTS: Final[Mapping[str, Element]] = {
    "Add": _combined(lambda x, y: x + y),
    "Sub": _combined(lambda x, y: x - y),
    "Mul": _combined(lambda x, y: x * y),
    "Div": _combined(_quotient),
    "Mod": _combined(_modulo),
    "Max": _combined(lambda *values: max(values)),
    "Equal": _combined(lambda x, y: int(x == y)),
    "GreaterOrEqual": _combined(lambda x, y: int(x >= y)),
    "Where": _chosen,
    "Clip": _clipped,
    "BitShift": _shifted,
    "Cast": _same,
    "Floor": _same,  # of what carries integers; that of a Sqrt is Root
    "Root": _root,
    "QuantizeLinear": _quantized,
    "DequantizeLinear": _dequantized,
}

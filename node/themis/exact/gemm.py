"""What matrix products do to intervals, and which of them saturate, overflow or depend on the machine."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.exact.blocks import ACC_LINEAR, LIGHT_WEIGHT, ZERO_POINT
from themis.exact.call import Call, powers_of_two, zero_point
from themis.exact.interval import Rejected, Value, proven

COLUMNS_AT_ONCE: Final = 512
INT16_MAX: Final = 2**15 - 1


def matmul(call: Call) -> list[Value]:
    """Integers only: float products differ between machines."""
    a, b = call.integer(0), call.integer(1)
    if a.constant is not None:
        reach = int(np.abs(a.constant.astype(np.int64)).sum(-1).max(initial=0)) * b.largest
        return [proven(a.dtype, -reach, reach)]
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    terms = call.terms(0, 1)
    return [proven(a.dtype, min(0, terms * min(corners)), max(0, terms * max(corners)))]


def matmul_integer(call: Call) -> list[Value]:
    reach = accumulator(call, 0, 1, 2, 3)
    return [proven(np.dtype(np.int32), -reach, reach)]


def qlinear_matmul(call: Call) -> list[Value]:
    reach = accumulator(call, 0, 3, 2, 5)
    if reach >= ACC_LINEAR:
        raise Rejected(
            f"accumulator may reach {reach}, and float32 rounds from 2^24: use smaller weights or fewer inputs"
        )
    for index in (1, 4, 6):
        powers_of_two(call, index)
    zero_point(call, 7)
    if call.operand(7).dtype != np.uint8:
        raise Rejected("QLinearMatMul must give uint8: int8 results have no kernel for uint8 operands")
    return [Value(np.dtype(np.uint8), 0, 255)]


def accumulator(call: Call, a: int, b: int, a_zero: int, b_zero: int) -> int:
    """Largest absolute accumulator of a u8 x u8 or safe u8 x s8 product, from the weights where they are constant."""
    x, y = call.integer(a), call.integer(b)
    if x.dtype != np.uint8 or y.dtype not in (np.uint8, np.int8):
        raise Rejected(
            f"{x.dtype} x {y.dtype} has no kernel, or overflows on ARM without dot products and is slow on AVX2: "
            "use u8 x u8 with zero point 128"
        )
    if y.dtype == np.int8:
        fits_pairs(x, y)
    zero_x, zero_y = zero_point(call, a_zero), zero_point(call, b_zero)
    largest = max(abs(x.low - zero_x), abs(x.high - zero_x))
    if y.constant is not None:
        return largest * heaviest_column(y.constant, zero_y)
    return call.terms(a, b) * largest * max(abs(y.low - zero_y), abs(y.high - zero_y))


def heaviest_column(weight: NDArray[Any], zero: int) -> int:
    """Largest sum of absolute weights over a column, some columns at a time: weights are large, and sums need room."""
    parts = (weight[..., first : first + COLUMNS_AT_ONCE] for first in range(0, weight.shape[-1], COLUMNS_AT_ONCE))
    sums = (np.abs(part.astype(np.int16) - zero).sum(-2, dtype=np.int64).max(initial=0) for part in parts)
    return int(max(sums, default=0))


def fits_pairs(x: Value, y: Value) -> None:
    """Reject u8 x s8 unless no sum of two products can saturate 16 bits, as AVX2's vpmaddubsw adds neighbors.

    ARM without dot products does the same with x - 128.
    """
    if y.constant is None:
        raise Rejected("u8 x s8 saturates on AVX2, and the s8 operand is not constant: use u8 x u8, zero point 128")
    if 2 * max(x.high, ZERO_POINT) * y.largest > INT16_MAX:
        raise Rejected(
            f"u8 x s8 saturates on AVX2: u8 reach {x.high}, weights {y.low}..{y.high}. Use u8 x u8, zero point 128, "
            f"weights within +-{LIGHT_WEIGHT}, or u8 of at most 127 with weights within +-127"
        )

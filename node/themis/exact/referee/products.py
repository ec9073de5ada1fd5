"""Matrix products: one element is a row times a column, and for the quantized one a shift and a rounding."""

from collections.abc import Mapping
from typing import Final

from themis.exact.program import WITNESS
from themis.exact.referee.case import Case, Index, Operand, Undefined, second
from themis.exact.referee.pointwise import Element, aligned, saturated, scaled


def _dot(case: Case, index: Index, zeros: tuple[int, int]) -> int:
    a, b = case.operand(0), second(case)
    rows, columns = aligned(index[:-2], a.shape[:-2]), aligned(index[:-2], b.shape[:-2])
    by_columns = case.result(WITNESS) if case.node.witnessed else None
    total = 0
    for term in range(a.shape[-1]):
        left = a.at((*rows, index[-2], term))
        place = (index[-1], term) if by_columns else (term, index[-1])
        right = (by_columns or b).at((*columns, *place))
        total += (left - zeros[0]) * (right - zeros[1])
    return total


def _column(case: Case, index: Index) -> int:
    """An element of the witness: the second operand's rows are its columns."""
    return second(case).at((*index[:-2], index[-1], index[-2]))


def _zero(operand: Operand | None) -> int:
    return 0 if operand is None else operand.scalar()


def _product(case: Case, output: int, index: Index) -> int:
    if output == WITNESS:
        return _column(case, index)
    return _dot(case, index, (_zero(case.optional(2)), _zero(case.optional(3))))


def _scaled_product(case: Case, output: int, index: Index) -> int:
    if output == WITNESS:
        return _column(case, index)
    zero = case.operand(7)
    total = _dot(case, index, (case.operand(2).scalar(), case.operand(5).scalar()))
    power = case.operand(1).power() + case.operand(4).power(index[-1]) - case.operand(6).power()
    return saturated(scaled(total, power) + zero.scalar(), zero.dtype)


def require_matrices(case: Case) -> tuple[Operand, Operand]:
    """Both operands. Raises Undefined for those that are not multiplied."""
    a, b = case.operand(0), second(case)
    if min(len(a.shape), len(b.shape)) < 2 or a.shape[-1] != b.shape[-2]:  # noqa: PLR2004 (a matrix)
        raise Undefined(f"{a.shape} is not multiplied with {b.shape}")
    return a, b


ELEMENTS: Final[Mapping[str, Element]] = {
    **dict.fromkeys(("MatMul", "MatMulInteger"), _product),
    "QLinearMatMul": _scaled_product,
}

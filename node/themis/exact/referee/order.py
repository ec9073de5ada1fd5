"""TopK: indices in the order of (key, index), which one pair or one that was passed over refutes.

All neighbors in strict order means that the indices differ, so that a whole sort is right where no pair is wrong.
"""

from collections.abc import Mapping
from typing import Final

from themis.exact.referee.case import Case, Index, Operand
from themis.exact.referee.moves import axis_of, wrapped
from themis.exact.referee.pointwise import Element

VALUES: Final = 0
INDICES: Final = 1


def _value(case: Case, _: int, index: Index) -> int:
    """What lies where the claimed index says; the indices themselves are refuted by `refuted` alone."""
    x = case.operand(0)
    axis = axis_of(case, -1, len(x.shape))
    place = wrapped(case.result(INDICES).at(index), x.shape[axis])
    return x.at((*index[:axis], place, *index[axis + 1 :]))


def refuted(case: Case, index: Index, rival: int | None) -> bool:
    """Whether a claimed order is wrong at a place of the indices.

    Without a rival: the index there is none, or its key does not come before the next one's. With one: it was passed
    over, for its key comes before that of the index there, and behind that of the one before.
    """
    x, indices = case.operand(0), case.result(INDICES)
    axis = axis_of(case, -1, len(x.shape))
    size, count, place = x.shape[axis], indices.shape[axis], index[axis]
    sign = -1 if case.attribute("largest", 1) else 1

    def key(chosen: int) -> tuple[int, int]:
        return sign * x.at((*index[:axis], chosen, *index[axis + 1 :])), chosen

    def claimed(at: int) -> tuple[int, int] | None:
        chosen = indices.at((*index[:axis], at, *index[axis + 1 :]))
        return key(chosen) if 0 <= chosen < size else None

    here = claimed(place)
    if here is None:
        return True
    if rival is None:
        following = claimed(place + 1) if place + 1 < count else None
        return following is not None and not here < following
    before = claimed(place - 1) if place else None
    passed_over = key(wrapped(rival, size))
    return passed_over < here and (place == 0 or (before is not None and before < passed_over))


def indices_of(case: Case) -> Operand:
    """As claimed."""
    return case.result(INDICES)


ELEMENTS: Final[Mapping[str, Element]] = {"TopK": _value}

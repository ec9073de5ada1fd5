"""Ids, amounts and dates as a list has room for them. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from themis.core.spelling import ether

SHORTEST: Final = 8
"""Hex digits of a short id; more where two ids of a list share them."""
CUT: Final = "…"


class Ids:
    """Short forms of ids, each a prefix that no other id of the list has: what commands take."""

    def __init__(self, ids: Iterable[str | None]) -> None:
        known = sorted({each.lower() for each in ids if each})
        self._digits = SHORTEST
        for one, other in pairwise(known):
            shared = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
            self._digits = max(self._digits, shared - len("0x") + 1)

    def short(self, id_: str | None) -> str:
        """Like 0x12ab34cd…; the zero address is nobody's."""
        if not id_:
            return "-"
        end = len("0x") + self._digits
        return id_ if len(id_) <= end + 1 else id_[:end] + CUT


def is_ether(token: str) -> bool:
    """Whether a token's address says that there is none."""
    return int(token, 16) == 0


def amount(smallest: str | int, token: str) -> str:
    """An amount and what it is of; tokens are counted in their smallest unit."""
    return ether(int(smallest)) if is_ether(token) else f"{int(smallest):,} of {Ids(()).short(token)}"


def date(at_s: float | None) -> str:
    """The day, UTC, where the calendar reaches."""
    if at_s is None:
        return "-"
    try:
        return datetime.fromtimestamp(at_s, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "never"


def classes(words: Any) -> str:
    """Use classes of a grant or ask."""
    named = list(words) if not isinstance(words, str) else words.split(",")
    return "all" if len(named) == 3 else "+".join(named)  # noqa: PLR2004 (there are three)

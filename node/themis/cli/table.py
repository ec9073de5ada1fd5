"""A list as a table that fits a terminal. Pure: it makes lines of text."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

from themis.cli.short import CUT

_GAP: Final = 2
_WORD: Final = 16
"""Cells that a long word keeps while there is a column to leave out."""
_ID: Final = 11
"""Cells that a word always keeps: a short id in the place of a name is never cut."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a view: what a row has in it, for a person."""

    heading: str
    cell: Callable[[Mapping[str, Any]], str]
    flows: bool = False
    """Text, which is broken between words where there is no room. Ids, amounts and dates never are."""
    spare: bool = False
    """Left out where there is no room."""
    right: bool = False


View = Sequence[Column]
"""What of a list a person decides by."""


def lines(rows: Sequence[Mapping[str, Any]], view: View, width: int) -> list[str]:
    """A heading, and a row in one line or more. No line is wider than `width`, unless nothing can give way."""
    cells = {column.heading: [column.cell(row) for row in rows] for column in view}
    shown, widths = _layout(view, cells, width)
    made = _row([[column.heading] for column in shown], shown, widths)
    for index in range(len(rows)):
        parts = [
            _flowed(cells[column.heading][index], widths[column.heading])
            if column.flows
            else [cells[column.heading][index]]
            for column in shown
        ]
        made += _row(parts, shown, widths)
    return made


def cells_of(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _layout(view: View, cells: Mapping[str, Sequence[str]], width: int) -> tuple[list[Column], dict[str, int]]:
    """The columns that fit, and how wide each is: the last spare ones go first, then words are cut."""
    spare = [column for column in view if column.spare]
    shown = list(view)
    for kept in (_WORD, _ID):
        for left_out in range(len(spare) + 1):
            gone = spare[len(spare) - left_out :]
            shown = [column for column in view if column not in gone]
            widths = _widths(shown, cells, width, kept)
            if widths is not None:
                return shown, widths
    return shown, _natural(shown, cells)


def _natural(shown: Sequence[Column], cells: Mapping[str, Sequence[str]]) -> dict[str, int]:
    return {column.heading: max(map(cells_of, (column.heading, *cells[column.heading]))) for column in shown}


def _widths(
    shown: Sequence[Column], cells: Mapping[str, Sequence[str]], width: int, kept: int
) -> dict[str, int] | None:
    """The width of each column; None where they do not fit, however the text flows between words of `kept` cells."""
    widths = _natural(shown, cells)
    excess = sum(widths.values()) + _GAP * (len(shown) - 1) - width
    for column in sorted((column for column in shown if column.flows), key=lambda each: -widths[each.heading]):
        if excess <= 0:
            break
        words = [word for text in (column.heading, *cells[column.heading]) for word in text.split()]
        least = max(cells_of(column.heading), min(kept, max(map(cells_of, words))))
        given = min(excess, widths[column.heading] - least)
        widths[column.heading] -= given
        excess -= given
    return None if excess > 0 else widths


def _flowed(text: str, width: int) -> list[str]:
    """Lines of whole words; a word that is too long is cut."""
    if cells_of(text) <= width:
        return [text]
    return [_cut(line, width) for line in wrap(text, width, break_long_words=False, break_on_hyphens=False)] or [""]


def _cut(line: str, width: int) -> str:
    if cells_of(line) <= width:
        return line
    while cells_of(line) > width - 1:
        line = line[:-1]
    return line + CUT


def _row(parts: Sequence[Sequence[str]], shown: Sequence[Column], widths: Mapping[str, int]) -> list[str]:
    made = []
    for at in range(max(map(len, parts))):
        padded = [
            _padded(each[at] if at < len(each) else "", widths[column.heading], right=column.right)
            for each, column in zip(parts, shown, strict=True)
        ]
        made.append((" " * _GAP).join(padded).rstrip())
    return made


def _padded(text: str, width: int, *, right: bool) -> str:
    blank = " " * (width - cells_of(text))
    return blank + text if right else text + blank

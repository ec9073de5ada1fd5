"""What commands print: data on stdout, as JSON or for a person; talk on stderr."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from textwrap import wrap
from typing import Any, Final

from themis.cli import short, streams, table
from themis.cli.table import View
from themis.core.spelling import ether, instant

_MOMENTS: Final = ("not_before_s", "expiry_s", "effective_at_s", "published_at_s", "deadline_s")
"""Fields with seconds since the epoch: JSON has those, a person the time."""
_AMOUNTS: Final = {
    "fee": "token",
    "min_fee": "token",
    "amount": "token",
    "royalties": "token",
    "answers": "token",
    "refunds": "token",
    "withdrawable": "token",
    "withdrawn": "token",
    "price_floor": "price_token",
}
"""Fields with amounts in smallest units, and the field that says of what."""
_READABLE_WEI: Final = 10**9
_GAP: Final = 2
_COLUMNS: Final = 80
"""Of a terminal that does not know."""


def say(line: str) -> None:
    """Tell the person at the terminal something that is not data."""
    streams.tell(line + "\n")


def progress(block: int, head: int) -> None:
    """Tell a person at a terminal how far a reading of logs has come, in a line that the next one replaces."""
    if sys.stderr.isatty():
        streams.tell((f"reading logs: block {block:,} of {head:,}" if block < head else "") + "\x1b[K\r")


def print_json(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def print_record(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing: a line for each of its fields."""
    if as_json:
        print_json(record)
        return
    print_facts((name, _text(value)) for name, value in _told(record).items())


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print pairs of a name and a text, a line for each; more on a narrow terminal, but no word is broken."""
    pairs = [(name, printable(text)) for name, text in facts]
    name_width = max((len(name) for name, _ in pairs), default=0)
    for name, text in pairs:
        lines = [text]
        if sys.stdout.isatty():
            lines = _fitted(text, _columns() - name_width - _GAP)
        sys.stdout.write(f"{name:<{name_width}}  {lines[0]}\n" if lines[0] else f"{name}\n")
        for line in lines[1:]:
            sys.stdout.write(f"{'':<{name_width if lines[0] else 0}}  {line}\n")


def print_list(rows: Sequence[Mapping[str, Any]], view: View, *, as_json: bool, wide: bool, empty: str) -> None:
    """Print a list: what a person decides by on a terminal, every field in JSON, into a pipe and where it is asked for.

    `empty` is said, as talk, where there is nothing.
    """
    if as_json:
        print_json(rows)
    elif not rows:
        if empty:
            say(empty)
    elif not sys.stdout.isatty():
        _print_plain([dict(_dated_field(name, value) for name, value in row.items()) for row in rows])
    elif wide:
        for index, row in enumerate(rows):
            sys.stdout.write("\n" if index else "")
            print_record(row, as_json=False)
    else:
        safe = [replace(column, cell=_printable(column.cell)) for column in view]
        heading, *others = table.lines(rows, safe, _columns())
        sys.stdout.write(f"\x1b[1m{heading}\x1b[0m\n" + "".join(f"{line}\n" for line in others))


def printable(text: str) -> str:
    """Escape what a terminal would obey: names, URIs and reasons are chosen by strangers on the chain."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _columns() -> int:
    """Of the terminal that stdout is; what COLUMNS says goes first."""
    # shutil.get_terminal_size asks sys.__stdout__, which `streams.guard` has taken apart.
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS


def _told(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with times in the place of seconds, and ether beside wei."""
    return dict(_told_field(name, value, record) for name, value in record.items())


def _told_field(name: str, value: Any, record: Mapping[str, Any]) -> tuple[str, Any]:
    if name in _MOMENTS:
        return _dated_field(name, value)
    token = record.get(_AMOUNTS[name]) if name in _AMOUNTS else None
    if token is None or not short.is_ether(token):
        return name, value
    return name, f"{value} wei ({ether(int(value))})" if int(value) >= _READABLE_WEI else f"{value} wei"


def _dated_field(name: str, value: Any) -> tuple[str, Any]:
    if name not in _MOMENTS:
        return name, value
    return name.removesuffix("_s"), None if value is None else instant(value)


def _printable(cell: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: printable(cell(row))


def _fitted(text: str, width: int) -> list[str]:
    """Lines of whole words; none but an empty first one where a word, an id say, needs a line of its own."""
    lines = wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]
    return lines if all(len(line) <= width for line in lines) else ["", text]


def _print_plain(rows: Sequence[Mapping[str, Any]]) -> None:
    """Tab-separated, for pipes: `cut` and `awk` need no width."""
    sys.stdout.write("\t".join(rows[0]) + "\n")
    for row in rows:
        sys.stdout.write("\t".join(_text(value) for value in row.values()) + "\n")


def _text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(
                f"{key} ({_text(item)})" if isinstance(item, dict) else f"{key} {_text(item)}"
                for key, item in value.items()
            )
        case list() | tuple():
            return ", ".join(_text(item) for item in value)
        case _:
            return printable(str(value))

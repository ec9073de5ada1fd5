"""What commands print: data on stdout, as JSON or for a person; talk on stderr."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from themis.cli import streams
from themis.core.spelling import instant

if TYPE_CHECKING:
    from rich.console import Console

_WIDE: Final = 200
_MOMENTS: Final = ("not_before_s", "expiry_s", "effective_at_s", "published_at_s", "deadline_s")
"""Fields with seconds since the epoch: JSON has those, a person the time."""


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
    record = _dated(record)
    width = max(map(len, record), default=0)
    for name, value in record.items():
        sys.stdout.write(f"{name:<{width}}  {_text(value)}\n")


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print a list: a table with a column for each field, or `empty` (as talk) where there is nothing."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        say(empty)
        return
    from rich.table import Table

    rows = [_dated(row) for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    if sys.stdout.isatty():
        console().print(table)
    else:
        _print_plain(rows)


def console() -> "Console":
    """A console on stdout; into a pipe it writes lines of any length, so that hashes stay whole."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE
    return Console(width=width, markup=False, emoji=False, highlight=False)


def printable(text: str) -> str:
    """Escape what a terminal would obey: names, URIs and reasons are chosen by strangers on the chain."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _dated(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with times in the place of seconds."""
    return dict(_dated_field(name, value) for name, value in record.items())


def _dated_field(name: str, value: Any) -> tuple[str, Any]:
    if name not in _MOMENTS:
        return name, value
    return name.removesuffix("_s"), None if value is None else instant(value)


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

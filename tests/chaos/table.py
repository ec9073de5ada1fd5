"""The fault table: its rows, how one is run, and what is written down of it."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.chaos.stage import Failed, Stage, staged
from tests.chaos.tally import Tally

Play = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: what is done, and what must hold."""

    name: str
    kind: str
    play: Play
    setting: dict[str, Any] = field(default_factory=dict)
    """How the stage is built, where it is not the plain one."""
    brief: bool = False
    """Part of the short form, which `make test` runs: only rows that hold."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row."""

    row: str
    ok: bool
    asked: int
    answered: int
    closed: int
    lost: int
    twice: int
    recovery_s: float
    """From the end of the fault, or from the requests where it stays, until all was over."""
    said: str = ""
    """What did not hold."""


ROWS: Final[list[Row]] = []


def row(name: str, kind: str, *, brief: bool = False, **setting: Any) -> Callable[[Play], Play]:
    """Enter a function in the table."""

    def enter(play: Play) -> Play:
        ROWS.append(Row(name, kind, play, setting, brief))
        return play

    return enter


def run(each: Row) -> Outcome:
    """Play a row on a fresh stage. Whatever goes wrong there, the row did not hold."""
    found, recovery_s, problem = Tally(0, 0, 0, 0, 0), 0.0, ""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="chaos-") as directory,
            staged(Path(directory) / "home", **each.setting) as stage,
        ):
            try:
                each.play(stage)
            finally:
                recovery_s = time.monotonic() - stage.since_s
                found = stage.tally()
    except Exception as error:  # noqa: BLE001 (one row that breaks does not end the table)
        problem = _told(error)
    if not problem and (found.lost or found.twice):
        problem = f"{found.lost} lost, {found.twice} twice"
    return Outcome(
        row=each.name,
        ok=not problem,
        asked=found.asked,
        answered=found.answered,
        closed=found.closed,
        lost=found.lost,
        twice=found.twice,
        recovery_s=round(recovery_s, 1),
        said=problem,
    )


def _told(error: Exception) -> str:
    """In one line; of a node that did not start, its last words."""
    lines = [line for line in str(error).splitlines() if line]
    if isinstance(error, Failed):
        return str(error)
    return f"{type(error).__name__}: {lines[0] if lines else ''}" + (f" ... {lines[-1]}" if len(lines) > 1 else "")

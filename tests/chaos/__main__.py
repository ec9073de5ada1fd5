"""`make chaos`: plays every row of the fault table, prints it, and stores it. With words, only some rows."""

import argparse
import signal
import sys
from collections.abc import Sequence

from rich.console import Console

from tests.chaos.report import keep, shown
from tests.chaos.rows import ROWS
from tests.chaos.table import Row, run


def main(line: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("words", nargs="*", help="only rows whose kind or name has one of these words in it")
    parser.add_argument("--without", nargs="*", default=[], help="but not those with one of these")
    parser.add_argument("--keep", action="store_true", help="store what some rows gave beside the others")
    found = parser.parse_args(line)
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored in a shell's background: nodes would inherit that
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the same under nohup
    rows = [row for row in ROWS if (not found.words or _has(row, found.words)) and not _has(row, found.without)]
    progress = Console(stderr=True, width=150, markup=False, highlight=False)
    outcomes = []
    for number, row in enumerate(rows, 1):
        outcome = run(row)
        outcomes.append(outcome)
        progress.print(f"[{number}/{len(rows)}] {'holds' if outcome.ok else 'FAILS'}: {outcome.row} {outcome.said}")
        if found.keep or len(rows) == len(ROWS):
            keep([outcome])
    Console(width=150).print(shown(outcomes))
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def _has(row: Row, words: Sequence[str]) -> bool:
    return any(word in f"{row.kind}: {row.name}" for word in words)


if __name__ == "__main__":
    sys.exit(main())

"""`make chaos`: plays every row of the fault table, prints it, and stores it. With words, only some rows."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.chaos.rows import ROWS
from tests.chaos.table import Outcome, run
from tests.homes import ROOT

RESULTS: Final = ROOT / "benchmarks/chaos.json"


def main(line: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("words", nargs="*", help="only rows whose kind or name has one of these words in it")
    words = parser.parse_args(line).words
    rows = [row for row in ROWS if not words or any(word in f"{row.kind}: {row.name}" for word in words)]
    progress = Console(stderr=True, width=150, markup=False, highlight=False)
    outcomes = []
    for number, row in enumerate(rows, 1):
        outcome = run(row)
        outcomes.append(outcome)
        progress.print(f"[{number}/{len(rows)}] {'holds' if outcome.ok else 'FAILS'}: {outcome.row} {outcome.said}")
    Console(width=150).print(show(outcomes))
    if not words:
        RESULTS.write_text(json.dumps({"rows": [asdict(outcome) for outcome in outcomes]}, indent=2) + "\n")
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def show(outcomes: Sequence[Outcome]) -> Table:
    held = sum(outcome.ok for outcome in outcomes)
    table = Table(title=f"{held} of {len(outcomes)} rows hold")
    for heading in ("row", "holds", "asked", "answered", "closed", "lost", "twice", "recovery", ""):
        table.add_column(heading)
    for each in outcomes:
        counts = map(str, (each.asked, each.answered, each.closed, each.lost, each.twice))
        table.add_row(each.row, "yes" if each.ok else "NO", *counts, f"{each.recovery_s:g} s", each.said)
    return table


if __name__ == "__main__":
    sys.exit(main())

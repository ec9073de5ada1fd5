"""What the chaos commands measured: kept in benchmarks/, told in docs/reliability.md."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.table import Table

from tests.chaos.table import ROWS, Outcome
from tests.homes import ROOT

RESULTS: Final = ROOT / "benchmarks/chaos.json"
SOAK: Final = ROOT / "benchmarks/soak.json"
PAGE: Final = ROOT / "docs/reliability.md"
_BEGIN, _END = "<!-- {}: written by `make {}` -->", "<!-- end of {} -->"


def keep(outcomes: Sequence[Outcome]) -> None:
    """Write down outcomes, beside those of rows that were not played now, and tell them on the page."""
    found = {row["row"]: row for row in kept()} | {each.row: asdict(each) for each in outcomes}
    rows = [found[row.name] for row in ROWS if row.name in found]
    RESULTS.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    tell("chaos", table(rows))


def kept() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    return rows


def tell(name: str, text: str) -> None:
    """Replace a part of the page."""
    page, begin, end = PAGE.read_text(), _BEGIN.format(name, name), _END.format(name)
    before, rest = page.split(begin)
    _, after = rest.split(end)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown, a part for each kind of row."""
    kinds = {row.name: row.kind for row in ROWS}
    held = sum(row["ok"] for row in rows)
    lines = [f"{held} of {len(rows)} rows hold; {len(ROWS) - len(rows)} were not played.", ""]
    lines += ["| kind | row | holds | asked | answered | closed | lost | twice | recovery |"]
    lines += ["|---|---|---|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        counts = " | ".join(str(row[name]) for name in ("asked", "answered", "closed", "lost", "twice"))
        holds = "yes" if row["ok"] else f"**no**: {row['said'][:100]}".replace("|", "/")
        lines.append(f"| {kinds[row['row']]} | {row['row']} | {holds} | {counts} | {row['recovery_s']:g} s |")
    return "\n".join(lines)


def shown(outcomes: Sequence[Outcome]) -> Table:
    """For a terminal."""
    held = sum(outcome.ok for outcome in outcomes)
    drawn = Table(title=f"{held} of {len(outcomes)} rows hold")
    for heading in ("row", "holds", "asked", "answered", "closed", "lost", "twice", "recovery", ""):
        drawn.add_column(heading)
    for each in outcomes:
        counts = map(str, (each.asked, each.answered, each.closed, each.lost, each.twice))
        drawn.add_row(each.row, "yes" if each.ok else "NO", *counts, f"{each.recovery_s:g} s", each.said)
    return drawn

"""`themis status` and `themis jobs`: what the node does and did."""

import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli.fields import Json, Wide
from themis.cli.home import Home, home_of
from themis.cli.naming import bound_names
from themis.cli.output import print_facts, print_json, print_list, say
from themis.cli.references import prefix
from themis.core.job import State
from themis.core.spelling import hash32, instant

if TYPE_CHECKING:
    from themis.cli.node.source import Source

_REDRAW_S: Final = 1.0
_HOME_AND_CLEAR: Final = "\x1b[H\x1b[2J"
_HOURS: Final = 24
_NEWEST: Final = 10
"""Jobs below what is watched."""

app = typer.Typer(rich_markup_mode=None)


@app.command()
def status(
    context: typer.Context,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Redraw every second until Ctrl-C; into a pipe, a line for each change.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what the node does, what it holds and what it needs."""
    from themis.cli.node import panel, source

    home = home_of(context)
    if watch:
        _watch(home, as_json=as_json)
    found = source.of_home(home).status()
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        print_facts(panel.status(found))


def _watch(home: Home, *, as_json: bool) -> None:
    """Until Ctrl-C."""
    from themis.cli.node import panel

    last = ""
    for node in _nodes(home):
        found = node.status()
        if as_json or not sys.stdout.isatty():
            change = panel.change(found)
            if change != last:
                line = json.dumps(found.model_dump(mode="json")) if as_json else f"{instant(int(time.time()))} {change}"
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
            last = change
        else:
            hours, rows = node.hours(_HOURS), _rows(home, node, None, _NEWEST)
            sys.stdout.write(_HOME_AND_CLEAR)
            print_facts([*panel.status(found), *panel.lately(hours)])
            print_list(rows, panel.jobs(rows), as_json=False, wide=False, empty="")


def _nodes(home: Home) -> "Iterator[Source]":
    """Again and again, for a node may be started or stopped meanwhile."""
    from themis.cli.node import source

    while True:
        yield source.of_home(home)
        time.sleep(_REDRAW_S)


def _rows(home: Home, node: "Source", state: State | None, limit: int) -> list[dict[str, Any]]:
    """The newest jobs, with the names that this home has for their models."""
    rows = [job.model_dump(mode="json") for job in node.jobs(state, limit)]
    names = bound_names(home, home.config())
    return [{"id": row.pop("id"), "model": names.get(hash32(row["model_id"]))} | row for row in rows]


@app.command()
def jobs(
    context: typer.Context,
    *,
    job_id: Annotated[
        Any,
        typer.Argument(parser=prefix, metavar="[ID]", help="One job, with its history: 6 digits of its id or more."),
    ] = None,
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 100,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List jobs, newest first, or show one with all that happened to it."""
    from themis.cli.node import panel, source

    home = home_of(context)
    node = source.of_home(home)
    if job_id is not None:
        found = node.job(job_id)
        if as_json:
            print_json(found.model_dump(mode="json"))
        else:
            print_facts(panel.job(found))
        return
    rows = _rows(home, node, state, limit)
    if not as_json and (filtered := _filtered(node, state, len(rows))):
        say(filtered)
    print_list(rows, panel.jobs(rows), as_json=as_json, wide=wide, empty="")


def _filtered(node: "Source", state: State | None, listed: int) -> str:
    """What of the jobs is listed; empty where all are."""
    counts = node.status().jobs
    total = sum(counts.values())
    if total == 0:
        return "no job yet"
    if state is None:
        return f"{listed} of {total} jobs: the newest (--limit)" if listed < total else ""
    those = counts[state]
    said = f"{those} of {total} jobs: those that are {state} (--state)"
    return f"{said}, the newest {listed} of them (--limit)" if listed < those else said

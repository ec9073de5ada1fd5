"""`themis status` and `themis jobs`: what the node does and did."""

import time
from typing import Annotated, Any, Final

import typer
from rich.live import Live

from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.node import panel, source
from themis.cli.output import console, print_json, print_rows
from themis.core.job import State
from themis.core.spelling import hash32

_REDRAW_S: Final = 1.0

app = typer.Typer(rich_markup_mode=None)


@app.command()
def status(
    context: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw every second until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the node does, what it holds and what it needs."""
    home = home_of(context)
    found = source.of_home(home).status()
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    if not watch:
        console().print(panel.status(found))
        return
    with Live(panel.status(found), console=console(), auto_refresh=False) as live:
        while True:
            time.sleep(_REDRAW_S)
            live.update(panel.status(source.of_home(home).status()), refresh=True)


@app.command()
def jobs(
    context: typer.Context,
    *,
    job_id: Annotated[Any, typer.Argument(parser=hash32, metavar="[ID]", help="One job, with its history.")] = None,
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """List jobs, newest first, or show one with all that happened to it."""
    node = source.of_home(home_of(context))
    if job_id is not None:
        found = node.job(job_id)
        if as_json:
            print_json(found.model_dump(mode="json"))
        else:
            console().print(panel.job(found))
        return
    rows = [job.model_dump(mode="json") for job in node.jobs(state, limit)]
    if not as_json:
        columns = ("id", "state", "reason", "use_class", "fee", "seen_block", "mined_block")
        rows = [{column: row[column] for column in columns} for row in rows]
    print_rows(rows, as_json=as_json, empty="no job yet")

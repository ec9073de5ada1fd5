"""`themis config show`: every value and its origin."""

from dataclasses import asdict
from typing import Final

import typer

from themis.cli.config import origins
from themis.cli.fields import Json, Wide
from themis.cli.home import home_of
from themis.cli.output import print_json, print_list
from themis.cli.table import Column, View

app = typer.Typer(rich_markup_mode=None)
config = typer.Typer(rich_markup_mode=None, help="Show the configuration.")
app.add_typer(config, name="config")

_VALUES: Final[View] = (
    Column("key", lambda row: row["key"]),
    Column("value", lambda row: row["value"] or "-", flows=True),
    Column("origin", lambda row: row["origin"]),
)


@config.command()
def show(context: typer.Context, wide: Wide = False, as_json: Json = False) -> None:
    """Show every value and where it comes from: cli, env, file or default. Secrets are not shown."""
    values = origins.values(home_of(context))
    if as_json:
        print_json({each.key: {"value": each.value, "origin": each.origin} for each in values})
        return
    rows = [asdict(each) for each in values]
    print_list(rows, _VALUES, as_json=False, wide=wide, empty="nothing is configured")

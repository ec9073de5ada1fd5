"""`themis config show`: every value and its origin."""

from dataclasses import asdict

import typer

from themis.cli.config import origins
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_json, print_rows

app = typer.Typer(rich_markup_mode=None)
config = typer.Typer(rich_markup_mode=None, help="Show the configuration.")
app.add_typer(config, name="config")


@config.command()
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show every value and where it comes from: cli, env, file or default. Secrets are not shown."""
    values = origins.values(home_of(context))
    if as_json:
        print_json({each.key: {"value": each.value, "origin": each.origin} for each in values})
        return
    print_rows([asdict(each) for each in values], as_json=False, empty="nothing is configured")

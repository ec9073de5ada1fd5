"""`themis config show` and `themis version`."""

import platform
from dataclasses import asdict
from importlib.metadata import version as version_of

import typer

from themis.cli.config import origins
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_json, print_record, print_rows

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


@app.command()
def version(as_json: Json = False) -> None:
    """Show the versions that matter for a report."""
    record = {
        "themis": version_of("themis-oracle"),
        "onnxruntime": version_of("onnxruntime"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    print_record(record, as_json=as_json)

"""`themis version`: what a report needs, without loading any of it."""

import platform
from importlib.metadata import version as version_of

import typer

from themis.cli.fields import Json
from themis.cli.output import print_record

app = typer.Typer(rich_markup_mode=None)


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

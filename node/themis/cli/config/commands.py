"""`themis config show`: every value and its origin; `themis config ray`: its models, for a cluster."""

from dataclasses import asdict
from typing import Final

import typer

from themis.cli.config import origins
from themis.cli.fields import Json, Wide
from themis.cli.home import home_of
from themis.cli.output import print_json, print_list
from themis.cli.table import Column, View
from themis.core.errors import Misconfigured

app = typer.Typer(rich_markup_mode=None)
config = typer.Typer(rich_markup_mode=None, help="Show the configuration, and what other programs need of it.")
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


@config.command()
def ray(context: typer.Context) -> None:
    """Print what runs this home's models on a Ray cluster: `themis config ray > serve.yaml && serve deploy serve.yaml`.

    Each machine of the cluster needs the bundles at the same paths, and `pip install 'themis-oracle[ray]'`.
    """
    from themis.bundles import bundle
    from themis.engine.cluster import serve_config

    home = home_of(context)
    settings = home.config()
    if not settings.models:
        raise Misconfigured("no model is configured: run `themis models serve PATH MODEL_ID`")
    print_json(serve_config([bundle.load(home.path / model.path) for model in settings.models], settings.engine))

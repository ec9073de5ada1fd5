"""`themis models`: registering, offering, listing and verifying model bundles."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import naming, wallet
from themis.cli.fields import IN_ETHER, Json, ModelName, TokenOption, Wide
from themis.cli.home import Home, home_of
from themis.cli.license.terms import version_in_force
from themis.cli.models import adding, checking
from themis.cli.naming import Models
from themis.cli.output import print_json, print_list, print_record, say
from themis.cli.short import Ids, amount
from themis.cli.table import Column, View
from themis.core.errors import Misconfigured
from themis.core.spelling import hex_bytes, shown
from themis.core.types import Address, Hash32

if TYPE_CHECKING:
    from themis.bundles.bundle import Bundle
    from themis.chain.client import OracleClient
    from themis.config import Config

app = typer.Typer(rich_markup_mode=None)
models = typer.Typer(rich_markup_mode=None, help="Register, offer, list and verify models.")
app.add_typer(models, name="models")

NOT_EXACT_STATUS = 1
BundlePath = Annotated[Path, typer.Argument(metavar="PATH", help="Directory of a model bundle.")]


models.command()(adding.add)
models.command()(checking.check)


@models.command("list")
def list_(context: typer.Context, wide: Wide = False, as_json: Json = False) -> None:
    """List the models registered at the oracle, and what this home's key offers."""
    home = home_of(context)
    config = home.config()
    client = wallet.connect(config)
    operator = wallet.own_address(home, config)
    logs = client.logs("ModelRegistered", config.chain.start_block)
    names = Models(home, config, client).names() if logs else {}
    rows = [{"model": names.get(log.values["modelId"])} | _row(client, config, operator, log.values) for log in logs]
    nothing = "no model is registered: run `themis models register PATH`"
    print_list(rows, _view(rows), as_json=as_json, wide=wide, empty=nothing)


@models.command()
def verify(path: BundlePath, as_json: Json = False) -> None:
    """Check every file of a bundle against its manifest and recompute its roots. Needs no chain."""
    from themis.bundles import bundle

    print_record(_described(bundle.load(path)), as_json=as_json)


@models.command()
def lint(
    file: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="An ONNX graph.")], as_json: Json = False
) -> None:
    """Say whether a graph is in the exact profile, or which nodes are not and why. Status 1 if not. Needs no chain."""
    from themis.bundles import bundle, hostile
    from themis.exact import lint as linter

    model = bundle.read_model(file)
    hostility = [linter.Finding("model", reason) for reason in hostile.reasons(model, {})]
    findings = hostility or linter.lint(model).findings
    found = [{"node": finding.node, "reason": finding.reason} for finding in findings]
    if as_json:
        print_json({"file": str(file), "exact": not found, "findings": found})
    else:
        print_list(
            found, _FINDINGS, as_json=False, wide=False, empty=f"{file} is exact: the same bits on every machine"
        )
    if found:
        raise typer.Exit(NOT_EXACT_STATUS)


@models.command()
def read(
    path: BundlePath,
    output: Annotated[Any, typer.Argument(parser=hex_bytes, metavar="HEX", help="A result of the model.")],
    as_json: Json = False,
) -> None:
    """Say what a result means: tokens and their text, or numbers by output. Needs no chain."""
    from themis.bundles import bundle
    from themis.bundles.manifest import GENERIC
    from themis.engine.generic import Generic

    loaded = bundle.load(path)
    if loaded.manifest.preprocessing not in GENERIC:
        raise Misconfigured(f"results of {loaded.name} are not of a form that this command knows: see its model card")
    try:
        told = Generic(loaded).told(output)
    except ValueError as error:
        raise Misconfigured(f"this is no result of {loaded.name}: {error}. Copy it again.") from error
    print_record(told, as_json=as_json)


@models.command()
def register(
    context: typer.Context,
    *,
    path: BundlePath,
    uri: Annotated[str, typer.Option(help="Where the bundle can be fetched: a hint, no identity.")] = "",
    as_json: Json = False,
) -> None:
    """Register a bundle with this home's key as its licensor; prints the model id."""
    from themis.bundles import bundle
    from themis.chain.abi import address

    loaded = bundle.load(path)
    roots = (loaded.program_root, loaded.weights_root, loaded.manifest_hash)
    home = home_of(context)
    done = wallet.open_wallet(home).transact("registerModel", *roots, uri)
    values = done.values("ModelRegistered")
    naming.remember(home, Hash32(values["modelId"]), loaded.name)
    record = {"model_id": shown(values["modelId"]), "licensor": shown(address(values["licensor"]))}
    print_record(record | _described(loaded) | done.facts, as_json=as_json)
    say("every use is closed until you publish terms: `themis license publish`")


@models.command()
def serve(
    context: typer.Context,
    *,
    path: BundlePath,
    model: ModelName,
    min_fee: Annotated[
        int,
        typer.Option("--min-fee-wei", "--min-fee", min=0, max=2**96 - 1, help="What an answer costs at least."),
    ] = 0,
    max_callback_gas: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The dearest callback you pay for.")] = 0,
    token: TokenOption = IN_ETHER,
    as_json: Json = False,
) -> None:
    """Offer to answer requests for a model and add it to config.toml. Restart a running node afterwards."""
    from themis.bundles import bundle
    from themis.cli import configfile

    home = home_of(context)
    here = wallet.open_wallet(home)
    model_id = here.model(model)
    loaded = bundle.load(path)
    require_registered(here.client, loaded, model_id)
    configfile.add_model(home.config_file, _relative(home, path), shown(model_id))
    naming.remember(home, model_id, loaded.name)
    done = here.transact("serve", model_id, token, min_fee, max_callback_gas)
    record = {
        "model_id": shown(model_id),
        "operator": shown(here.signer.address),
        "token": shown(token),
        "min_fee": str(min_fee),
        "max_callback_gas": max_callback_gas,
    }
    print_record(record | done.facts, as_json=as_json)


@models.command()
def stop(context: typer.Context, *, model: ModelName, token: TokenOption = IN_ETHER, as_json: Json = False) -> None:
    """Withdraw the offer. Open requests stay answerable, so the model stays in config.toml."""
    here = wallet.open_wallet(home_of(context))
    model_id = here.model(model)
    done = here.transact("stopServing", model_id, token)
    print_record({"model_id": shown(model_id), "token": shown(token)} | done.facts, as_json=as_json)
    say("keep the node running until its open requests are answered; then remove the model from config.toml")


def require_registered(client: "OracleClient", loaded: "Bundle", model_id: Hash32) -> None:
    """Check that a bundle is the one registered under an id. Raises Misconfigured."""
    from themis.chain.abi import address

    (registrant,) = client.read("registrantOf", model_id)
    if not any(address(registrant)):
        raise Misconfigured(f"model {shown(model_id)} is not registered: correct its id (`themis models list`)")
    roots = (loaded.program_root, loaded.weights_root, loaded.manifest_hash)
    (registered,) = client.read("modelIdOf", address(registrant), *roots)
    if registered != model_id:
        raise Misconfigured(
            f"{loaded.path} is not the model registered as {shown(model_id)}: fetch the bundle again, or correct the id"
        )


def _row(client: "OracleClient", config: "Config", operator: Address, registered: dict[str, Any]) -> dict[str, Any]:
    from themis.chain.abi import address
    from themis.licensing.licenses import Licenses

    model_id = Hash32(registered["modelId"])
    offers = Licenses(client, config.chain.start_block).offers(model_id, operator)
    (licensor,) = client.read("licensorOf", model_id)
    path = next((str(model.path) for model in config.models if model.model_id == model_id), None)
    return {
        "model_id": shown(model_id),
        "licensor": shown(address(licensor)),
        "terms": version_in_force(client, model_id),
        "configured": path,
        "offers": [
            {"token": shown(o.token), "min_fee": str(o.min_fee), "max_callback_gas": o.max_callback_gas} for o in offers
        ],
        "uri": registered["uri"],
    }


_FINDINGS: Final[View] = (
    Column("node", lambda row: row["node"]),
    Column("reason", lambda row: row["reason"], flows=True),
)


def _view(rows: Sequence[Mapping[str, Any]]) -> View:
    models, accounts = Ids(row["model_id"] for row in rows), Ids(row["licensor"] for row in rows)
    return (
        Column("model", lambda row: row["model"] or "-", flows=True),
        Column("id", lambda row: models.short(row["model_id"])),
        Column("licensor", lambda row: accounts.short(row["licensor"])),
        Column("terms", lambda row: "closed" if row["terms"] is None else str(row["terms"]), right=True),
        Column("offered here at", _offered),
        Column("callbacks", _callbacks, spare=True),
        Column("uri", lambda row: row["uri"] or "-", flows=True, spare=True),
    )


def _offered(row: Mapping[str, Any]) -> str:
    return ", ".join(amount(offer["min_fee"], offer["token"]) for offer in row["offers"]) or "-"


def _callbacks(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{offer['max_callback_gas']:,} gas" for offer in row["offers"]) or "-"


def _described(loaded: "Bundle") -> dict[str, Any]:
    return {
        "name": loaded.name,
        "version": loaded.version,
        "program_root": shown(loaded.program_root),
        "weights_root": shown(loaded.weights_root),
        "manifest_hash": shown(loaded.manifest_hash),
        "exactness": loaded.manifest.exactness,
        "preprocessing": loaded.manifest.preprocessing,
        "reads": loaded.manifest.reads,
        "max_input_bytes": loaded.manifest.max_input_bytes,
        "attribution": loaded.manifest.attribution,
    }


def _relative(home: Home, path: Path) -> str:
    """Give the path as config.toml keeps it: relative to the home where it lies inside."""
    absolute = path.absolute()
    return str(absolute.relative_to(home.path) if absolute.is_relative_to(home.path) else absolute)

"""Asks: the short way to an authorization, from both ends."""

from typing import Annotated, Any

import typer

from themis.chain.abi import address
from themis.chain.client import OracleClient
from themis.cli import wallet
from themis.cli.fields import ClassesOption, Json, Licensee, ModelId, RoleOption, words
from themis.cli.home import home_of
from themis.cli.license import terms
from themis.cli.output import print_record, print_rows, say
from themis.cli.wallet import Wallet
from themis.core.errors import Misconfigured
from themis.core.modes import class_words
from themis.core.spelling import hash32, shown
from themis.core.types import Address, Hash32, Role
from themis.licensing.licenses import AskRow, Licenses

app = typer.Typer(rich_markup_mode=None)


@app.command()
def ask(
    context: typer.Context,
    *,
    model_id: ModelId,
    role: RoleOption,
    classes: ClassesOption,
    purpose: Annotated[
        Any, typer.Option(parser=words, metavar="TEXT", help="What you want to do with the model; public.")
    ],
    uri: Annotated[str, typer.Option(help="Where the licensor learns more, or can reach you; public.")] = "",
    as_json: Json = False,
) -> None:
    """Ask a model's licensor for an authorization, on chain."""
    here = wallet.open_wallet(home_of(context))
    done = here.transact("requestAuthorization", model_id, int(role), classes, purpose, uri)
    record = {
        "model_id": shown(model_id),
        "licensee": shown(here.signer.address),
        "role": role.name.lower(),
        "classes": class_words(classes),
        "purpose": purpose,
        "uri": uri,
    }
    print_record(record | done.facts, as_json=as_json)
    say("the licensor sees it with `themis license inbox`; the answer: `themis license asks`")


@app.command()
def inbox(
    context: typer.Context,
    *,
    model_id: Annotated[Any, typer.Option("--model", parser=hash32, metavar="MODEL_ID", help="Of one model.")] = None,
    as_json: Json = False,
) -> None:
    """List the asks that wait for this home's key to approve or refuse them; with --model, all that wait there."""
    home = home_of(context)
    config = home.config()
    client = wallet.connect(config)
    if model_id is not None:
        terms.require_known(client, model_id)
    waiting = [
        found for found in Licenses(client, config.chain.start_block).asks(model_id) if found.status == "pending"
    ]
    if model_id is None:
        waiting = _addressed_to(client, wallet.own_address(home, config), waiting)
    print_rows([_row(found) for found in waiting], as_json=as_json, empty="nobody waits for an answer")
    if waiting:
        say("answer with `themis license approve` or `themis license refuse`")


@app.command()
def asks(context: typer.Context, as_json: Json = False) -> None:
    """List what this home's key has asked for, and the answers."""
    home = home_of(context)
    config = home.config()
    own = wallet.own_address(home, config)
    found = wallet.licenses(config).asks()
    rows = [_row(each) | {"status": each.status, "reason": each.reason} for each in found if each.licensee == own]
    print_rows(rows, as_json=as_json, empty="nothing was asked: `themis license ask`")


@app.command()
def refuse(
    context: typer.Context,
    *,
    model_id: ModelId,
    licensee: Licensee,
    role: RoleOption,
    reason: Annotated[Any, typer.Option(parser=words, metavar="TEXT", help="Why; public.")],
    as_json: Json = False,
) -> None:
    """Say no to an ask, and why."""
    here = wallet.open_wallet(home_of(context))
    pending(here, model_id, licensee, role)
    done = here.transact("refuseAuthorization", model_id, licensee, int(role), reason)
    record = {"model_id": shown(model_id), "licensee": shown(licensee), "role": role.name.lower(), "reason": reason}
    print_record(record | done.facts, as_json=as_json)


def pending(here: Wallet, model_id: Hash32, licensee: Address, role: Role) -> AskRow:
    """What an account asks for and has no answer to. Raises Misconfigured where there is no such ask."""
    asked = f"{shown(licensee)} as {role.name.lower()}"
    for found in here.licenses.asks(model_id):
        if (found.licensee, found.role) == (licensee, role):
            if found.status != "pending":
                raise Misconfigured(
                    f"the ask of {asked} was {found.status} already: `themis license grant` and `revoke` need none"
                )
            return found
    raise Misconfigured(f"{asked} has not asked: see `themis license inbox`; `themis license grant` needs no ask")


def _addressed_to(client: OracleClient, licensor: Address, found: list[AskRow]) -> list[AskRow]:
    models = list(dict.fromkeys(each.model_id for each in found))
    licensors = client.read_all([("licensorOf", (model,)) for model in models])
    own = {model for model, (text,) in zip(models, licensors, strict=True) if address(text) == licensor}
    return [each for each in found if each.model_id in own]


def _row(found: AskRow) -> dict[str, Any]:
    return {
        "model_id": shown(found.model_id),
        "licensee": shown(found.licensee),
        "role": found.role.name.lower(),
        "classes": class_words(found.classes),
        "purpose": found.purpose,
        "uri": found.uri,
        "block": found.block,
    }

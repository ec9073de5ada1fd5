"""Asks: the short way to an authorization, from both ends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from themis.cli import references, short, wallet
from themis.cli.fields import AskingAccount, ClassesOption, Json, ModelName, OneModel, RoleOption, Wide, words
from themis.cli.home import home_of
from themis.cli.license import terms
from themis.cli.naming import Models
from themis.cli.output import print_list, print_record, say
from themis.cli.short import Ids
from themis.cli.table import Column, View
from themis.cli.wallet import Wallet
from themis.core.errors import Misconfigured
from themis.core.modes import class_words
from themis.core.spelling import shown
from themis.core.types import Address, Hash32, Role

if TYPE_CHECKING:
    from themis.chain.client import OracleClient
    from themis.licensing.licenses import AskRow

app = typer.Typer(rich_markup_mode=None)


@app.command()
def ask(
    context: typer.Context,
    *,
    model: ModelName,
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
    model_id = here.model(model)
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
    model: OneModel = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List the asks that wait for this home's key to approve or refuse them; with --model, all that wait there."""
    from themis.licensing.licenses import Licenses

    home = home_of(context)
    config = home.config()
    client = wallet.connect(config)
    models = Models(home, config, client)
    model_id = None if model is None else models.called(model)
    if model_id is not None:
        terms.require_known(client, model_id)
    waiting = [
        found for found in Licenses(client, config.chain.start_block).asks(model_id) if found.status == "pending"
    ]
    if model_id is None:
        waiting = _addressed_to(client, wallet.own_address(home, config), waiting)
    rows = _rows(waiting, models)
    print_list(rows, _inbox(rows), as_json=as_json, wide=wide, empty="nobody waits for an answer")
    if waiting:
        say("answer with `themis license approve` or `themis license refuse`")


@app.command()
def asks(context: typer.Context, wide: Wide = False, as_json: Json = False) -> None:
    """List what this home's key has asked for, and the answers."""
    from themis.licensing.licenses import Licenses

    home = home_of(context)
    config = home.config()
    own = wallet.own_address(home, config)
    client = wallet.connect(config)
    found = [each for each in Licenses(client, config.chain.start_block).asks() if each.licensee == own]
    told = _rows(found, Models(home, config, client))
    rows = [row | {"status": each.status, "reason": each.reason} for row, each in zip(told, found, strict=True)]
    print_list(rows, _asked(rows), as_json=as_json, wide=wide, empty="nothing was asked: `themis license ask`")


@app.command()
def refuse(
    context: typer.Context,
    *,
    model: ModelName,
    account: AskingAccount,
    role: RoleOption,
    reason: Annotated[Any, typer.Option(parser=words, metavar="TEXT", help="Why; public.")],
    as_json: Json = False,
) -> None:
    """Say no to an ask, and why."""
    here = wallet.open_wallet(home_of(context))
    model_id = here.model(model)
    licensee = pending(here, model_id, account, role).licensee
    done = here.transact("refuseAuthorization", model_id, licensee, int(role), reason)
    record = {"model_id": shown(model_id), "licensee": shown(licensee), "role": role.name.lower(), "reason": reason}
    print_record(record | done.facts, as_json=as_json)


def pending(here: Wallet, model_id: Hash32, account: str, role: Role) -> "AskRow":
    """What an account, or the only one whose address begins so, asks for and has no answer to. Raises Misconfigured."""
    asks = {shown(found.licensee): found for found in here.licenses.asks(model_id) if found.role is role}
    beginning = [licensee for licensee in asks if licensee.lower().startswith(account.lower())]
    asked = f"{account} as {role.name.lower()}"
    if not beginning:
        raise Misconfigured(f"{asked} has not asked: see `themis license inbox`; `themis license grant` needs no ask")
    found = asks[references.only(account, "account", beginning, "see `themis license inbox`")]
    if found.status != "pending":
        raise Misconfigured(
            f"the ask of {asked} was {found.status} already: `themis license grant` and `revoke` need none"
        )
    return found


def _addressed_to(client: "OracleClient", licensor: Address, found: "list[AskRow]") -> "list[AskRow]":
    from themis.chain.abi import address

    models = list(dict.fromkeys(each.model_id for each in found))
    licensors = client.read_all([("licensorOf", (model,)) for model in models])
    own = {model for model, (text,) in zip(models, licensors, strict=True) if address(text) == licensor}
    return [each for each in found if each.model_id in own]


def _rows(found: "Sequence[AskRow]", models: Models) -> list[dict[str, Any]]:
    names = models.names() if found else {}
    return [_row(each, names.get(each.model_id)) for each in found]


def _row(found: "AskRow", name: str | None) -> dict[str, Any]:
    return {
        "model": name,
        "model_id": shown(found.model_id),
        "licensee": shown(found.licensee),
        "role": found.role.name.lower(),
        "classes": class_words(found.classes),
        "purpose": found.purpose,
        "uri": found.uri,
        "block": found.block,
    }


def _inbox(rows: Sequence[dict[str, Any]]) -> View:
    models, accounts = Ids(row["model_id"] for row in rows), Ids(row["licensee"] for row in rows)
    return (
        Column("model", lambda row: row["model"] or models.short(row["model_id"]), flows=True),
        Column("licensee", lambda row: accounts.short(row["licensee"])),
        Column("role", lambda row: row["role"]),
        Column("classes", lambda row: short.classes(row["classes"])),
        Column("purpose", lambda row: row["purpose"], flows=True),
        Column("block", lambda row: str(row["block"]), spare=True, right=True),
    )


def _asked(rows: Sequence[dict[str, Any]]) -> View:
    models = Ids(row["model_id"] for row in rows)
    return (
        Column("model", lambda row: row["model"] or models.short(row["model_id"]), flows=True),
        Column("role", lambda row: row["role"]),
        Column("classes", lambda row: short.classes(row["classes"])),
        Column("status", lambda row: row["status"]),
        Column("reason", lambda row: row["reason"] or "-", flows=True),
        Column("purpose", lambda row: row["purpose"], flows=True, spare=True),
    )

"""Who acts for whom: hot keys of a licensee, and the next licensor of a model."""

from typing import Annotated, Any

import typer

from themis.cli import wallet
from themis.cli.fields import Json, ModelName
from themis.cli.home import home_of
from themis.cli.output import print_record, say
from themis.core.errors import Misconfigured
from themis.core.spelling import address, shown
from themis.core.types import ETHER

app = typer.Typer(rich_markup_mode=None)

Off = Annotated[bool, typer.Option("--off", help="No longer.")]


@app.command()
def delegate(
    context: typer.Context,
    *,
    hot_key: Annotated[Any, typer.Argument(parser=address, metavar="HOTKEY", help="May use this home's grants.")],
    off: Off = False,
    as_json: Json = False,
) -> None:
    """Let a hot key use the grants of this home's key."""
    here = wallet.open_wallet(home_of(context))
    done = here.transact("delegate", hot_key, not off)
    record = {"licensee": shown(here.signer.address), "hot_key": shown(hot_key), "allowed": not off}
    print_record(record | done.facts, as_json=as_json)
    if not off:
        say(f"next, in the hot key's home: `themis license act-for {shown(here.signer.address)}`")


@app.command()
def act_for(
    context: typer.Context,
    *,
    licensee: Annotated[
        Any, typer.Argument(parser=address, metavar="[LICENSEE]", help="Whose grants this home's key uses.")
    ] = None,
    off: Off = False,
    as_json: Json = False,
) -> None:
    """Use the grants of a licensee who has delegated to this home's key."""
    if (licensee is None) != off:
        raise Misconfigured("give either LICENSEE or --off")
    here = wallet.open_wallet(home_of(context))
    done = here.transact("actFor", ETHER if off else licensee)
    (principal,) = here.client.read("principalOf", here.signer.address)
    record = {"hot_key": shown(here.signer.address), "acts_for": None if off else shown(licensee)}
    print_record(record | done.facts, as_json=as_json)
    if not off and int(principal, 16) != int.from_bytes(licensee):
        say(f"not in force yet: {shown(licensee)} must allow it with `themis license delegate`")


@app.command()
def transfer(
    context: typer.Context,
    *,
    model: ModelName,
    successor: Annotated[
        Any, typer.Argument(parser=address, metavar="SUCCESSOR", help="Who may become the licensor; zero: nobody.")
    ],
    as_json: Json = False,
) -> None:
    """Name the next licensor of a model, who must accept. Until then nothing changes."""
    here = wallet.open_wallet(home_of(context))
    model_id = here.model(model)
    done = here.transact("transferLicensor", model_id, successor)
    print_record({"model_id": shown(model_id), "successor": shown(successor)} | done.facts, as_json=as_json)
    if any(successor):
        say("next, in the successor's home: `themis license accept MODEL_ID`")


@app.command()
def accept(context: typer.Context, model: ModelName, as_json: Json = False) -> None:
    """Become a model's licensor, if named. Its terms and active grants stand."""
    here = wallet.open_wallet(home_of(context))
    model_id = here.model(model)
    done = here.transact("acceptLicensor", model_id)
    record = {"model_id": shown(model_id), "licensor": shown(here.signer.address)}
    print_record(record | done.facts, as_json=as_json)
    say("vouchers that the former licensor signed and nobody has put into force are void: sign new ones")

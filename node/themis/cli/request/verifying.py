"""`themis verify`: runs an answer of the chain again. Needs no key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_json, print_record, say
from themis.cli.references import prefix
from themis.cli.request import inputs
from themis.core import listing
from themis.core.errors import Misconfigured
from themis.core.spelling import hex_bytes
from themis.core.types import Hash32, Request

if TYPE_CHECKING:
    from themis.api import models
    from themis.replay.verdict import Verifier

NOT_EQUAL_STATUS: Final = 1
Answered = Annotated[
    Any,
    typer.Argument(
        parser=prefix,
        metavar="TX|REQUEST",
        help="The transaction that asked or answered; or a request's id, or 6 digits of it or more.",
    ),
]
OneBundle = Annotated[Path | None, typer.Option(metavar="DIR", help="The model's bundle; none: one of this home's.")]
GivenHex = Annotated[
    Any, typer.Option(parser=hex_bytes, metavar="HEX", help="The input of an order, whose hash alone is on the chain.")
]
GivenFile = Annotated[Path | None, typer.Option(help="The same, as the bytes of a file.")]
GivenList = Annotated[
    Path | None, typer.Option("--list", metavar="FILE", help="The inputs of an order for a list, as it was asked.")
]

app = typer.Typer(rich_markup_mode=None)


def verifier_of(
    context: typer.Context, bundle: Path | None, given: bytes | None, file: Path | None, items: Path | None = None
) -> "Verifier":
    """What runs answers again: with that bundle, or with this home's, and with what is given of an order's input."""
    from themis.replay.verdict import of_home

    home = home_of(context)
    config = home.config()
    client = wallet.connect(config)
    one = inputs.of_file(file) if file is not None else given
    many = None if items is None else listing.pack(inputs.of_list(client.rpc, items))

    def input_of(_: Hash32, order: Request) -> bytes | None:
        found = many if order.items else one
        if found is None or listing.input_hash(order, found) == order.input_hash:
            return found
        raise Misconfigured("what is given is not the input of that order: its hash is another")

    return of_home(client, home.path, config, input_of, () if bundle is None else (bundle,))


@app.command()
def verify(
    context: typer.Context,
    *,
    said: Answered,
    bundle: OneBundle = None,
    input_hex: GivenHex = None,
    input_file: GivenFile = None,
    items: GivenList = None,
    as_json: Json = False,
) -> None:
    """Run an answer of the chain again, and say whether it is what its model says.

    Exits with 1 where one is not. A transaction may hold several answers. Needs no key.
    """
    from themis.api import views
    from themis.replay.verdict import Outcome

    verdicts = verifier_of(context, bundle, input_hex, input_file, items).verify(said)
    told = [views.verification(verdict) for verdict in verdicts]
    if as_json:
        print_json([each.model_dump() for each in told])
    for each in told:
        if not as_json:
            print_record(each.model_dump(), as_json=False)
        say(_sentence(each))
    if any(verdict.outcome is not Outcome.EQUAL for verdict in verdicts):
        raise typer.Exit(NOT_EQUAL_STATUS)


def _sentence(found: "models.Verification") -> str:
    from themis.replay.verdict import Outcome

    answer = f"the answer to {found.request_id}"
    match found.outcome:
        case Outcome.EQUAL:
            return f"equal: {answer} is what {found.model} says"
        case Outcome.DIFFERS:
            return f"differs: {answer} is not what {found.model} says; byte {found.first_difference} is the first"
        case _:
            return f"not the model's: {found.model} says nothing to that input ({found.detail}), and {answer} is there"

"""`themis verify`: runs an answer of the chain again. Needs no key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_json, print_record, say
from themis.cli.references import prefix

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

app = typer.Typer(rich_markup_mode=None)


def verifier_of(context: typer.Context, bundle: Path | None) -> "Verifier":
    """What runs answers again: with that bundle, or with this home's."""
    from themis.replay.verdict import of_home

    home = home_of(context)
    config = home.config()
    return of_home(wallet.connect(config), home.path, config, () if bundle is None else (bundle,))


@app.command()
def verify(context: typer.Context, *, said: Answered, bundle: OneBundle = None, as_json: Json = False) -> None:
    """Run an answer of the chain again, and say whether it is what its model says.

    Exits with 1 where one is not. A transaction may hold several answers. Needs no key.
    """
    from themis.api import views
    from themis.replay.verdict import Outcome

    verdicts = verifier_of(context, bundle).verify(said)
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

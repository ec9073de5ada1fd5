"""`themis withdraw` and `themis refund`: money that the oracle holds for somebody."""

from typing import Annotated, Any

import typer

from themis.cli import wallet
from themis.cli.fields import IN_ETHER, Json, TokenOption
from themis.cli.home import home_of
from themis.cli.output import print_record, say
from themis.cli.references import only, prefix
from themis.cli.wallet import Wallet
from themis.core.canonical import request_words
from themis.core.spelling import address, hash32, shown
from themis.core.types import ETHER, Hash32, Request

app = typer.Typer(rich_markup_mode=None)


@app.command()
def withdraw(
    context: typer.Context,
    *,
    account: Annotated[Any, typer.Argument(parser=address, metavar="[ACCOUNT]", help="None: this home's key.")] = None,
    token: TokenOption = IN_ETHER,
    as_json: Json = False,
) -> None:
    """Pay an account its credit: earned fees, royalties, refunds. Anyone may; the money goes to the account alone."""
    from themis.licensing.income import Income

    here = wallet.open_wallet(home_of(context))
    paid = account or here.signer.address
    income = Income(here.client, here.config.chain.start_block).of(paid)
    done = here.transact(*income.withdrawal(token, paid))
    amount = str(done.values("Withdrawn")["amount"])
    record = {"account": shown(paid), "token": shown(token), "amount": amount}
    print_record(record | done.facts, as_json=as_json)


@app.command()
def refund(
    context: typer.Context,
    *,
    request: Annotated[
        Any, typer.Argument(parser=prefix, metavar="REQUEST_ID", help="An unanswered request: 6 digits of it or more.")
    ],
    as_json: Json = False,
) -> None:
    """Return the fee of a request that was not answered in time to its requester's credit."""
    here = wallet.open_wallet(home_of(context))
    request_id, asked = requested(here, request)
    done = here.transact("refund", request_words(asked))
    record = {
        "request_id": shown(request_id),
        "requester": shown(asked.requester),
        "token": shown(asked.token),
        "fee": str(asked.fee),
    }
    print_record(record | done.facts, as_json=as_json)
    option = "" if asked.token == ETHER else f" --token {shown(asked.token)}"
    say(f"it is a credit now: `themis withdraw{option}` pays it out")


def requested(here: Wallet, said: str) -> tuple[Hash32, Request]:
    """The request that is meant. Raises Misconfigured, with the candidates where there are several."""
    from themis.chain.contracts import decode_request

    whole = len(said) == len(shown(bytes(32)))
    logs = here.client.logs("Requested", here.config.chain.start_block, hash32(said) if whole else None)
    found = {shown(log.values["id"]): log for log in logs if shown(log.values["id"]).startswith(said)}
    meant = only(said, "request", list(found), "no request at this oracle has that id: correct it")
    return hash32(meant), decode_request(found[meant].values["request"])

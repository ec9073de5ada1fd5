"""`themis license income`: what an account has earned, by model and by request."""

from typing import Annotated, Any

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.output import print_json, print_rows
from themis.core.spelling import address, shown
from themis.licensing.income import Account, Earnings, Income
from themis.licensing.ledger import Credit

app = typer.Typer(rich_markup_mode=None)


@app.command()
def income(
    context: typer.Context,
    *,
    account: Annotated[Any, typer.Argument(parser=address, metavar="[ACCOUNT]", help="None: this home's key.")] = None,
    requests: Annotated[bool, typer.Option("--requests", help="List each royalty, request by request.")] = False,
    as_json: Json = False,
) -> None:
    """Say what an account has earned at the oracle, by model and token, and what of it was withdrawn."""
    home = home_of(context)
    config = home.config()
    who = account or wallet.own_address(home, config)
    found = Income(wallet.connect(config), config.chain.start_block).of(who)
    earnings, accounts = [_earnings(each) for each in found.earnings], [_account(each) for each in found.accounts]
    royalties = [_royalty(each) for each in found.royalties] if requests else []
    if as_json:
        print_json({"earnings": earnings, "accounts": accounts, "royalties": royalties})
        return
    print_rows(earnings, as_json=False, empty="nothing was earned yet")
    print_rows(accounts, as_json=False, empty="")
    if requests:
        print_rows(royalties, as_json=False, empty="no request brought a royalty yet")


def _earnings(each: Earnings) -> dict[str, Any]:
    return {
        "model_id": shown(each.model_id),
        "token": shown(each.token),
        "royalties": str(each.royalties),
        "requests": each.requests,
        "answers": str(each.answers),
        "refunds": str(each.refunds),
    }


def _account(each: Account) -> dict[str, Any]:
    return {"token": shown(each.token), "withdrawable": str(each.withdrawable), "withdrawn": str(each.withdrawn)}


def _royalty(each: Credit) -> dict[str, Any]:
    return {
        "block": each.block,
        "request_id": shown(each.request_id),
        "model_id": shown(each.model_id),
        "token": shown(each.token),
        "amount": str(each.amount),
        "source": each.source,
    }

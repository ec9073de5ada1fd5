"""`themis license income`: what an account has earned, by model and by request."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.fields import Json, Wide
from themis.cli.home import home_of
from themis.cli.naming import Models
from themis.cli.output import print_json, print_list
from themis.cli.short import Ids, amount
from themis.cli.table import Column, View
from themis.core.spelling import address, shown

if TYPE_CHECKING:
    from themis.licensing.income import Account, Earnings, Month, User
    from themis.licensing.ledger import Credit

app = typer.Typer(rich_markup_mode=None)


@app.command()
def income(
    context: typer.Context,
    *,
    account: Annotated[Any, typer.Argument(parser=address, metavar="[ACCOUNT]", help="None: this home's key.")] = None,
    requests: Annotated[bool, typer.Option("--requests", help="List each royalty, request by request.")] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Say what an account has earned at the oracle, by model and token, and what of it was withdrawn."""
    from themis.licensing.income import Income

    home = home_of(context)
    config = home.config()
    who = account or wallet.own_address(home, config)
    client = wallet.connect(config)
    found = Income(client, config.chain.start_block).of(who)
    names = Models(home, config, client).names() if found.earnings else {}
    earnings = [{"model": names.get(each.model_id)} | _earnings(each) for each in found.earnings]
    accounts = [_account(each) for each in found.accounts]
    months = [_month(each) for each in found.months]
    users = [{"model": names.get(each.model_id)} | _user(each) for each in found.users]
    royalties = [{"model": names.get(each.model_id)} | _royalty(each) for each in found.royalties] if requests else []
    if as_json:
        print_json(
            {"earnings": earnings, "accounts": accounts, "months": months, "users": users, "royalties": royalties}
        )
        return
    print_list(earnings, _EARNINGS, as_json=False, wide=wide, empty="nothing was earned yet")
    print_list(accounts, _ACCOUNTS, as_json=False, wide=wide, empty="")
    print_list(months, _MONTHS, as_json=False, wide=wide, empty="")
    print_list(users, _users(users), as_json=False, wide=wide, empty="")
    if requests:
        nothing = "no request brought a royalty yet"
        print_list(royalties, _royalties(royalties), as_json=False, wide=wide, empty=nothing)


def _earnings(each: "Earnings") -> dict[str, Any]:
    return {
        "model_id": shown(each.model_id),
        "token": shown(each.token),
        "royalties": str(each.royalties),
        "requests": each.requests,
        "answers": str(each.answers),
        "refunds": str(each.refunds),
    }


def _account(each: "Account") -> dict[str, Any]:
    return {"token": shown(each.token), "withdrawable": str(each.withdrawable), "withdrawn": str(each.withdrawn)}


def _month(each: "Month") -> dict[str, Any]:
    return {
        "month": each.month,
        "token": shown(each.token),
        "royalties": str(each.royalties),
        "answers": str(each.answers),
    }


def _user(each: "User") -> dict[str, Any]:
    return {
        "requester": shown(each.requester),
        "model_id": shown(each.model_id),
        "token": shown(each.token),
        "answers": each.answers,
        "fees": str(each.fees),
        "last_block": each.last_block,
    }


def _royalty(each: "Credit") -> dict[str, Any]:
    return {
        "block": each.block,
        "request_id": shown(each.request_id),
        "model_id": shown(each.model_id),
        "token": shown(each.token),
        "amount": str(each.amount),
        "source": each.source,
    }


def _model(row: Mapping[str, Any]) -> str:
    return str(row["model"] or Ids(()).short(row["model_id"]))


_EARNINGS: Final[View] = (
    Column("model", _model, flows=True),
    Column("royalties", lambda row: amount(row["royalties"], row["token"]), right=True),
    Column("requests", lambda row: str(row["requests"]), right=True, spare=True),
    Column("answers", lambda row: amount(row["answers"], row["token"]), right=True),
    Column("refunds", lambda row: amount(row["refunds"], row["token"]), right=True),
)
_ACCOUNTS: Final[View] = (
    Column("withdrawable", lambda row: amount(row["withdrawable"], row["token"]), right=True),
    Column("withdrawn", lambda row: amount(row["withdrawn"], row["token"]), right=True),
)

_MONTHS: Final[View] = (
    Column("month", lambda row: row["month"]),
    Column("royalties", lambda row: amount(row["royalties"], row["token"]), right=True),
    Column("answers", lambda row: amount(row["answers"], row["token"]), right=True),
)


def _users(rows: Sequence[Mapping[str, Any]]) -> View:
    requesters = Ids(row["requester"] for row in rows)
    return (
        Column("requester", lambda row: requesters.short(row["requester"])),
        Column("model", _model, flows=True),
        Column("answers", lambda row: str(row["answers"]), right=True),
        Column("fees", lambda row: amount(row["fees"], row["token"]), right=True),
        Column("last block", lambda row: str(row["last_block"]), right=True, spare=True),
    )


def _royalties(rows: Sequence[Mapping[str, Any]]) -> View:
    requests = Ids(row["request_id"] for row in rows)
    return (
        Column("block", lambda row: str(row["block"]), right=True),
        Column("request", lambda row: requests.short(row["request_id"])),
        Column("model", _model, flows=True),
        Column("amount", lambda row: amount(row["amount"], row["token"]), right=True),
        Column("source", lambda row: row["source"], flows=True),
    )

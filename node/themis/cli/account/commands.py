"""`themis account`: pay into the deposit that orders are paid from, take it back, and see what is there."""

from typing import Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.fields import IN_ETHER, Json, TokenOption
from themis.cli.home import home_of
from themis.cli.output import print_record, say
from themis.core.errors import Misconfigured
from themis.core.spelling import address, shown
from themis.core.types import ETHER

_MOST: Final = 2**256 - 1

app = typer.Typer(rich_markup_mode=None)
account = typer.Typer(rich_markup_mode=None, help="The deposit that orders are paid from: pay in, take back, show.")
app.add_typer(account, name="account")


@account.command()
def show(
    context: typer.Context,
    *,
    who: Annotated[Any, typer.Argument(parser=address, metavar="[ACCOUNT]", help="None: this home's key.")] = None,
    token: TokenOption = IN_ETHER,
    as_json: Json = False,
) -> None:
    """Show an account's deposit, and the credit beside it, which `themis withdraw` pays out."""
    home = home_of(context)
    config = home.config()
    whose = who or wallet.own_address(home, config)
    client = wallet.connect(config)
    (deposit_,), (credit,) = client.read_all([(name, (token, whose)) for name in ("deposits", "credits")])
    record = {"account": shown(whose), "token": shown(token), "deposit": str(deposit_), "credit": str(credit)}
    print_record(record, as_json=as_json)


@account.command()
def deposit(
    context: typer.Context,
    *,
    amount: Annotated[int, typer.Argument(min=1, max=_MOST, metavar="AMOUNT", help="Smallest units; wei of ether.")],
    whose: Annotated[
        Any, typer.Option("--for", parser=address, metavar="ACCOUNT", help="Whose deposit; none: this home's key.")
    ] = None,
    token: TokenOption = IN_ETHER,
    as_json: Json = False,
) -> None:
    """Pay into an account's deposit. Only what its key signs is paid from it, and it can take the rest back."""
    from themis.chain import token as erc20

    here = wallet.open_wallet(home_of(context))
    paid = whose or here.signer.address
    if token != ETHER and erc20.allow(here.client, here.signer, here.config.fees.limits(), token, amount, here.outbox):
        say(f"the oracle may take {amount} of token {shown(token)} now")
    done = here.transact("deposit", token, paid, amount, value_wei=amount if token == ETHER else 0)
    (held,) = here.client.read("deposits", token, paid)
    record = {"account": shown(paid), "token": shown(token), "amount": str(amount), "deposit": str(held)}
    print_record(record | done.facts, as_json=as_json)


@account.command()
def withdraw(
    context: typer.Context,
    *,
    amount: Annotated[
        int | None, typer.Argument(min=1, max=_MOST, metavar="[AMOUNT]", help="Smallest units; none: all of it.")
    ] = None,
    to: Annotated[Any, typer.Option(parser=address, metavar="ACCOUNT", help="None: this home's key.")] = None,
    token: TokenOption = IN_ETHER,
    as_json: Json = False,
) -> None:
    """Take back from this home's deposit, and be paid it together with this home's credit."""
    here = wallet.open_wallet(home_of(context))
    own = here.signer.address
    (held,) = here.client.read("deposits", token, own)
    if not held:
        raise Misconfigured(f"{shown(own)} has no deposit to take back: see `themis account show`")
    done = here.transact("withdrawDeposit", token, held if amount is None else amount, to or own)
    released, paid = done.values("DepositReleased"), done.values("Withdrawn")
    record = {"account": shown(own), "token": shown(token), "amount": str(released["amount"])}
    print_record(record | {"paid": str(paid["amount"])} | done.facts, as_json=as_json)

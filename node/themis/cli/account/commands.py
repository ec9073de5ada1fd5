"""`themis account`: pay into the deposit that orders are paid from, take it back, cancel orders, see what is there."""

from typing import Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.account import signed
from themis.cli.fields import IN_ETHER, Json, TokenOption
from themis.cli.home import home_of
from themis.cli.output import print_record, say
from themis.core.errors import Misconfigured
from themis.core.spelling import address, shown
from themis.core.types import ETHER

_MOST: Final = 2**256 - 1

app = typer.Typer(rich_markup_mode=None)
account = typer.Typer(
    rich_markup_mode=None, help="The deposit that orders are paid from: pay in, take back, show; and canceling orders."
)
app.add_typer(account, name="account")
account.command()(signed.sign)
account.command()(signed.bring)


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


@account.command()
def cancel(
    context: typer.Context,
    *,
    lane: Annotated[int, typer.Argument(min=0, max=2**64 - 1, metavar="LANE", help="As `request --order` told it.")],
    number: Annotated[
        int | None, typer.Option(min=1, max=2**32 - 1, help="The order's in its lane (seq); none: the next one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Cancel the order of a lane that was signed and not answered: whoever has it can not answer it any more."""
    here = wallet.open_wallet(home_of(context))
    _, last, _ = here.client.read("stateOf", here.signer.address, lane)
    done = here.transact("cancelOrder", lane, last + 1 if number is None else number)
    canceled = done.values("OrderCanceled")
    record = {"account": shown(here.signer.address), "lane": str(lane), "number": canceled["seq"]}
    print_record(record | done.facts, as_json=as_json)

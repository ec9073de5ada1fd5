"""Deposits by signature: whoever has tokens and no ether signs, and anybody sends."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from themis.cli import wallet
from themis.cli.fields import Json
from themis.cli.home import home_of
from themis.cli.license import vouchers
from themis.cli.output import print_record, say
from themis.core import jsontext
from themis.core.deposit import AUTHORIZATION_TYPE, PERMIT_TYPE, SignedDeposit
from themis.core.errors import Misconfigured
from themis.core.spelling import address, instant, shown

if TYPE_CHECKING:
    from themis.chain.client import OracleClient

_MOST: Final = 2**256 - 1
_HOUR_S: Final = 3_600

File = Annotated[Path, typer.Argument(metavar="FILE", help="What was signed.")]


def sign(
    context: typer.Context,
    *,
    amount: Annotated[int, typer.Argument(min=1, max=_MOST, metavar="AMOUNT", help="Smallest units.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="To be written; whoever has it can pay it in.")],
    token: Annotated[Any, typer.Option(parser=address, metavar="ADDRESS", help="Of which token.")],
    through: Annotated[
        Any,
        typer.Option(parser=address, metavar="ADDRESS", help="The SignedDeposits; none: chain.signed_deposits."),
    ] = None,
    authorization: Annotated[
        bool, typer.Option("--authorization", help="As EIP-3009 has it (USDC), and not as EIP-2612 does.")
    ] = False,
    hours: Annotated[float, typer.Option(min=0.01, max=8_760, help="How long it can be used.")] = 24,
    as_json: Json = False,
) -> None:
    """Sign that tokens may be paid into this home's deposit, for anybody to send (`themis account bring`)."""
    from themis.chain import deposits
    from themis.chain import token as erc20

    here = wallet.open_wallet(home_of(context))
    place = through or here.config.chain.signed_deposits
    if place is None:
        raise Misconfigured("nothing says where SignedDeposits is: give --through, or set chain.signed_deposits")
    deposits.require(here.client, place)
    own, domain = here.signer.address, erc20.domain(here.client, token)
    until_s = here.client.now_s() + int(hours * _HOUR_S)
    values: tuple[Any, ...]
    if authorization:
        type_, values = AUTHORIZATION_TYPE, (own, place, amount, 0, until_s, secrets.token_bytes(32))
    else:
        type_, values = PERMIT_TYPE, (own, place, amount, erc20.nonce(here.client, token, own), until_s)
    signed = SignedDeposit(domain, type_, values, b"")
    signed = SignedDeposit(domain, type_, values, here.signer.sign_typed(signed.json["typed_data"]))
    deposits.tried(here.client, signed, own)
    vouchers.write_voucher(file, signed.json)
    print_record(_record(signed) | {"file": str(file)}, as_json=as_json)
    say(f"next, anybody, until {instant(until_s)}: `themis account bring {file}`")


def bring(context: typer.Context, *, file: File, as_json: Json = False) -> None:
    """Pay what somebody has signed into its deposit, at the cost of this home's gas alone."""
    from themis.chain import client, deposits

    here = wallet.open_wallet(home_of(context))
    signed = _read(file, here.client)
    deposits.require(here.client, signed.through)
    deposits.tried(here.client, signed, here.signer.address)
    by = (here.client.rpc, here.client.chain_id, here.signer, here.config.fees.limits())
    done = wallet.Done(client.transact(*by, signed.through, deposits.data(signed), 0, outbox=here.outbox), [])
    (held,) = here.client.read("deposits", signed.domain.contract, signed.owner)
    print_record(_record(signed) | {"deposit": str(held)} | done.facts, as_json=as_json)


def _read(file: Path, client: "OracleClient") -> SignedDeposit:
    try:
        said = jsontext.parse(file.read_bytes())
        signed = SignedDeposit.of_json(said["typed_data"], bytes.fromhex(said["signature"][2:]))
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read ({error.strerror}): give what `account sign` wrote") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{file} is no signed deposit: use what `themis account sign` wrote") from error
    if signed.domain.chain_id != client.chain_id:
        raise Misconfigured(f"it was signed for chain {signed.domain.chain_id}, not {client.chain_id}: get another one")
    return signed


def _record(signed: SignedDeposit) -> dict[str, Any]:
    return {
        "account": shown(signed.owner),
        "token": shown(signed.domain.contract),
        "amount": str(signed.amount),
        "through": shown(signed.through),
        "until_s": signed.until_s,
    }

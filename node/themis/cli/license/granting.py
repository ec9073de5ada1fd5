"""Granting: what a licensor signs, hands over and takes back."""

import re
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from themis.cli import references, wallet
from themis.cli.fields import AskingAccount, ClassesOption, GrantedAccount, Json, Licensee, ModelName, RoleOption
from themis.cli.home import home_of
from themis.cli.license import vouchers
from themis.cli.license.asks import pending
from themis.cli.license.conditions import MAX_SEQ, conditional
from themis.cli.output import print_record, say
from themis.cli.wallet import Wallet
from themis.core.canonical import Grant
from themis.core.conditions import Conditions
from themis.core.errors import Denied, Misconfigured
from themis.core.spelling import address, shown
from themis.core.types import Address, Hash32, Role

app = typer.Typer(rich_markup_mode=None)

VoucherJson = Annotated[bool, typer.Option("--json", help="Print JSON, with the whole voucher.")]


@app.command()
@conditional
def grant(
    context: typer.Context,
    *,
    model: ModelName,
    licensee: Licensee,
    role: RoleOption,
    classes: ClassesOption,
    conditions: Conditions,
    as_json: VoucherJson = False,
) -> None:
    """Sign a grant (EIP-712) and put it into force."""
    here = wallet.open_wallet(home_of(context))
    made = _signed(here, here.model(model), licensee, role, classes, conditions)
    _put_into_force(made, as_json=as_json)


@app.command()
@conditional
def approve(
    context: typer.Context,
    *,
    model: ModelName,
    account: AskingAccount,
    role: RoleOption,
    conditions: Conditions,
    as_json: VoucherJson = False,
) -> None:
    """Grant what an account has asked for: the classes of its ask."""
    here = wallet.open_wallet(home_of(context))
    ask = pending(here, here.model(model), account, role)
    made = _signed(here, ask.model_id, ask.licensee, role, ask.classes, conditions)
    _put_into_force(made, as_json=as_json)


@app.command()
@conditional
def export(
    context: typer.Context,
    *,
    model: ModelName,
    licensee: Licensee,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file for the voucher.")],
    role: RoleOption,
    classes: ClassesOption,
    conditions: Conditions,
    as_json: VoucherJson = False,
) -> None:
    """Sign a grant into a file, to be handed out: it is in force once somebody uses or imports it."""
    here = wallet.open_wallet(home_of(context))
    made = _signed(here, here.model(model), licensee, role, classes, conditions)
    vouchers.write_voucher(file, made.voucher)
    _print(made, {"activated": False, "file": str(file)}, as_json=as_json)
    first = "`themis request --grant FILE` or " if role is Role.REQUESTER else ""
    say(f"it is not in force: hand {file} to the licensee, who uses it with {first}`themis license import FILE`")


@app.command("import")
def import_(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `license export FILE` wrote.")],
    as_json: Json = False,
) -> None:
    """Put a voucher into force. Anyone may, at their own gas; twice does no harm."""
    here = wallet.open_wallet(home_of(context))
    granted, signature = vouchers.read_voucher(file, here.client.chain_id, here.client.registry)
    done = here.transact("activate", astuple(granted), signature)
    print_record(vouchers.record(granted) | done.facts, as_json=as_json)


@app.command()
def revoke(
    context: typer.Context,
    *,
    model: ModelName,
    account: GrantedAccount,
    role: RoleOption,
    seq: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_SEQ,
            help="Revoke every voucher up to it, activated or not; none: the current one and the next.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """End an account's grant at once, with vouchers that nobody has put into force yet.

    Where the terms ask for a grant, a requester cannot ask any more, an operator not even answer open requests.
    """
    here = wallet.open_wallet(home_of(context))
    model_id = here.model(model)
    licensee = _licensed(here, model_id, account)
    ended = seq or here.licenses.next_seq(model_id, licensee, role)
    done = here.transact("revoke", model_id, licensee, int(role), ended)
    record = {"model_id": shown(model_id), "licensee": shown(licensee), "role": role.name.lower(), "seq": ended}
    print_record(record | done.facts, as_json=as_json)


@app.command()
def revoke_all(context: typer.Context, model: ModelName, as_json: Json = False) -> None:
    """End every grant and voucher of a model at once, by raising its epoch."""
    here = wallet.open_wallet(home_of(context))
    model_id = here.model(model)
    done = here.transact("raiseEpoch", model_id)
    print_record(
        {"model_id": shown(model_id), "epoch": done.values("EpochRaised")["epoch"]} | done.facts, as_json=as_json
    )
    say("grants that you sign from now on count again")


@app.command()
def cancel(
    context: typer.Context,
    *,
    voucher: Annotated[str, typer.Argument(metavar="FILE|NONCE", help="The voucher's file, or the `nonce` in it.")],
    as_json: Json = False,
) -> None:
    """Cancel a voucher of this home's key that nobody has put into force; one in force takes `revoke`."""
    here = wallet.open_wallet(home_of(context))
    nonce = int(voucher) if re.fullmatch("[0-9]{1,78}", voucher) else _nonce_of(here, Path(voucher))
    if nonce >= 2**256:
        raise Misconfigured(f"{nonce} is no nonce: give the voucher's file")
    done = here.transact("cancel", nonce)
    print_record({"licensor": shown(done.sender), "nonce": str(nonce)} | done.facts, as_json=as_json)


def _licensed(here: Wallet, model_id: Hash32, account: str) -> Address:
    """The account, or the only one with a grant whose address begins so. Raises Misconfigured."""
    if len(account) == len(shown(here.signer.address)):
        return address(account)
    holders = dict.fromkeys(shown(found.licensee) for found in here.licenses.grants(model_id))
    beginning = [licensee for licensee in holders if licensee.lower().startswith(account)]
    return address(references.only(account, "account", beginning, "see `themis license list`"))


def _nonce_of(here: Wallet, file: Path) -> int:
    """The nonce of a voucher that `cancel` can still stop."""
    granted, _ = vouchers.read_voucher(file, here.client.chain_id, here.client.registry)
    if granted.licensor != here.signer.address:
        raise Denied(f"only {shown(granted.licensor)}, who signed this voucher, can cancel it: use its home")
    if here.licenses.latest_seq(granted.model_id, granted.licensee, granted.role) >= granted.seq:
        raise Misconfigured(
            f"{file} cannot be put into force any more, or is in force already: see `themis license list`, "
            "and end a grant with `themis license revoke`"
        )
    return granted.nonce


@dataclass(frozen=True, slots=True)
class _Signed:
    """A grant that this home's key has signed."""

    here: Wallet
    grant: Grant
    signature: bytes

    @property
    def voucher(self) -> dict[str, Any]:
        client = self.here.client
        return vouchers.voucher(self.grant, self.signature, client.chain_id, client.registry)


def _put_into_force(made: _Signed, *, as_json: bool) -> None:
    done = made.here.transact("activate", astuple(made.grant), made.signature)
    _print(made, {"activated": True} | done.facts, as_json=as_json)
    say("it is in force, and its licensee needs no file; `themis license export` writes a voucher to be handed out")


def _print(made: _Signed, more: dict[str, Any], *, as_json: bool) -> None:
    print_record((made.voucher if as_json else vouchers.record(made.grant)) | more, as_json=as_json)


def _signed(  # noqa: PLR0917 (who, what and how)
    here: Wallet, model_id: Hash32, licensee: Address, role: Role, classes: int, conditions: Conditions
) -> _Signed:
    made = here.licenses.draft(model_id, licensee, role, classes, conditions)
    _require_signer(here, made.licensor)
    return _Signed(here, made, vouchers.sign(made, here.signer, here.client.chain_id, here.client.registry))


def _require_signer(here: Wallet, licensor: Address) -> None:
    """A grant carries the name of this home's key, or of the wallet contract it signs for (ERC-1271)."""
    if licensor != here.signer.address and here.client.rpc.call("eth_getCode", shown(licensor), "latest") == "0x":
        raise Denied(f"only {shown(licensor)} licenses this model: use the home that holds its key")

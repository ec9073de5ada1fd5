"""Granting: what a licensor signs, hands over and takes back."""

import secrets
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from themis.cli import desk, grants
from themis.cli.arguments import IN_ETHER, ClassesOption, Json, Licensee, ModelId, RoleOption, address, token
from themis.cli.desk import Desk
from themis.cli.home import home_of
from themis.cli.output import print_json, print_record, say, shown
from themis.core.canonical import UNLIMITED, Grant
from themis.core.errors import Denied, Misconfigured
from themis.core.types import ETHER, Address, Hash32, Role
from themis.edge.abi import address as address_bytes
from themis.edge.licenses import AskRow

app = typer.Typer(rich_markup_mode=None)

_DAY_S: Final = 86_400
_MAX_DAYS: Final = 36_500
_YEAR_DAYS: Final = 365
_MAX_SEQ: Final = 2**32 - 1
_MAX_ROYALTY_BPS: Final = 5_000
"""As in LicenseRegistry.sol."""
_NONCE_BITS: Final = 48
"""Of a nonce drawn at random: whole in every JSON reader."""

Days = Annotated[float, typer.Option(min=0, max=_MAX_DAYS, help="How long it is valid, from now.")]
Royalty = Annotated[
    int, typer.Option("--royalty-bps", min=0, max=_MAX_ROYALTY_BPS, help="Share of the fees, in 1/10,000.")
]
Quota = Annotated[int, typer.Option("--quota", min=1, max=UNLIMITED, help="Uses in all; none: any number.")]
DailyRate = Annotated[int, typer.Option("--daily-rate", min=1, max=UNLIMITED, help="Uses a day; none: any number.")]
Version = Annotated[
    int, typer.Option("--terms-version", min=0, max=2**24 - 1, help="The only version of the terms it is for; 0: any.")
]
PriceFloor = Annotated[
    int, typer.Option("--price-floor", min=0, max=2**96 - 1, help="Least fee of a request, smallest units; 0: none.")
]
PriceToken = Annotated[
    Any, typer.Option("--price-token", parser=token, metavar="ADDRESS|ether", help="The token of --price-floor.")
]
PayTo = Annotated[
    Any, typer.Option("--pay-to", parser=address, metavar="ADDRESS", help="Receives the royalty; none: the licensor.")
]
Seq = Annotated[int | None, typer.Option(min=1, max=_MAX_SEQ, help="Sequence number; none: the next one.")]
Nonce = Annotated[int | None, typer.Option(min=0, max=2**256 - 1, help="For `license cancel`; none: drawn at random.")]
Export = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the voucher there instead of putting it into force; see `import`."),
]


@dataclass(frozen=True, slots=True)
class _Conditions:
    """What a grant says beside who, what and which side."""

    days: float
    royalty_bps: int
    quota: int
    daily_rate: int
    terms_version: int
    price_floor: int
    price_token: Address
    pay_to: Address | None
    seq: int | None = None
    nonce: int | None = None


@app.command()
def grant(
    context: typer.Context,
    *,
    model_id: ModelId,
    licensee: Licensee,
    role: RoleOption,
    classes: ClassesOption,
    days: Days,
    royalty_bps: Royalty = 0,
    quota: Quota = UNLIMITED,
    daily_rate: DailyRate = UNLIMITED,
    terms_version: Version = 0,
    price_floor: PriceFloor = 0,
    price_token: PriceToken = IN_ETHER,
    pay_to: PayTo = None,
    seq: Seq = None,
    nonce: Nonce = None,
    export: Export = None,
    as_json: Json = False,  # noqa: ARG001 (a voucher is always JSON)
) -> None:
    """Sign a grant (EIP-712), put it into force and print it as a voucher."""
    conditions = _Conditions(
        days, royalty_bps, quota, daily_rate, terms_version, price_floor, price_token, pay_to, seq, nonce
    )
    here = desk.open_desk(home_of(context))
    _issue(here, _made(here, model_id, licensee, role, classes, conditions), export)


@app.command()
def approve(
    context: typer.Context,
    *,
    model_id: ModelId,
    licensee: Licensee,
    role: RoleOption,
    days: Days = _YEAR_DAYS,
    royalty_bps: Royalty = 0,
    quota: Quota = UNLIMITED,
    daily_rate: DailyRate = UNLIMITED,
    terms_version: Version = 0,
    price_floor: PriceFloor = 0,
    price_token: PriceToken = IN_ETHER,
    pay_to: PayTo = None,
    export: Export = None,
    as_json: Json = False,  # noqa: ARG001 (a voucher is always JSON)
) -> None:
    """Grant what an account has asked for: the classes of its ask, for a year unless told otherwise."""
    conditions = _Conditions(days, royalty_bps, quota, daily_rate, terms_version, price_floor, price_token, pay_to)
    here = desk.open_desk(home_of(context))
    ask = _pending(here, model_id, licensee, role)
    _issue(here, _made(here, model_id, licensee, role, ask.classes, conditions), export)


@app.command("import")
def import_(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="What `license grant --export FILE` wrote.")],
    as_json: Json = False,
) -> None:
    """Put a voucher into force. Anyone may, at their own gas; twice does no harm."""
    here = desk.open_desk(home_of(context))
    granted, signature = grants.read_voucher(file, here.client.chain_id, here.client.oracle)
    done = here.transact("activate", astuple(granted), signature)
    record = {
        "model_id": shown(granted.model_id),
        "licensee": shown(granted.licensee),
        "role": granted.role.name.lower(),
        "classes": grants.words(granted.classes),
        "expiry_s": granted.expiry_s,
        "seq": granted.seq,
    }
    print_record(record | done.facts, as_json=as_json)


@app.command()
def revoke(
    context: typer.Context,
    *,
    model_id: ModelId,
    licensee: Licensee,
    role: RoleOption,
    seq: Annotated[
        int | None,
        typer.Option(
            min=1, max=_MAX_SEQ, help="Revoke every voucher up to it, activated or not; none: the current one."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """End an account's grant at once: a requester cannot ask, an operator cannot answer, not even what is open."""
    here = desk.open_desk(home_of(context))
    ended = seq or max(1, _current_seq(here, model_id, licensee, role))
    done = here.transact("revoke", model_id, licensee, int(role), ended)
    record = {"model_id": shown(model_id), "licensee": shown(licensee), "role": role.name.lower(), "seq": ended}
    print_record(record | done.facts, as_json=as_json)


@app.command()
def revoke_all(context: typer.Context, model_id: ModelId, as_json: Json = False) -> None:
    """End every grant and voucher of a model at once, by raising its epoch."""
    done = desk.open_desk(home_of(context)).transact("raiseEpoch", model_id)
    print_record(
        {"model_id": shown(model_id), "epoch": done.values("EpochRaised")["epoch"]} | done.facts, as_json=as_json
    )
    say("grants that you sign from now on count again")


@app.command()
def cancel(
    context: typer.Context,
    *,
    nonce: Annotated[int, typer.Argument(min=0, max=2**256 - 1, help="`nonce` in the voucher.")],
    as_json: Json = False,
) -> None:
    """Cancel a voucher of this home's key that nobody has put into force; one in force takes `revoke`."""
    done = desk.open_desk(home_of(context)).transact("cancel", nonce)
    print_record({"licensor": shown(done.sender), "nonce": str(nonce)} | done.facts, as_json=as_json)


def _made(  # noqa: PLR0917 (who, what and how)
    here: Desk, model_id: Hash32, licensee: Address, role: Role, classes: int, conditions: _Conditions
) -> Grant:
    """Fill a grant in from the chain: licensor, time, epoch and the next sequence number."""
    licensor = _licensor(here, model_id)
    (epoch,) = here.client.read("epochOf", model_id)
    now_s = here.client.now_s()
    nonce = secrets.randbits(_NONCE_BITS) if conditions.nonce is None else conditions.nonce
    return Grant(
        model_id=model_id,
        licensor=licensor,
        licensee=licensee,
        role=role,
        classes=classes,
        terms_version=conditions.terms_version,
        not_before_s=now_s,
        expiry_s=now_s + int(conditions.days * _DAY_S),
        quota=conditions.quota,
        daily_rate=conditions.daily_rate,
        royalty_bps=conditions.royalty_bps,
        price_token=conditions.price_token,
        price_floor=conditions.price_floor,
        pay_to=conditions.pay_to or ETHER,
        epoch=epoch,
        seq=conditions.seq or _current_seq(here, model_id, licensee, role) + 1,
        nonce=nonce,
    )


def _issue(here: Desk, made: Grant, export: Path | None) -> None:
    """Sign, then put into force or write to a file; print the voucher."""
    client = here.client
    signature = grants.sign(made, here.signer, client.chain_id, client.oracle)
    printed = grants.voucher(made, signature, client.chain_id, client.oracle)
    if export is None:
        print_json(printed | {"activated": True} | here.transact("activate", astuple(made), signature).facts)
        return
    grants.write_voucher(export, printed)
    print_json(printed | {"activated": False})
    say(
        f"it is not in force: hand {export} to the licensee, who uses it with `themis request --grant FILE` "
        "or `themis license import FILE`"
    )


def _pending(here: Desk, model_id: Hash32, licensee: Address, role: Role) -> AskRow:
    asked = f"{shown(licensee)} as {role.name.lower()}"
    for ask in here.licenses.asks(model_id):
        if (ask.licensee, ask.role) == (licensee, role):
            if ask.status != "pending":
                raise Misconfigured(f"the ask of {asked} was {ask.status} already: use `themis license grant` instead")
            return ask
    raise Misconfigured(f"{asked} has not asked: see `themis license inbox`, or use `themis license grant`")


def _current_seq(here: Desk, model_id: Hash32, licensee: Address, role: Role) -> int:
    """The sequence number of the grant in force or revoked; 0 where there never was one."""
    ((seq, *_),) = here.client.read("grantOf", model_id, licensee, int(role))
    return int(seq)


def _licensor(here: Desk, model_id: Hash32) -> Address:
    """Whose name a grant carries: this home's key, or the wallet contract it signs for (ERC-1271)."""
    (text,) = here.client.read("licensorOf", model_id)
    licensor = address_bytes(text)
    if licensor == here.signer.address:
        return licensor
    if not any(licensor):
        raise Misconfigured(f"model {shown(model_id)} is not registered: correct its id (`themis models list`)")
    if here.client.rpc.call("eth_getCode", text, "latest") == "0x":
        raise Denied(f"only {shown(licensor)} licenses this model: use the home that holds its key")
    return licensor

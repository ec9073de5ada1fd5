"""`themis license`: terms and grants, for the licensor to make and for everybody to read."""

from dataclasses import astuple
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from eth_utils.crypto import keccak

from themis.cli import desk, grants, policies, terms
from themis.cli.arguments import ClassesOption, Json, ModelId, ModesOption, RoleOption, address, hash32, moment
from themis.cli.desk import Desk
from themis.cli.home import home_of
from themis.cli.output import print_json, print_record, print_rows, say, shown
from themis.core.canonical import Grant
from themis.core.errors import Denied, Misconfigured
from themis.core.types import Address, Hash32
from themis.edge.abi import address as address_bytes

app = typer.Typer(rich_markup_mode=None)
license_ = typer.Typer(rich_markup_mode=None, help="Publish terms; sign, activate, revoke and list grants.")
app.add_typer(license_, name="license")

_DAY_S: Final = 86_400
_MAX_DAYS: Final = 36_500
_MAX_SEQ: Final = 2**32 - 1
_MAX_ROYALTY_BPS: Final = 5_000
"""As in LicenseRegistry.sol."""

Licensee = Annotated[Any, typer.Argument(parser=address, metavar="LICENSEE", help="The account that is licensed.")]


@license_.command()
def publish(
    context: typer.Context,
    *,
    model_id: ModelId,
    terms_file: Annotated[Path, typer.Option("--terms", help="The terms; their keccak256 goes on chain.")],
    requester: ModesOption,
    operator: ModesOption,
    effective_at: Annotated[
        Any, typer.Option(parser=moment, metavar="TIME", help="Epoch seconds or ISO 8601; none: now.")
    ] = None,
    uri: Annotated[str, typer.Option(help="Where the terms can be read.")] = "",
    attribution: Annotated[str, typer.Option(help="Notice that users of the model must show.")] = "",
    as_json: Json = False,
) -> None:
    """Publish the next version of a model's terms. A use class that is not named stays closed."""
    try:
        terms_hash = Hash32(keccak(terms_file.read_bytes()))
    except OSError as error:
        raise Misconfigured(f"{terms_file} cannot be read: correct --terms") from error
    policy = policies.pack(requester, operator)
    here = desk.open_desk(home_of(context))
    done = here.transact("publishTerms", model_id, terms_hash, policy, effective_at or 0, uri, attribution)
    values = done.values("TermsPublished")
    record = {
        "model_id": shown(model_id),
        "version": values["version"],
        "effective_at_s": values["effectiveAt"],
        "terms_hash": shown(terms_hash),
        "policy": policies.words(policy),
    }
    print_record(record | done.facts, as_json=as_json)


@license_.command()
def show(context: typer.Context, model_id: ModelId, as_json: Json = False) -> None:
    """Show a model's licensor, its terms in force and those before."""
    config = home_of(context).config()
    client = desk.connect(config)
    found = terms.of_model(client, model_id, config.chain.start_block, desk.chain_time_s(client.rpc))
    if as_json:
        print_json(found)
        return
    versions = found.pop("versions")
    print_record(found, as_json=False)
    for version in versions:
        print_record({"": ""} | version, as_json=False)


@license_.command("list")
def list_(
    context: typer.Context,
    *,
    model_id: Annotated[Any, typer.Option("--model", parser=hash32, metavar="MODEL_ID", help="Of one model.")] = None,
    as_json: Json = False,
) -> None:
    """List the grants the chain knows, with their state."""
    config = home_of(context).config()
    client = desk.connect(config)
    rows = grants.listed(client, config.chain.start_block, model_id, desk.chain_time_s(client.rpc))
    print_rows(rows, as_json=as_json, empty="no grant was ever activated")


@license_.command()
def grant(
    context: typer.Context,
    *,
    model_id: ModelId,
    licensee: Licensee,
    role: RoleOption,
    classes: ClassesOption,
    days: Annotated[float, typer.Option(min=0, max=_MAX_DAYS, help="How long it is valid, from now.")],
    royalty_bps: Annotated[
        int, typer.Option(min=0, max=_MAX_ROYALTY_BPS, help="Share of the fees that goes to you, in 1/10,000.")
    ] = 0,
    seq: Annotated[int | None, typer.Option(min=1, max=_MAX_SEQ, help="Sequence number; none: the next one.")] = None,
    activate: Annotated[bool, typer.Option(help="Put it into force now, with a transaction.")] = True,
    as_json: Json = False,  # noqa: ARG001 (a voucher is always JSON)
) -> None:
    """Sign a grant (EIP-712), activate it and print it as a voucher, which anyone can activate."""
    here = desk.open_desk(home_of(context))
    client = here.client
    licensor = _licensor(here, model_id)
    now_s = desk.chain_time_s(client.rpc)
    made = Grant(
        model_id=model_id,
        licensor=licensor,
        licensee=licensee,
        role=role,
        classes=classes,
        not_before_s=now_s,
        expiry_s=now_s + int(days * _DAY_S),
        royalty_bps=royalty_bps,
        seq=seq or grants.current_seq(client, model_id, licensee, role) + 1,
    )
    signature = grants.sign(made, here.signer, client.chain_id, client.oracle)
    facts = here.transact("activate", astuple(made), signature).facts if activate else {}
    print_json(grants.voucher(made, signature, client.chain_id, client.oracle) | {"activated": activate} | facts)
    if not activate:
        say("it is not in force: save this JSON; anyone can put it into force with `themis license activate FILE`")


@license_.command("activate")
def activate_(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="The JSON that `license grant` printed.")],
    as_json: Json = False,
) -> None:
    """Put a signed grant into force. Anyone may, at their own gas."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file} cannot be read: give the file of a voucher") from error
    here = desk.open_desk(home_of(context))
    granted, signature = grants.read_voucher(text, here.client.chain_id, here.client.oracle)
    done = here.transact("activate", astuple(granted), signature)
    record = {"model_id": shown(granted.model_id), "licensee": shown(granted.licensee), "seq": granted.seq}
    print_record(record | done.facts, as_json=as_json)


@license_.command()
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
    ended = seq or max(1, grants.current_seq(here.client, model_id, licensee, role))
    done = here.transact("revoke", model_id, licensee, int(role), ended)
    record = {"model_id": shown(model_id), "licensee": shown(licensee), "role": role.name.lower(), "seq": ended}
    print_record(record | done.facts, as_json=as_json)


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

"""Grants as people handle them: signing, vouchers in files, rows of a list."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.cli.short import Ids, classes, date
from themis.cli.table import Column, View
from themis.core import jsontext
from themis.core.canonical import UNLIMITED, Grant, grant_digest, grant_of_message, grant_typed_data
from themis.core.errors import Misconfigured
from themis.core.modes import class_words
from themis.core.spelling import shown
from themis.core.types import Address

if TYPE_CHECKING:
    from themis.licensing.licenses import GrantRow
    from themis.ports import Signer


def sign(grant: Grant, signer: "Signer", chain_id: int, registry: Address) -> bytes:
    """Sign as EIP-712 says: 65 bytes."""
    return signer.sign_typed(grant_typed_data(grant, chain_id, registry))


def voucher(grant: Grant, signature: bytes, chain_id: int, registry: Address) -> dict[str, Any]:
    """A signed grant as JSON: what any wallet can sign and anyone can activate."""
    return {
        "grant_hash": shown(grant_digest(grant, chain_id, registry)),
        "typed_data": grant_typed_data(grant, chain_id, registry),
        "signature": shown(signature),
    }


def write_voucher(path: Path, made: dict[str, Any]) -> None:
    """Write a new file. Raises Misconfigured rather than overwrite one."""
    try:
        with path.open("x") as file:
            file.write(json.dumps(made, indent=2) + "\n")
    except FileExistsError as error:
        raise Misconfigured(f"{path} exists: choose another file") from error
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written ({error.strerror}): choose another place") from error


def read_voucher(path: Path, chain_id: int, registry: Address) -> tuple[Grant, bytes]:
    """Read a voucher for this chain and registry. Raises Misconfigured."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: give the file of a voucher") from error
    try:
        data = jsontext.parse(content)
        grant, signature = grant_of_message(data["typed_data"]["message"]), bytes.fromhex(data["signature"][2:])
        same_domain = data["typed_data"] == grant_typed_data(grant, chain_id, registry)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise Misconfigured(f"{path} is not a voucher: use what `license export FILE` wrote") from error
    if not same_domain:
        raise Misconfigured("the voucher was signed for another chain, registry or version of themis: get a new one")
    return grant, signature


def record(grant: Grant) -> dict[str, Any]:
    """What a voucher says, without its signature; conditions that few licensors set only where they are."""
    said = {
        "model_id": shown(grant.model_id),
        "licensee": shown(grant.licensee),
        "role": grant.role.name.lower(),
        "classes": class_words(grant.classes),
        "terms_version": grant.terms_version or "every",
        "expiry_s": grant.expiry_s,
        "quota": _count(grant.quota),
        "daily_rate": _count(grant.daily_rate),
        "royalty_bps": grant.royalty_bps,
    }
    if any(grant.market):
        said["market"] = shown(grant.market)
    if grant.price_floor:
        said |= {"price_token": shown(grant.price_token), "price_floor": str(grant.price_floor)}
    if any(grant.pay_to):
        said["pay_to"] = shown(grant.pay_to)
    return said | {"seq": grant.seq, "nonce": str(grant.nonce)}


def view(rows: Sequence[Mapping[str, Any]]) -> View:
    """What of grants a licensor decides by."""
    models, accounts = Ids(row["model_id"] for row in rows), Ids(row["licensee"] for row in rows)
    return (
        Column("model", lambda row: row["model"] or models.short(row["model_id"]), flows=True),
        Column("licensee", lambda row: accounts.short(row["licensee"])),
        Column("role", lambda row: row["role"]),
        Column("classes", lambda row: classes(row["classes"])),
        Column("status", lambda row: row["status"]),
        Column("until", lambda row: date(row["expiry_s"])),
        Column("left", lambda row: str(row["quota_left"]), spare=True, right=True),
        Column("a day", lambda row: str(row["daily_rate"]), spare=True, right=True),
        Column("royalty", lambda row: f"{row['royalty_bps'] / 100:g} %", spare=True, right=True),
    )


def row(found: "GrantRow", name: str | None) -> dict[str, Any]:
    """A grant as commands print it, with the name of its model here."""
    state = found.state
    return {
        "model": name,
        "model_id": shown(found.model_id),
        "licensee": shown(found.licensee),
        "role": found.role.name.lower(),
        "classes": class_words(state.classes),
        "status": found.status,
        "seq": state.seq,
        "terms_version": state.terms_version or "every",
        "not_before_s": state.not_before_s,
        "expiry_s": state.expiry_s,
        "quota_left": _count(state.quota_left),
        "daily_rate": _count(state.daily_rate),
        "used_today": state.used_today,
        "market": shown(state.market) if any(state.market) else "any",
        "royalty_bps": state.royalty_bps,
        "price_token": shown(state.price_token),
        "price_floor": str(state.price_floor),
        "pay_to": shown(state.pay_to) if any(state.pay_to) else "licensor",
        "epoch": state.epoch,
    }


def _count(number: int) -> int | str:
    return "any" if number == UNLIMITED else number

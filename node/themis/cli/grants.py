"""Grants: signing them, writing and reading them as vouchers, and folding the chain's log of them."""

import json
from collections.abc import Mapping
from typing import Any

from themis.cli.output import shown
from themis.core.canonical import Grant, grant_digest, grant_typed_data
from themis.core.errors import Misconfigured
from themis.core.types import Address, Hash32, Role, UseClass
from themis.edge.abi import address
from themis.edge.client import OracleClient
from themis.edge.keystore import KeystoreSigner

_Key = tuple[bytes, str, int]
"""Model id, licensee, role."""


def sign(grant: Grant, signer: KeystoreSigner, chain_id: int, oracle: Address) -> bytes:
    """Sign as EIP-712 says: 65 bytes."""
    signed = signer.account.sign_typed_data(full_message=grant_typed_data(grant, chain_id, oracle))
    return bytes(signed.signature)


def voucher(grant: Grant, signature: bytes, chain_id: int, oracle: Address) -> dict[str, Any]:
    """A signed grant as JSON: what any wallet can sign and anyone can activate."""
    return {
        "grant_hash": shown(grant_digest(grant, chain_id, oracle)),
        "typed_data": grant_typed_data(grant, chain_id, oracle),
        "signature": shown(signature),
    }


def read_voucher(text: str, chain_id: int, oracle: Address) -> tuple[Grant, bytes]:
    """Read a voucher for this chain and oracle. Raises Misconfigured."""
    try:
        data = json.loads(text)
        message, signature = data["typed_data"]["message"], bytes.fromhex(data["signature"][2:])
        grant = Grant(
            model_id=Hash32(bytes.fromhex(message["modelId"][2:])),
            licensor=address(message["licensor"]),
            licensee=address(message["licensee"]),
            role=Role(message["role"]),
            classes=message["classes"],
            not_before_s=message["notBefore"],
            expiry_s=message["expiry"],
            royalty_bps=message["royaltyBps"],
            seq=message["seq"],
        )
        same_domain = data["typed_data"] == grant_typed_data(grant, chain_id, oracle)
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured("that is not a voucher: use the JSON that `license grant --no-activate` printed") from error
    if not same_domain:
        raise Misconfigured("the voucher was signed for another chain, oracle or version of themis: ask for a new one")
    return grant, signature


def current_seq(client: OracleClient, model_id: Hash32, licensee: Address, role: Role) -> int:
    """The sequence number of the grant in force or revoked; 0 where there never was one."""
    return int(client.read("grantOf", model_id, licensee, int(role))[0])


def listed(client: OracleClient, start_block: int, model_id: Hash32 | None, now_s: int) -> list[dict[str, Any]]:
    """The newest grant of each (model, licensee, role), with its state. The contract keeps the highest `seq`."""
    latest: dict[_Key, dict[str, Any]] = {}
    for log in client.logs("GrantActivated", start_block, model_id):
        row = _active(log.values["grant"], now_s)
        _keep(latest, (log.values["modelId"], log.values["licensee"], log.values["grant"][3]), row)
    for log in client.logs("GrantRevoked", start_block, model_id):
        key = (log.values["modelId"], log.values["licensee"], log.values["role"])
        _keep(latest, key, _revoked(log.values))
    return sorted(latest.values(), key=lambda row: (row["model_id"], row["licensee"], row["role"]))


def _keep(latest: dict[_Key, dict[str, Any]], key: _Key, row: dict[str, Any]) -> None:
    if key not in latest or latest[key]["seq"] <= row["seq"]:
        latest[key] = row


def _active(grant: tuple[Any, ...], now_s: int) -> dict[str, Any]:
    model_id, _, licensee, role, classes, not_before_s, expiry_s, royalty_bps, seq = grant
    state = "expired" if now_s > expiry_s else "not yet valid" if now_s < not_before_s else "active"
    return {
        "model_id": shown(model_id),
        "licensee": shown(address(licensee)),
        "role": Role(role).name.lower(),
        "classes": [use.name.lower() for use in UseClass if classes >> use & 1],
        "state": state,
        "not_before_s": not_before_s,
        "expiry_s": expiry_s,
        "royalty_bps": royalty_bps,
        "seq": seq,
    }


def _revoked(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model_id": shown(values["modelId"]),
        "licensee": shown(address(values["licensee"])),
        "role": Role(values["role"]).name.lower(),
        "classes": [],
        "state": "revoked",
        "not_before_s": None,
        "expiry_s": None,
        "royalty_bps": None,
        "seq": values["seq"],
    }

"""What a model's terms were and are, read from the chain."""

from typing import Any

from themis.cli import policies
from themis.cli.output import shown
from themis.core.types import Hash32
from themis.edge.abi import address
from themis.edge.client import ContractDenied, OracleClient


def of_model(client: OracleClient, model_id: Hash32, start_block: int, now_s: int) -> dict[str, Any]:
    """The licensor, the version in force and every published one. Raises ContractDenied for an unknown model."""
    (licensor,) = client.read("licensorOf", model_id)
    logs = client.logs("TermsPublished", start_block, model_id)
    return {
        "model_id": shown(model_id),
        "licensor": shown(address(licensor)),
        "in_force": _version_in_force(client, model_id),
        "versions": [_version(log.values, now_s) for log in logs],
    }


def _version_in_force(client: OracleClient, model_id: Hash32) -> int | None:
    try:
        version, _ = client.read("termsInForce", model_id)
    except ContractDenied as denied:
        if denied.denial.error != "TermsNotInForce":
            raise
        return None
    return int(version)


def _version(published: dict[str, Any], now_s: int) -> dict[str, Any]:
    return {
        "version": published["version"],
        "pending": published["effectiveAt"] > now_s,
        "effective_at_s": published["effectiveAt"],
        "terms_hash": shown(published["termsHash"]),
        "policy": policies.words(published["policy"]),
        "uri": published["uri"],
        "attribution": published["attribution"],
    }

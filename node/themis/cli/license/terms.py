"""A model's terms as commands print them."""

from typing import TYPE_CHECKING, Any

from themis.core.modes import policy_words
from themis.core.spelling import shown
from themis.core.types import Hash32

if TYPE_CHECKING:
    from themis.chain.client import OracleClient
    from themis.chain.uses import TermsVersion
    from themis.licensing.licenses import Licenses


def of_model(client: "OracleClient", licenses: "Licenses", model_id: Hash32) -> dict[str, Any]:
    """The licensor, the version in force and every published one. Raises ContractDenied for an unknown model."""
    from themis.chain.abi import address

    in_force = version_in_force(client, model_id)
    (licensor,) = client.read("licensorOf", model_id)
    (successor,) = client.read("successorOf", model_id)
    (epoch,) = client.read("epochOf", model_id)
    now_s = client.now_s()
    return {
        "model_id": shown(model_id),
        "licensor": shown(address(licensor)),
        "successor": shown(address(successor)) if int(successor, 16) else None,
        "epoch": epoch,
        "in_force": in_force,
        "versions": [_version(terms, now_s) for terms in licenses.terms(model_id)],
    }


def require_known(client: "OracleClient", model_id: Hash32) -> None:
    """Raises ContractDenied for an unknown model: logs do not tell it from one of which nothing is logged."""
    version_in_force(client, model_id)


def version_in_force(client: "OracleClient", model_id: Hash32) -> int | None:
    """None where there is none. Raises ContractDenied for an unknown model."""
    from themis.chain.client import ContractDenied

    try:
        version, _ = client.read("termsInForce", model_id)
    except ContractDenied as denied:
        if denied.denial.error != "TermsNotInForce":
            raise
        return None
    return int(version)


def _version(terms: "TermsVersion", now_s: int) -> dict[str, Any]:
    return {
        "version": terms.version,
        "pending": terms.effective_at_s > now_s,
        "effective_at_s": terms.effective_at_s,
        "published_at_s": terms.published_at_s,
        "terms_hash": shown(terms.terms_hash),
        "policy": policy_words(terms.policy),
        "uri": terms.uri,
        "attribution": terms.attribution,
    }

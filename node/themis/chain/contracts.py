"""The oracle contract as the node speaks to it. The only module that knows its ABI."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any, Final

from themis.chain.abi import Artifact, Log, address
from themis.core import canonical
from themis.core.abi import encode
from themis.core.bloom import Sieve
from themis.core.canonical import Grant
from themis.core.keccak import keccak
from themis.core.types import (
    ETHER,
    Address,
    ChainEvent,
    Denial,
    Fulfilled,
    Hash32,
    LicenseQuery,
    LogPosition,
    Request,
    Requested,
    Role,
    Terms,
    TermsKey,
)

ORACLE: Final = Artifact("InferenceOracle")


def fulfill(request: Request, output: bytes) -> bytes:
    """Calldata of the answer to a request."""
    return ORACLE.call("fulfillRequest", canonical.request_words(request), output)


def callback(id_: Hash32, output: bytes) -> bytes:
    """Calldata with which the oracle calls a consumer back (IInferenceConsumer.sol)."""
    return keccak(b"onInference(bytes32,bytes)")[:4] + encode(("bytes32", "bytes"), (id_, output))


def decode_fulfill(data: bytes) -> tuple[Request, bytes]:
    """Read the calldata of `fulfillRequest` back."""
    request, output = ORACLE.arguments("fulfillRequest", data)
    return decode_request(request), output


def activate(grant: Grant, signature: bytes) -> bytes:
    """Calldata that puts a signed grant into force."""
    return ORACLE.call("activate", astuple(grant), signature)


def check_license(query: LicenseQuery) -> bytes:
    """Calldata of the contract's own answer to a license question; it reverts with the reason.

    A requester's use is reserved already; an operator, whose grant has no least fee, needs one more.
    """
    side = query.account, int(query.role), int(query.use_class)
    if query.role is Role.OPERATOR:
        return ORACLE.call("checkUse", query.model_id, *side, ETHER, 0)
    return ORACLE.call("checkLicense", query.model_id, query.terms_version, *side)


def is_royalty(data: bytes) -> bool:
    """Whether data is what `checkLicense` and `checkUse` return where they permit."""
    try:
        ORACLE.result("checkLicense", data)
    except ValueError:
        return False
    return True


def refusal(data: bytes) -> Denial | None:
    """The contract's refusal, by name; None where that is no error of the contract."""
    return ORACLE.denial(data) if ORACLE.knows_error(data) else None


def terms_of(key: TermsKey) -> bytes:
    """Calldata of one published version of a model's terms."""
    return ORACLE.call("termsOf", key.model_id, key.version)


def decode_terms(data: bytes) -> Terms:
    """What travels with results, out of what `termsOf` returned."""
    ((terms_hash, _, _, _, _, attribution),) = ORACLE.result("termsOf", data)
    return Terms(Hash32(terms_hash), attribution)


def event_topics(operator: Address) -> list[Any]:
    """Filter for `eth_getLogs`: what is asked of an operator and what it has answered."""
    names = [_hex(ORACLE.topic("Requested")), _hex(ORACLE.topic("Fulfilled"))]
    return [names, None, _hex(operator.rjust(32, b"\0"))]


def sieve(oracle: Address, operator: Address) -> Sieve:
    """What a header's bloom is held against: the logs that `event_topics` asks for."""
    return Sieve(oracle, [ORACLE.topic("Requested"), ORACLE.topic("Fulfilled")], operator.rjust(32, b"\0"))


def decode_log(raw: Mapping[str, Any]) -> tuple[Log, LogPosition] | None:
    """Decode any log of the contract, as JSON-RPC gives it; None where it is not one of its events."""
    log = ORACLE.log([_bytes(topic) for topic in raw["topics"]], _bytes(raw["data"]))
    if log is None:
        return None
    at = LogPosition(
        block_number=int(raw["blockNumber"], 16),
        block_hash=Hash32(_bytes(raw["blockHash"])),
        log_index=int(raw["logIndex"], 16),
        tx_hash=Hash32(_bytes(raw["transactionHash"])),
    )
    return log, at


def decode_event(raw: Mapping[str, Any]) -> ChainEvent | None:
    """Decode the two events a node lives on."""
    decoded = decode_log(raw)
    return None if decoded is None else event_of(*decoded)


def event_of(log: Log, at: LogPosition) -> ChainEvent | None:
    """A decoded log as one of the two events a node lives on; None for any other."""
    match log.event:
        case "Requested":
            request = decode_request(log.values["request"])
            return Requested(Hash32(log.values["id"]), request, log.values["input"], at)
        case "Fulfilled":
            values = log.values
            id_, result_hash, terms_hash = (Hash32(values[name]) for name in ("id", "resultHash", "termsHash"))
            return Fulfilled(id_, result_hash, terms_hash, values["output"], at)
        case _:
            return None


def decode_request(values: tuple[Any, ...]) -> Request:
    """Turn the `Request` struct, as decoded, into ours."""
    requester, model, input_hash, operator, token, fee, pay_to, licensee, facts = values
    owners = [address(text) for text in (requester, operator, token, pay_to, licensee)]
    requester, operator, token, pay_to, licensee = owners
    return canonical.request_of((requester, model, input_hash, operator, token, fee, pay_to, licensee, facts))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()

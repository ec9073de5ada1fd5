"""The oracle contract as the node speaks to it. The only module that knows its ABI."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any, Final

from themis.core.canonical import Grant
from themis.core.types import (
    Address,
    ChainEvent,
    Fulfilled,
    Hash32,
    LicenseQuery,
    LogPosition,
    Request,
    Requested,
    UseClass,
)
from themis.edge.abi import Artifact, Log, address

ORACLE: Final = Artifact("InferenceOracle")


def fulfill(request: Request, output: bytes) -> bytes:
    """Calldata of the answer to a request."""
    return ORACLE.call("fulfill", astuple(request), output)


def decode_fulfill(data: bytes) -> tuple[Request, bytes]:
    """Read `fulfill` calldata back."""
    request, output = ORACLE.arguments("fulfill", data)
    return decode_request(request), output


def activate(grant: Grant, signature: bytes) -> bytes:
    """Calldata that puts a signed grant into force."""
    return ORACLE.call("activate", astuple(grant), signature)


def check_license(query: LicenseQuery) -> bytes:
    """Calldata of the contract's own answer to a license question; it reverts with the reason."""
    return ORACLE.call(
        "checkLicense",
        query.model_id,
        query.terms_version,
        query.account,
        int(query.role),
        int(query.use_class),
    )


def event_topics(operator: Address) -> list[Any]:
    """Filter for `eth_getLogs`: what is asked of an operator and what it has answered."""
    names = [_hex(ORACLE.topic("Requested")), _hex(ORACLE.topic("Fulfilled"))]
    return [names, None, _hex(operator.rjust(32, b"\0"))]


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
    if decoded is None:
        return None
    log, at = decoded
    match log.event:
        case "Requested":
            request = decode_request(log.values["request"])
            return Requested(Hash32(log.values["id"]), request, log.values["input"], at)
        case "Fulfilled":
            values = log.values
            return Fulfilled(Hash32(values["id"]), Hash32(values["resultHash"]), values["output"], at)
        case _:
            return None


def decode_request(values: tuple[Any, ...]) -> Request:
    """Turn the `Request` struct, as decoded, into ours: same fields, same order."""
    (requester, lane, seq, model, input_hash, operator, fee, licensor, royalty, terms, use, deadline, gas) = values
    return Request(
        requester=address(requester),
        lane=lane,
        seq=seq,
        model_id=Hash32(model),
        input_hash=Hash32(input_hash),
        operator=address(operator),
        fee_wei=fee,
        licensor=address(licensor),
        royalty_bps=royalty,
        terms_version=terms,
        use_class=UseClass(use),
        deadline_s=deadline,
        callback_gas=gas,
    )


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()

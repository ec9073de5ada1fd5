"""The contracts as the node speaks to them: oracle, registry and lens. The only module that knows their ABIs."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any, Final

from themis.chain.abi import Artifact, Log, address
from themis.core import canonical
from themis.core.abi import encode
from themis.core.agreement import Equivocation
from themis.core.bloom import Sieve
from themis.core.canonical import Grant
from themis.core.job import Job
from themis.core.keccak import keccak
from themis.core.recourse import Commit, Count, Fine, Move, Reveal
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
REGISTRY: Final = Artifact("Registry")
LENS: Final = Artifact("Lens")
COMMITTEE: Final = Artifact("Committee")
FACTORY: Final = Artifact("CommitteeFactory")
WARRANTY: Final = Artifact("Warranty")
DISPUTE: Final = Artifact("Dispute")
EVENTS: Final = ("Requested", "Fulfilled", "OrderFulfilled")
"""What a node lives on: what is asked of it, and what it has answered."""
_ALL: Final = (ORACLE, REGISTRY, LENS)
_REFUSING: Final = (*_ALL, COMMITTEE, FACTORY, WARRANTY, DISPUTE)


def having(function: str) -> Artifact:
    """The contract that has a function: names are given once among the three."""
    return next(each for each in _ALL if each.has(function))


def logging(event: str) -> Artifact:
    """The contract that logs an event."""
    return next(each for each in _ALL if each.logs(event))


def denial(data: bytes) -> Denial:
    """Name a refusal: an oracle passes on what its registry says."""
    return refusal(data) or ORACLE.denial(data)


def fulfill(request: Request, output: bytes, min_pay: int) -> bytes:
    """Calldata of the answer to a request, for so much pay at least: smallest units of the fee's token."""
    return ORACLE.call("fulfill", canonical.request_words(request), output, min_pay)


def fulfill_many(answers: Sequence[tuple[Request, bytes, int]]) -> bytes:
    """Calldata of several answers in one transaction, each as `fulfill` takes it and standing for itself."""
    requests, outputs, min_pays = zip(*answers, strict=True)
    return ORACLE.call("fulfillMany", [canonical.request_words(each) for each in requests], outputs, min_pays)


def fulfill_order(order: Request, signature: bytes, output: bytes, min_pay: int) -> bytes:
    """Calldata of the answer to an order that its requester signed, for so much pay at least."""
    return ORACLE.call("fulfillOrder", canonical.request_words(order), signature, output, min_pay)


def committee_answer(request: Request, output: bytes, signatures: Sequence[bytes]) -> bytes:
    """Calldata of a committee's answer: signatures of 65 bytes, by ascending address of their members."""
    return COMMITTEE.call("answer", canonical.request_words(request), output, [compact(each) for each in signatures])


def committee_order(order: Request, order_signature: bytes, output: bytes, signatures: Sequence[bytes]) -> bytes:
    """Calldata of a committee's answer to an order that its requester signed; signatures as in `committee_answer`."""
    words = canonical.request_words(order)
    return COMMITTEE.call("answerOrder", words, order_signature, output, [compact(each) for each in signatures])


def committee_answers(answers: Sequence[tuple[Request, bytes]], signatures: Sequence[bytes]) -> bytes:
    """Calldata of several, each standing for itself; the signatures are of their one root (`core.committee`)."""
    requests, outputs = zip(*answers, strict=True)
    words = [canonical.request_words(each) for each in requests]
    return COMMITTEE.call("answerMany", words, outputs, [compact(each) for each in signatures])


def committee_move(request: Request, id_: Hash32, move: Move, output: bytes) -> bytes:
    """Calldata of what is due in a committee about a request. `output`: what is counted, where it is a count."""
    words = canonical.request_words(request)
    match move:
        case Commit(commitments):
            signatures = [compact(each.signature) for each in commitments]
            return COMMITTEE.call("commit", words, [each.commitment for each in commitments], signatures)
        case Reveal(member, opening):
            return COMMITTEE.call("reveal", id_, member, opening.result_hash, opening.salt)
        case Count():
            return COMMITTEE.call("count", words, output)
        case Fine(member):
            return COMMITTEE.call("fine", words, member)


def committee_slash(request: Request, proof: Equivocation) -> bytes:
    """Calldata that shows a committee two results which one member signed of one request, each alone."""
    alone: tuple[Any, ...] = bytes(32), 0, 0, []  # in no batch
    one, other = ((each.result_hash, compact(each.signature), *alone) for each in (proof.one, proof.other))
    return COMMITTEE.call("slash", canonical.request_words(request), proof.one.member, one, other)


def compact(signature: bytes) -> tuple[bytes, bytes]:
    """A signature of 65 bytes as (r, vs) of EIP-2098."""
    s, parity = int.from_bytes(signature[32:64]), signature[64] - 27
    return signature[:32], (parity << 255 | s).to_bytes(32)


def callback(id_: Hash32, lane: int, output: bytes) -> bytes:
    """Calldata with which the oracle calls a consumer back (IInferenceConsumer.sol)."""
    return keccak(b"onInference(bytes32,uint64,bytes)")[:4] + encode(
        ("bytes32", "uint64", "bytes"), (id_, lane, output)
    )


def decode_answers(data: bytes) -> list[tuple[Request, bytes]]:
    """Read requests and outputs out of the calldata of an answer to requests or an order; none where it is of none."""
    match data[:4]:
        case selector if selector == ORACLE.selector("fulfillOrder"):
            order, _, output, _ = ORACLE.arguments("fulfillOrder", data)
            return [(decode_request(order), output)]
        case selector if selector == ORACLE.selector("fulfill"):
            request, output, _ = ORACLE.arguments("fulfill", data)
            return [(decode_request(request), output)]
        case selector if selector == ORACLE.selector("fulfillMany"):
            requests, outputs, _ = ORACLE.arguments("fulfillMany", data)
            return list(zip(map(decode_request, requests), outputs, strict=True))
        case _:
            return []


def activate(grant: Grant, signature: bytes) -> bytes:
    """Calldata that puts a signed grant into force."""
    return REGISTRY.call("activate", astuple(grant), signature)


def check_license(query: LicenseQuery) -> bytes:
    """Calldata of the contract's own answer to a license question; it reverts with the reason.

    A requester's use is reserved already; an operator, whose grant has no least fee, needs one more.
    """
    side = query.account, int(query.role), int(query.use_class)
    if query.role is Role.OPERATOR:
        return LENS.call("checkUse", query.model_id, *side, ETHER, 0)
    return LENS.call("checkLicense", query.model_id, query.terms_version, *side)


def royalty(data: bytes) -> int | None:
    """What `checkLicense` and `checkUse` return where they permit, in bps; None for anything else."""
    try:
        (royalty_bps,) = LENS.result("checkLicense", data)
    except ValueError:
        return None
    return int(royalty_bps)


def refusal(data: bytes) -> Denial | None:
    """A contract's refusal, by name; None where that is no error of any."""
    return next((each.denial(data) for each in _REFUSING if each.knows_error(data)), None)


def terms_of(key: TermsKey) -> bytes:
    """Calldata of one published version of a model's terms."""
    return REGISTRY.call("termsOf", key.model_id, key.version)


def decode_terms(data: bytes) -> Terms:
    """What travels with results, out of what `termsOf` returned."""
    ((terms_hash, _, _, _, _, attribution),) = REGISTRY.result("termsOf", data)
    return Terms(Hash32(terms_hash), attribution)


def answer(oracle: Address, job: Job, output: bytes) -> tuple[Address, bytes]:
    """Where the answer to one request or order goes, and the calldata."""
    request, signed = job.request, job.signatures
    match job.order_signature:
        case None if signed:
            return request.operator, committee_answer(request, output, signed)
        case None:
            return oracle, fulfill(request, output, job.least_pay)
        case order if signed:
            return request.operator, committee_order(request, order, output, signed)
        case order:
            return oracle, fulfill_order(request, order, output, job.least_pay)


def event_topics(operator: Address) -> list[Any]:
    """Filter for `eth_getLogs`: what is asked of an operator and what it has answered."""
    return [[_hex(ORACLE.topic(event)) for event in EVENTS], None, _hex(operator.rjust(32, b"\0"))]


def sieve(oracle: Address, operator: Address) -> Sieve:
    """What a header's bloom is held against: the logs that `event_topics` asks for."""
    return Sieve(oracle, [ORACLE.topic(event) for event in EVENTS], operator.rjust(32, b"\0"))


def decode_log(raw: Mapping[str, Any]) -> tuple[Log, LogPosition] | None:
    """Decode any log of the contracts, as JSON-RPC gives it; None where it is not one of their events."""
    said = [_bytes(topic) for topic in raw["topics"]], _bytes(raw["data"])
    log = ORACLE.log(*said) or REGISTRY.log(*said)
    if log is None:
        return None
    at = LogPosition(
        block_number=int(raw["blockNumber"], 16),
        block_hash=Hash32(_bytes(raw["blockHash"])),
        log_index=int(raw["logIndex"], 16),
        tx_hash=Hash32(_bytes(raw["transactionHash"])),
    )
    return log, at


def decode_event(raw: Mapping[str, Any], chain_id: int) -> ChainEvent | None:
    """Decode the events a node lives on, of an oracle on that chain."""
    decoded = decode_log(raw)
    return None if decoded is None else event_of(*decoded, chain_id, address(raw["address"]))


def not_fulfilled(raw: Mapping[str, Any]) -> tuple[Hash32, Denial] | None:
    """A request whose answer was not taken among others, and why, as oracle or committee tell; None: another log."""
    said = [_bytes(topic) for topic in raw["topics"]], _bytes(raw["data"])
    log = ORACLE.log(*said) or COMMITTEE.log(*said)
    if log is None or log.event not in {"NotFulfilled", "NotAnswered"}:
        return None
    return Hash32(log.values["id"]), denial(log.values["reason"])


def event_of(log: Log, at: LogPosition, chain_id: int, oracle: Address) -> ChainEvent | None:
    """A decoded log of an oracle as one of `EVENTS`; None for any other.

    The answer to an order is like any other answer: what was asked is in the same log, see `decode_order`.
    """
    match log.event:
        case "Requested":
            request = decode_request(log.values["request"])
            return Requested(Hash32(log.values["id"]), request, log.values["input"], at)
        case "Fulfilled":
            values = log.values
            id_, result_hash = Hash32(values["id"]), Hash32(values["resultHash"])
            return Fulfilled(id_, result_hash, values["termsVersion"], values["output"], at)
        case "OrderFulfilled":
            id_, order, output = Hash32(log.values["id"]), decode_order(log.values), log.values["output"]
            result_hash = canonical.result_hash(id_, order.model_id, output, chain_id, oracle)
            return Fulfilled(id_, result_hash, order.terms_version, output, at)
        case _:
            return None


def decode_order(values: Mapping[str, Any]) -> Request:
    """The order that was answered, out of what `OrderFulfilled` says."""
    requester, operator, token = (address(values[name]) for name in ("requester", "operator", "token"))
    asked = (requester, values["modelId"], values["inputHash"], operator, token, values["fee"])
    return canonical.request_of((*asked, ETHER, ETHER, values["facts"]))


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

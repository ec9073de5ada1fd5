"""What members of a committee say to each other about one request: signed commitments first, results afterwards. Pure.

A committee is a contract that is an operator: it answers when M of its members signed the same result (PROTOCOL.md,
Committee). A commitment hides the result that it binds its member to, so that nobody can sign what it has not computed.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from themis.core import eip712, merkle
from themis.core.abi import encode
from themis.core.eip712 import Domain
from themis.core.keccak import keccak
from themis.core.types import Address, Hash32

DOMAIN_NAME: Final = "Themis Committee"
DOMAIN_VERSION: Final = "1"
COMMITMENT_TYPE: Final = "Commitment(bytes32 request,bytes32 commitment)"
RESULT_TYPE: Final = "Result(bytes32 request,bytes32 resultHash)"
RESULTS_TYPE: Final = "Results(bytes32 root)"
OFFER_TYPE: Final = (
    "Offer(bytes32 modelId,address token,bool serving,uint96 minFee,uint32 maxCallbackGas,uint256 nonce)"
)
EXCHANGE_TYPE: Final = "Exchange(address from,address to,uint64 number,bytes32 body)"
"""Off chain alone: who hands over the body of an HTTP request, to whom."""


@dataclass(frozen=True, slots=True)
class Forum:
    """Where members speak: one committee on one chain. No signature counts in another."""

    chain_id: int
    committee: Address

    @property
    def domain(self) -> Domain:
        return Domain(DOMAIN_NAME, DOMAIN_VERSION, self.chain_id, self.committee)


@dataclass(frozen=True, slots=True)
class Commitment:
    """A member has a result."""

    member: Address
    request: Hash32
    commitment: Hash32
    signature: bytes
    """65 bytes over COMMITMENT_TYPE."""

    def digest(self, forum: Forum) -> Hash32:
        return commitment_digest(forum, self.request, self.commitment)


@dataclass(frozen=True, slots=True)
class Result:
    """A member says which."""

    member: Address
    request: Hash32
    result_hash: Hash32
    """As the oracle's `resultHashOf`, which binds chain, oracle and model too."""
    salt: Hash32
    """Opens the commitment; not signed."""
    signature: bytes
    """65 bytes over RESULT_TYPE: the contract counts these."""

    def digest(self, forum: Forum) -> Hash32:
        return result_digest(forum, self.request, self.result_hash)

    def opens(self, commitment: Commitment) -> bool:
        """Whether it is what its member had committed to."""
        return commitment_of(self.result_hash, self.salt, self.member) == commitment.commitment


Message = Commitment | Result


@dataclass(frozen=True, slots=True)
class Leaf:
    """One result of a batch."""

    request: Hash32
    result_hash: Hash32


def batch(leaves: Sequence[Leaf]) -> merkle.Tree:
    """Over abi.encode(id, resultHash) of each, in this order. Raises ValueError for none."""
    return merkle.Tree([encode(("bytes32", "bytes32"), (leaf.request, leaf.result_hash)) for leaf in leaves])


def batch_root(leaves: Sequence[Leaf]) -> Hash32:
    """What members sign of a batch."""
    return batch(leaves).root


def commitment_of(result_hash: Hash32, salt: Hash32, member: Address) -> Hash32:
    """keccak256(abi.encode(resultHash, salt, member)): another's commitment cannot be passed off as one's own."""
    return Hash32(keccak(encode(("bytes32", "bytes32", "address"), (result_hash, salt, member))))


def commitment_digest(forum: Forum, request: Hash32, commitment: Hash32) -> Hash32:
    """What a member signs before any result is known."""
    return eip712.digest(forum.domain, COMMITMENT_TYPE, (request, commitment))


def result_digest(forum: Forum, request: Hash32, result_hash: Hash32) -> Hash32:
    """What a member signs for the contract."""
    return eip712.digest(forum.domain, RESULT_TYPE, (request, result_hash))


def results_digest(forum: Forum, root: Hash32) -> Hash32:
    """What a member signs for a batch of results under one root."""
    return eip712.digest(forum.domain, RESULTS_TYPE, (root,))


@dataclass(frozen=True, slots=True)
class Offer:
    """Field for field OFFER_TYPE, in its order: what M members sign, so that the committee can be asked."""

    model_id: Hash32
    token: Address
    """Zero: ether."""
    serving: bool
    min_fee: int
    """Smallest units."""
    max_callback_gas: int
    nonce: int
    """The committee's count of offers: each is taken once, in order."""

    def digest(self, forum: Forum) -> Hash32:
        return eip712.digest(forum.domain, OFFER_TYPE, astuple(self))


def exchange_digest(forum: Forum, sender: Address, to: Address, number: int, body: bytes) -> Hash32:
    """What authenticates an HTTP request between members. `number` only grows: microseconds since the epoch."""
    return eip712.digest(forum.domain, EXCHANGE_TYPE, (sender, to, number, keccak(body)))


def typed(forum: Forum, type_: str, *values: Any) -> dict[str, Any]:
    """Any of the messages as JSON typed data, for whatever holds the key."""
    return eip712.typed_data(forum.domain, type_, values)


def rank(request: Hash32, member: Address) -> Hash32:
    """keccak256(abi.encode(id, member)): of those who can send the answer, the lowest does so first."""
    return Hash32(keccak(encode(("bytes32", "address"), (request, member))))

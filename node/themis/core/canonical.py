"""What the protocol hashes: ids, results and grants, as the contracts compute them (ADR 0001).

Every hash is keccak256(abi.encode(type hash, chain id, contract, fields...)); a grant's is an EIP-712 digest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from io import BytesIO
from typing import Any, Final

from themis.core import eip712
from themis.core.eip712 import Domain, struct_hash
from themis.core.keccak import keccak
from themis.core.types import Address, Hash32, Request, Role, UseClass

MODEL_TYPE: Final = (
    "Model(uint256 chainId,address registry,address licensor,"
    "bytes32 programRoot,bytes32 weightsRoot,bytes32 manifestHash)"
)
REQUEST_TYPE: Final = (
    "Request(uint256 chainId,address oracle,address requester,bytes32 modelId,bytes32 inputHash,address operator,"
    "address token,uint96 fee,address payTo,address licensee,uint256 facts)"
)
RESULT_TYPE: Final = "Result(uint256 chainId,address oracle,bytes32 id,bytes32 modelId,bytes32 outputHash)"
GRANT_TYPE: Final = (
    "Grant(bytes32 modelId,address licensor,address licensee,uint8 role,uint8 classes,uint24 termsVersion,"
    "uint40 notBefore,uint40 expiry,uint32 quota,uint32 dailyRate,address market,uint16 royaltyBps,address priceToken,"
    "uint96 priceFloor,address payTo,uint16 epoch,uint32 seq,uint256 nonce)"
)

DOMAIN_NAME: Final = "Themis"
DOMAIN_VERSION: Final = "1"

_FACT_SIZES: Final = (1, 8, 4, 4, 5, 4, 3, 2, 1)

UNLIMITED: Final = 2**32 - 1
"""A quota or daily rate of any number."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Field for field GRANT_TYPE, in its order: what a licensor signs."""

    model_id: Hash32
    licensor: Address
    licensee: Address
    role: Role
    classes: int
    """Bit set: 1 << UseClass."""
    terms_version: int
    """The only version it lifts; 0: every version."""
    not_before_s: int
    expiry_s: int
    quota: int
    """Uses; `UNLIMITED`: any number."""
    daily_rate: int
    """Uses in a day (UTC); `UNLIMITED`: any number."""
    market: Address
    """The only contract that may use it, and counts its uses; zero where neither number is limited."""
    royalty_bps: int
    price_token: Address
    """The token of `price_floor`; zero: ether."""
    price_floor: int
    """Least fee of a request, smallest units; 0: none."""
    pay_to: Address
    """Receives the royalty; zero: the licensor when it is collected."""
    epoch: int
    seq: int
    nonce: int


def model_id(  # noqa: PLR0917 (the contract's own order)
    licensor: Address,
    program_root: Hash32,
    weights_root: Hash32,
    manifest_hash: Hash32,
    chain_id: int,
    registry: Address,
) -> Hash32:
    """`modelIdOf`: the identity of a model registered by `licensor`."""
    return struct_hash(MODEL_TYPE, chain_id, registry, licensor, program_root, weights_root, manifest_hash)


def request_id(request: Request, chain_id: int, oracle: Address) -> Hash32:
    """`idOf`: the identity of a request."""
    return struct_hash(REQUEST_TYPE, chain_id, oracle, *request_words(request))


def request_words(request: Request) -> tuple[Any, ...]:
    """The members of the contract's `Request`, in order; the last one is its facts in one word."""
    return (
        request.requester,
        request.model_id,
        request.input_hash,
        request.operator,
        request.token,
        request.fee,
        request.pay_to,
        request.licensee,
        int.from_bytes(b"".join(value.to_bytes(size, "big") for value, size in _facts(request)), "big"),
    )


def request_of(words: tuple[Any, ...]) -> Request:
    """Read `request_words` back; addresses are bytes."""
    *addresses, facts = words
    requester, model, input_hash, operator, token, fee, pay_to, licensee = addresses
    packed = BytesIO(facts.to_bytes(32, "big"))
    items, lane, seq, grant_seq, deadline_s, callback_gas, terms_version, royalty_bps, use_class = (
        int.from_bytes(packed.read(size), "big") for size in _FACT_SIZES
    )
    return Request(
        requester=requester,
        lane=lane,
        seq=seq,
        model_id=Hash32(model),
        input_hash=Hash32(input_hash),
        operator=operator,
        token=token,
        fee=fee,
        pay_to=pay_to,
        royalty_bps=royalty_bps,
        terms_version=terms_version,
        use_class=UseClass(use_class),
        licensee=licensee,
        grant_seq=grant_seq,
        deadline_s=deadline_s,
        callback_gas=callback_gas,
        items=items,
    )


def result_hash(id_: Hash32, model: Hash32, output: bytes, chain_id: int, oracle: Address) -> Hash32:
    """`resultHashOf`: binds an answer to its request, model, chain and contract."""
    return struct_hash(RESULT_TYPE, chain_id, oracle, id_, model, keccak(output))


def grant_digest(grant: Grant, chain_id: int, registry: Address) -> Hash32:
    """`hashGrant`: the EIP-712 digest a licensor signs."""
    return eip712.digest(domain(chain_id, registry), GRANT_TYPE, astuple(grant))


def grant_typed_data(grant: Grant, chain_id: int, registry: Address) -> dict[str, Any]:
    """Build the same grant as JSON that any wallet can sign."""
    return eip712.typed_data(domain(chain_id, registry), GRANT_TYPE, astuple(grant))


def grant_of_message(message: Mapping[str, Any]) -> Grant:
    """Read the `message` of a grant's typed data back. Raises KeyError, TypeError or ValueError for anything else."""
    members = eip712.members(GRANT_TYPE)
    return grant_of_words(tuple(eip712.read(member["type"], message[member["name"]]) for member in members))


def grant_of_words(words: tuple[Any, ...]) -> Grant:
    """Read the members of the contract's `Grant` in order; addresses are hex or bytes."""
    values: list[Any] = [bytes.fromhex(word[2:]) if isinstance(word, str) else word for word in words]
    model, licensor, licensee, role, *rest = values
    return Grant(model, licensor, licensee, Role(role), *rest)


def _facts(request: Request) -> Iterator[tuple[int, int]]:
    """(value, bytes) of each fact, as RequestFacts.sol packs them. Raises OverflowError beyond a width."""
    values = (
        request.items,
        request.lane,
        request.seq,
        request.grant_seq,
        request.deadline_s,
        request.callback_gas,
        request.terms_version,
        request.royalty_bps,
        request.use_class,
    )
    return zip(values, _FACT_SIZES, strict=True)


def domain(chain_id: int, contract: Address) -> Domain:
    """EIP-712's domain of a registry or an oracle."""
    return Domain(DOMAIN_NAME, DOMAIN_VERSION, chain_id, contract)

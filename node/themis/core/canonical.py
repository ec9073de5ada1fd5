"""What the protocol hashes: ids, results and grants, as the contracts compute them (ADR 0001).

Every hash is keccak256(abi.encode(type hash, chain id, contract, fields...)); a grant's is an EIP-712 digest.
"""

from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from themis.core.types import Address, Hash32, Request, Role

MODEL_TYPE: Final = (
    "Model(uint256 chainId,address registry,address licensor,"
    "bytes32 programRoot,bytes32 weightsRoot,bytes32 manifestHash)"
)
REQUEST_TYPE: Final = (
    "Request(uint256 chainId,address oracle,address requester,uint64 lane,uint32 seq,bytes32 modelId,"
    "bytes32 inputHash,address operator,uint96 fee,address licensor,uint16 royaltyBps,uint24 termsVersion,"
    "uint8 useClass,uint40 deadline,uint32 callbackGas)"
)
RESULT_TYPE: Final = "Result(uint256 chainId,address oracle,bytes32 id,bytes32 modelId,bytes32 outputHash)"
GRANT_TYPE: Final = (
    "Grant(bytes32 modelId,address licensor,address licensee,uint8 role,uint8 classes,"
    "uint40 notBefore,uint40 expiry,uint16 royaltyBps,uint32 seq)"
)
DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"

DOMAIN_NAME: Final = "Themis"
DOMAIN_VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class Grant:
    """Field for field `Grant` in ILicenseRegistry.sol: what a licensor signs."""

    model_id: Hash32
    licensor: Address
    licensee: Address
    role: Role
    classes: int
    """Bit set: 1 << UseClass."""
    not_before_s: int
    expiry_s: int
    royalty_bps: int
    seq: int


def model_id(  # noqa: PLR0917 (the contract's own order)
    licensor: Address,
    program_root: Hash32,
    weights_root: Hash32,
    manifest_hash: Hash32,
    chain_id: int,
    oracle: Address,
) -> Hash32:
    """`modelIdOf`: the identity of a model registered by `licensor`."""
    return _hash(MODEL_TYPE, chain_id, oracle, licensor, program_root, weights_root, manifest_hash)


def request_id(request: Request, chain_id: int, oracle: Address) -> Hash32:
    """`idOf`: the identity of a request."""
    return _hash(
        REQUEST_TYPE,
        chain_id,
        oracle,
        request.requester,
        request.lane,
        request.seq,
        request.model_id,
        request.input_hash,
        request.operator,
        request.fee_wei,
        request.licensor,
        request.royalty_bps,
        request.terms_version,
        request.use_class,
        request.deadline_s,
        request.callback_gas,
    )


def result_hash(id_: Hash32, model: Hash32, output: bytes, chain_id: int, oracle: Address) -> Hash32:
    """`resultHashOf`: binds an answer to its request, model, chain and contract."""
    return _hash(RESULT_TYPE, chain_id, oracle, id_, model, keccak(output))


def grant_digest(grant: Grant, chain_id: int, oracle: Address) -> Hash32:
    """`hashGrant`: the EIP-712 digest a licensor signs."""
    domain = _hash(DOMAIN_TYPE, keccak(text=DOMAIN_NAME), keccak(text=DOMAIN_VERSION), chain_id, oracle)
    struct = _hash(
        GRANT_TYPE,
        grant.model_id,
        grant.licensor,
        grant.licensee,
        grant.role,
        grant.classes,
        grant.not_before_s,
        grant.expiry_s,
        grant.royalty_bps,
        grant.seq,
    )
    return Hash32(keccak(b"\x19\x01" + domain + struct))


def grant_typed_data(grant: Grant, chain_id: int, oracle: Address) -> dict[str, Any]:
    """Build the same grant as JSON for `eth_signTypedData_v4`, so that any wallet can sign it."""
    return {
        "types": {"EIP712Domain": _members(DOMAIN_TYPE), "Grant": _members(GRANT_TYPE)},
        "primaryType": "Grant",
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": "0x" + oracle.hex(),
        },
        "message": {
            "modelId": "0x" + grant.model_id.hex(),
            "licensor": "0x" + grant.licensor.hex(),
            "licensee": "0x" + grant.licensee.hex(),
            "role": int(grant.role),
            "classes": grant.classes,
            "notBefore": grant.not_before_s,
            "expiry": grant.expiry_s,
            "royaltyBps": grant.royalty_bps,
            "seq": grant.seq,
        },
    }


def type_hash(type_: str) -> Hash32:
    """keccak256 of an EIP-712 style type string."""
    return Hash32(keccak(text=type_))


def _hash(type_: str, *values: Any) -> Hash32:
    """Hash values in the order of the type's members; a string is given as its keccak256 (EIP-712)."""
    members = (member["type"] for member in _members(type_))
    types = ["bytes32", *("bytes32" if member == "string" else member for member in members)]
    return Hash32(keccak(encode(types, [type_hash(type_), *values])))


def _members(type_: str) -> list[dict[str, str]]:
    """`T(uint8 a,address b)` as [{"name": "a", "type": "uint8"}, {"name": "b", "type": "address"}]."""
    inside = type_[type_.index("(") + 1 : -1]
    pairs = (member.split(" ") for member in inside.split(","))
    return [{"name": name, "type": solidity} for solidity, name in pairs]

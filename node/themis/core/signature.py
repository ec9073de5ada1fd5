"""Signatures of accounts: 65 bytes r, s, v over a digest of 32 bytes. Pure."""

from typing import Final

from coincurve import PublicKey

from themis.core.keccak import keccak
from themis.core.types import Address

LENGTH: Final = 65
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Of secp256k1: the twin of a signature, whose `s` is above it, is none (EIP-2), as in Signatures.sol."""
_V: Final = (27, 28)


def signer(digest: bytes, signature: bytes) -> Address | None:
    """Whose key has signed; None where that is no signature of any."""
    if len(signature) != LENGTH or signature[-1] not in _V or int.from_bytes(signature[32:64]) > _HALF_ORDER:
        return None
    try:
        public = PublicKey.from_signature_and_message(
            signature[:-1] + bytes([signature[-1] - _V[0]]), digest, hasher=None
        )
    except ValueError:
        return None
    return Address(keccak(public.format(compressed=False)[1:])[12:])

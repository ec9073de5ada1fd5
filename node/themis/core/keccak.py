"""keccak256, Ethereum's hash: SHA-3 with the padding that it had before it became a standard."""

from Crypto.Hash import keccak as _implementation

_BITS = 256


def keccak(data: bytes) -> bytes:
    """32 bytes."""
    return _implementation.new(digest_bits=_BITS, data=data).digest()

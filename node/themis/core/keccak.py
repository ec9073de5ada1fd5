"""keccak256, Ethereum's hash: SHA-3 with the padding that it had before it became a standard."""

from sha3 import keccak_256


def keccak(data: bytes) -> bytes:
    """32 bytes."""
    digest: bytes = keccak_256(data).digest()
    return digest

"""A header's bloom excludes only what its block has not: against the construction of the yellow paper."""

from eth_utils.crypto import keccak

from themis.core.bloom import BLOOM_BYTES, Sieve, bits

ORACLE, OTHER = b"\x0a" * 20, b"\x0b" * 20
ASKED, ANSWERED, OPERATOR = (keccak(text=name) for name in ("Asked", "Answered", "operator"))
SIEVE = Sieve(ORACLE, [ASKED, ANSWERED], OPERATOR)


def bloom(*values: bytes) -> bytes:
    """By hand: the low 11 bits of the first three pairs of bytes of the hash, counted from the filter's right end."""
    found = bytearray(BLOOM_BYTES)
    for value in values:
        digest = keccak(value)
        for start in (0, 2, 4):
            bit = (digest[start] << 8 | digest[start + 1]) % 2048
            found[BLOOM_BYTES - 1 - bit // 8] |= 1 << bit % 8
    return bytes(found)


def passes(*values: bytes) -> bool:
    return SIEVE.may_pass(bloom(*values), has_transactions=True)


def test_each_value_sets_up_to_three_bits() -> None:
    assert bits(ORACLE).to_bytes(BLOOM_BYTES) == bloom(ORACLE)
    assert 1 <= bits(ORACLE).bit_count() <= 3


def test_a_block_with_our_log_always_passes() -> None:
    assert passes(ORACLE, ASKED, OPERATOR)
    assert passes(ORACLE, ANSWERED, OPERATOR, OTHER)
    assert SIEVE.may_pass(b"\xff" * BLOOM_BYTES, has_transactions=True)


def test_a_block_without_one_of_its_parts_does_not() -> None:
    assert not passes(OTHER, ASKED, OPERATOR)
    assert not passes(ORACLE, ASKED)
    assert not passes(ORACLE, OPERATOR)


def test_an_empty_bloom_is_believed_where_nothing_happened() -> None:
    empty = bytes(BLOOM_BYTES)
    assert not SIEVE.may_pass(empty, has_transactions=False)
    assert SIEVE.may_pass(empty, has_transactions=True), "some chains fill no blooms"

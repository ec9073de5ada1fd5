"""Abstract words: what a stack or memory slot may hold, as one integer.

A word >= 0 is a known constant. A word < 0 is unknown; `~word` is the set of bits below: where it came from.
"""

from enum import IntFlag
from typing import Final

Word = int


class Taint(IntFlag):
    """Where an unknown word came from."""

    CALLER = 1 << 0
    ORIGIN = 1 << 1
    CLOCK = 1 << 2  # timestamp, block number
    ENTROPY = 1 << 3  # blockhash, prevrandao, coinbase, gas limit
    STORED = 1 << 4
    BY_CALLER = 1 << 5  # a hash over the caller, or storage at such a hash
    BY_ORIGIN = 1 << 6
    DATA = 1 << 7  # call data
    RESULT = 1 << 8  # success flag of a call
    RETURNED = 1 << 9  # what a call returned
    PAID = 1 << 10  # call value or a balance
    STIPEND = 1 << 11  # the 2,300 gas of transfer and send
    RANDOM = 1 << 12  # a block value after a hash or a modulo
    HASHED = 1 << 13
    SELF = 1 << 14
    CODE = 1 << 15  # size or hash of code
    SELECTOR = 1 << 16
    EQ_SELECTOR = 1 << 17
    NE_SELECTOR = 1 << 18
    COMPARED = 1 << 19  # went through < or >
    AUTH = 1 << 20  # caller compared for equality
    ORIGIN_AUTH = 1 << 21  # origin compared for equality, not with the caller
    EOA = 1 << 22  # origin compared with the caller
    SUMMED = 1 << 23  # a storage word after + or -
    FLAG = 1 << 25  # cut to one byte, as a bool is
    NOT = 1 << 24  # negated an odd number of times: holds when what it came from is zero


# Plain integers: an IntFlag operation costs twenty times an int's, and the machine does thousands a contract.
CALLER: Final = int(Taint.CALLER)
ORIGIN: Final = int(Taint.ORIGIN)
CLOCK: Final = int(Taint.CLOCK)
ENTROPY: Final = int(Taint.ENTROPY)
STORED: Final = int(Taint.STORED)
BY_CALLER: Final = int(Taint.BY_CALLER)
BY_ORIGIN: Final = int(Taint.BY_ORIGIN)
DATA: Final = int(Taint.DATA)
RESULT: Final = int(Taint.RESULT)
RETURNED: Final = int(Taint.RETURNED)
PAID: Final = int(Taint.PAID)
STIPEND: Final = int(Taint.STIPEND)
RANDOM: Final = int(Taint.RANDOM)
HASHED: Final = int(Taint.HASHED)
SELF: Final = int(Taint.SELF)
CODE: Final = int(Taint.CODE)
SELECTOR: Final = int(Taint.SELECTOR)
EQ_SELECTOR: Final = int(Taint.EQ_SELECTOR)
NE_SELECTOR: Final = int(Taint.NE_SELECTOR)
COMPARED: Final = int(Taint.COMPARED)
AUTH: Final = int(Taint.AUTH)
ORIGIN_AUTH: Final = int(Taint.ORIGIN_AUTH)
EOA: Final = int(Taint.EOA)
SUMMED: Final = int(Taint.SUMMED)
NOT: Final = int(Taint.NOT)
FLAG: Final = int(Taint.FLAG)

BLOCK: Final = CLOCK | ENTROPY
UNKNOWN: Final[Word] = -1
MASK: Final = (1 << 256) - 1
GAS_STIPEND: Final = 2_300
_TEST_BITS: Final = COMPARED | AUTH | ORIGIN_AUTH | EOA | EQ_SELECTOR | NE_SELECTOR | NOT | FLAG


def taint(word: Word) -> int:
    """Bits of a word; a constant has none, but 2,300 is the stipend."""
    if word < 0:
        return ~word
    return STIPEND if word == GAS_STIPEND else 0


def equality(left: Word, right: Word) -> int:
    """Bits of `left == right` (or of their difference: a comparison with zero follows)."""
    bits = (taint(left) | taint(right)) & ~(NOT | FLAG)
    both = bits & (CALLER | ORIGIN)
    if both == CALLER | ORIGIN:
        return bits | EOA
    if both == ORIGIN:
        return bits | ORIGIN_AUTH
    if both == CALLER and _names_someone(right if taint(left) & CALLER else left):
        return bits | AUTH
    return bits


def _names_someone(word: Word) -> bool:
    """An address that the caller did not choose: a constant, storage, this contract, or another contract's word."""
    return word > 0 or (word < 0 and bool(~word & (STORED | SELF | RETURNED)))


def hashed(bits: int) -> int:
    """Bits of keccak256 over memory with these bits: identity survives as BY_*, block values become RANDOM."""
    kept = HASHED | (bits & (BY_CALLER | BY_ORIGIN | DATA | RANDOM | STORED))
    if bits & CALLER:
        kept |= BY_CALLER
    if bits & ORIGIN:
        kept |= BY_ORIGIN
    if bits & BLOCK:
        kept |= RANDOM
    return kept


def loaded(key: Word) -> int:
    """Bits of the storage word at `key`."""
    bits = taint(key)
    return STORED | (bits & (BY_CALLER | BY_ORIGIN) if bits & HASHED else 0)


def arithmetic(bits: int) -> int:
    """Bits of a number computed from operands: it is no longer a test's outcome."""
    return bits & ~_TEST_BITS


def summed(bits: int) -> int:
    """Bits of a sum or difference."""
    return arithmetic(bits) | (SUMMED if bits & STORED else 0)

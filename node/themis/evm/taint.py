"""Abstract words: what a stack or memory slot may hold, as one integer.

A word >= 0 is a known constant. A word < 0 is unknown; the low 32 bits of `~word` are the set below: where it is from.
The 32 bits above are its identity: equal for words computed in the same way, 0 where nobody kept track. It is a hash,
so it may name things but decides no branch. What is above that is its serial number, which only copies of one word
share: see `semantics.run`. An unknown word without taint whose identity is a small constant's is a *soft* constant:
what memory holds, or the difference of two places in it. It is as good as the constant for naming things, and no jump
or branch relies on it.
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
    NOT = 1 << 24  # negated an odd number of times: holds when what it came from is zero
    FLAG = 1 << 25  # cut to one byte, as a bool is
    HOLDS = 1 << 26  # known not to be zero on this path: a branch was taken on it
    FAILS = 1 << 27  # known to be zero on this path
    CLEARED = 1 << 28  # a storage word with one of its packed fields masked out
    SIGNED = 1 << 29  # what the ecrecover precompile returned; compared with somebody known: SIGNED and AUTH
    BY_DATA = 1 << 30  # storage at a hash over call data
    PINNED = 1 << 31  # call data compared for equality with a constant, storage or this contract


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
HOLDS: Final = int(Taint.HOLDS)
FAILS: Final = int(Taint.FAILS)
CLEARED: Final = int(Taint.CLEARED)
SIGNED: Final = int(Taint.SIGNED)
BY_DATA: Final = int(Taint.BY_DATA)
PINNED: Final = int(Taint.PINNED)

BLOCK: Final = CLOCK | ENTROPY
DISPATCH: Final = SELECTOR | EQ_SELECTOR | NE_SELECTOR
UNKNOWN: Final[Word] = -1
MASK: Final = (1 << 256) - 1
GAS_STIPEND: Final = 2_300
IDENTITY: Final = 32
"""Bits of an unknown word from here on are its identity."""
SERIAL: Final = 64
"""And from here on its serial number."""
_BITS: Final = (1 << IDENTITY) - 1
_FORGOTTEN_SEED: Final = 11
_NAMED: Final = (1 << SERIAL) - 1
_SOFT: Final = 1 << 16
"""Soft constants are below it."""
PRIME: Final = 4_294_967_291  # the largest prime below 2^32
_MIX: Final = 0x85EBCA6B
_SIGN: Final = 255
_STRIDE: Final = 0x9E3779B1
_INVERSE: Final = pow(_STRIDE, -1, PRIME)
_PASSING: Final = HOLDS | FAILS | CLEARED
"""Bits that no computation hands on."""
_KEPT: Final = _BITS & ~_PASSING
_TEST_BITS: Final = COMPARED | AUTH | ORIGIN_AUTH | EOA | EQ_SELECTOR | NE_SELECTOR | NOT | FLAG | PINNED | _PASSING


def taint(word: Word) -> int:
    """Bits of a word; a constant has none, but 2,300 is the stipend."""
    if word < 0:
        return ~word & _BITS
    return STIPEND if word == GAS_STIPEND else 0


def both(left: Word, right: Word) -> int:
    """Bits of something computed from two words."""
    if left < 0:
        if right < 0:
            return ~(left & right) & _KEPT
        return (~left | STIPEND if right == GAS_STIPEND else ~left) & _KEPT
    if right < 0:
        return (~right | STIPEND if left == GAS_STIPEND else ~right) & _KEPT
    return STIPEND if GAS_STIPEND in (left, right) else 0


def identity(word: Word) -> int:
    """A number below 2^32 that equal words share; 0 where unknown. Identities add up as (signed) words do."""
    if word < 0:
        return ~word >> IDENTITY & _BITS
    return (word - (MASK + 1) if word >> _SIGN else word) * _STRIDE % PRIME


def place(key: Word) -> int:
    """Identity of a storage key or an offset, in which zero is a place like any other; 0 where unknown."""
    if key < 0:
        known = constant(key)
        if known < 0:
            return identity(key)
        key = known
    return PRIME + key % PRIME


def total(left: int, right: int) -> int:
    """Identity of a sum, from those of its terms; 0 if one is unknown."""
    return (left + right) % PRIME if left and right else 0


def distance(left: int, right: int) -> int:
    """How much the word with the first identity is above the other's, modulo a prime near 2^32."""
    return (left - right) * _INVERSE % PRIME


def unknown(bits: int, identity_: int = 0) -> Word:
    return ~(bits | identity_ << IDENTITY)


def soft(word: Word) -> Word:
    """What a place in memory is said to hold: no longer exact, if it was a constant."""
    if word >= 0:
        return unknown(0, identity(word) or PRIME)
    bits = ~word & _NAMED & ~DISPATCH
    return ~(bits if bits & CLEARED else bits & ~(HOLDS | FAILS))


def constant(word: Word) -> int:
    """The value of a constant, soft ones too; -1 for every other word."""
    if word >= 0:
        return word
    if ~word & _BITS & ~NOT or not identity(word):
        return -1
    found = distance(identity(word), 0)
    return found if found < _SOFT else -1


def serial(word: Word) -> int:
    """What copies of one unknown word share; 0 if there are none."""
    return ~word >> SERIAL if word < 0 else 0


def numbered(word: Word, number: int) -> Word:
    """An unknown word with a serial number."""
    return ~(~word & _NAMED | number << SERIAL)


def forgotten(word: Word, index: int, depth: int) -> Word:
    """Any word, where a path gives up what it knew of one: `index` and `depth` name it."""
    return unknown(0, mixed(_FORGOTTEN_SEED, index, depth)) if word >= 0 else ~(~word & _NAMED & ~(HOLDS | FAILS))


def decided(word: Word) -> int:
    """HOLDS or FAILS if a branch on this path says so of an unknown word; else 0."""
    bits = ~word
    return 0 if bits & CLEARED else bits & (HOLDS | FAILS)


def mixed(seed: int, *parts: int) -> int:
    """Identity of something computed from identities in this order, by the way that `seed` numbers."""
    found = seed
    for part in parts:
        found = (found * _MIX + part + 1) % PRIME
    return found or 1


def equality(left: Word, right: Word) -> int:
    """Bits of `left == right` (or of their difference: a comparison with zero follows)."""
    bits = both(left, right) & ~(NOT | FLAG)
    if bits & SIGNED and _names_someone(right if taint(left) & SIGNED else left):
        return bits | AUTH
    who = bits & (CALLER | ORIGIN)
    if who == CALLER | ORIGIN:
        return bits | EOA
    if who == ORIGIN:
        return bits | ORIGIN_AUTH
    if who == CALLER and _names_someone(right if taint(left) & CALLER else left):
        return bits | AUTH
    if not who and bits & DATA and _pins(left if taint(left) & DATA else right, right if taint(left) & DATA else left):
        return bits | PINNED
    return bits


def _pins(chosen: Word, known: Word) -> bool:
    """True if a word of the call's data is compared with one that the caller did not choose."""
    free = not taint(chosen) & (STORED | RETURNED | HASHED)
    return free and (
        known > _BITS or (known < 0 and bool(~known & (STORED | SELF)) and not ~known & (DATA | BY_CALLER))
    )


def _names_someone(word: Word) -> bool:
    """An address that the caller did not choose: a constant, storage, this contract, or another contract's word."""
    return word > 0 or (word < 0 and bool(~word & (STORED | SELF | RETURNED)))


def hashed(bits: int) -> int:
    """Bits of keccak256 over memory with these bits: identity survives as BY_*, block values become RANDOM."""
    kept = HASHED | (bits & (BY_CALLER | BY_ORIGIN | DATA | RANDOM | STORED))
    if bits & (CALLER | SIGNED):
        kept |= BY_CALLER
    if bits & ORIGIN:
        kept |= BY_ORIGIN
    if bits & BLOCK:
        kept |= RANDOM
    return kept


def loaded(key: Word) -> int:
    """Bits of the storage word at `key`."""
    bits = taint(key)
    if not bits & HASHED:
        return STORED
    return STORED | bits & (BY_CALLER | BY_ORIGIN) | (BY_DATA if bits & DATA else 0)


def arithmetic(bits: int) -> int:
    """Bits of a number computed from operands: it is no longer a test's outcome."""
    return bits & ~_TEST_BITS


def summed(bits: int) -> int:
    """Bits of a sum or difference."""
    return arithmetic(bits) | (SUMMED if bits & STORED else 0)

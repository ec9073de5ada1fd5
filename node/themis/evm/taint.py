"""Abstract words: what a stack or memory slot may hold, and what becomes of it.

A word is a known constant, or unknown; then its bits, the set below, say where it is from. Its identity is equal for
words computed in the same way, 0 where nobody kept track. It is a hash, so it may name things but decides no branch.
Its serial number only copies of one word share: see `semantics.run`. An unknown word without bits whose identity is a
small constant's is a *soft* constant: what memory holds, or the difference of two places in it. It is as good as the
constant for naming things, and no jump or branch relies on it.
"""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

CALLER: Final = 1 << 0
ORIGIN: Final = 1 << 1
CLOCK: Final = 1 << 2  # timestamp, block number
ENTROPY: Final = 1 << 3  # blockhash, prevrandao, coinbase, gas limit
STORED: Final = 1 << 4
BY_CALLER: Final = 1 << 5  # a hash over the caller, or storage at such a hash
BY_ORIGIN: Final = 1 << 6
DATA: Final = 1 << 7  # call data
RESULT: Final = 1 << 8  # success flag of a call
RETURNED: Final = 1 << 9  # what a call returned
PAID: Final = 1 << 10  # call value or a balance
STIPEND: Final = 1 << 11  # the 2,300 gas of transfer and send
RANDOM: Final = 1 << 12  # a block value after a hash or a modulo
HASHED: Final = 1 << 13
SELF: Final = 1 << 14
CODE: Final = 1 << 15  # size or hash of code
SELECTOR: Final = 1 << 16
EQ_SELECTOR: Final = 1 << 17
NE_SELECTOR: Final = 1 << 18
COMPARED: Final = 1 << 19  # went through < or >
AUTH: Final = 1 << 20  # caller compared for equality
ORIGIN_AUTH: Final = 1 << 21  # origin compared for equality, not with the caller
EOA: Final = 1 << 22  # origin compared with the caller
SUMMED: Final = 1 << 23  # a storage word after + or -
NOT: Final = 1 << 24  # negated an odd number of times: holds when what it came from is zero
FLAG: Final = 1 << 25  # cut to one byte, as a bool is
HOLDS: Final = 1 << 26  # known not to be zero on this path: a branch was taken on it
FAILS: Final = 1 << 27  # known to be zero on this path
CLEARED: Final = 1 << 28  # a storage word with one of its packed fields masked out
SIGNED: Final = 1 << 29  # what the ecrecover precompile returned; compared with somebody known: SIGNED and AUTH
BY_DATA: Final = 1 << 30  # storage at a hash over call data
PINNED: Final = 1 << 31  # call data compared for equality with a constant, storage or this contract

BLOCK: Final = CLOCK | ENTROPY
DISPATCH: Final = SELECTOR | EQ_SELECTOR | NE_SELECTOR
MASK: Final = (1 << 256) - 1
GAS_STIPEND: Final = 2_300
_BITS: Final = (1 << 32) - 1
_FORGOTTEN_SEED: Final = 11
_SOFT: Final = 1 << 16
"""Soft constants are below it."""
PRIME: Final = 4_294_967_291  # the largest prime below 2^32
_MIX: Final = 0x85EBCA6B - PRIME  # modulo PRIME it is the same, and products fit into 64 bits
_SIGN: Final = 255
_STRIDE: Final = 0x9E3779B1
_INVERSE: Final = 1_034_565_218  # of _STRIDE, modulo PRIME
_DECIDED: Final = HOLDS | FAILS
_PASSING: Final = _DECIDED | CLEARED
"""Bits that no computation hands on."""
_KEPT: Final = _BITS & ~_PASSING
_TEST_BITS: Final = COMPARED | AUTH | ORIGIN_AUTH | EOA | EQ_SELECTOR | NE_SELECTOR | NOT | FLAG | PINNED | _PASSING
NOTHING: Final = -1
"""The fact that nothing is known."""
_HELD: Final = -2
_FAILED: Final = -3


@final
@mypyc_attr(acyclic=True)
class Word:
    """Never changed once it is made."""

    __slots__ = ("bits", "fact", "identity", "known", "leads", "serial", "value")

    def __init__(  # noqa: PLR0917 (made a thousand times a contract)
        self, bits: i64, identity: i64 = 0, serial: i64 = 0, value: int = 0, number: i64 = NOTHING, leads: i64 = 0
    ) -> None:
        """The last three: of a constant, see `Constants`."""
        self.known = number >= 0
        self.value = value
        """Of a constant."""
        self.leads = leads
        """Number of the JUMPDEST that a constant is the address of, from 1; else 0."""
        self.bits = bits
        """Of a constant none, but 2,300 is the stipend."""
        self.identity = identity
        """A number below 2^32; 0 where unknown. Identities add up as (signed) words do."""
        self.serial = serial
        """What copies of one unknown word share; 0 if there are none."""
        told = bits & _PASSING
        self.fact = _HELD if told == HOLDS else _FAILED if told == FAILS else number
        """What a path knows: which constant it is, what a branch said of an unknown word, or NOTHING."""


UNKNOWN: Final = Word(0)


@final
class Constants:
    """Those of one contract, each once."""

    __slots__ = ("jumpdests", "words")

    def __init__(self, jumpdests: dict[int, int]) -> None:
        """`jumpdests`: index of an instruction by program counter."""
        self.jumpdests = jumpdests
        self.words: dict[int, Word] = {}

    def of(self, value: int) -> Word:
        """`value`: from 0 to MASK."""
        word = self.words.get(value)
        if word is None:
            signed = value - (MASK + 1) if value >> _SIGN else value
            bits = STIPEND if value == GAS_STIPEND else 0
            leads = self.jumpdests.get(value, -1) + 1
            word = self.words[value] = Word(bits, signed * _STRIDE % PRIME, 0, value, len(self.words), leads)
        return word


def both(left: Word, right: Word) -> i64:
    """Bits of something computed from two words."""
    return (left.bits | right.bits) & _KEPT


def place(key: Word) -> i64:
    """Identity of a storage key or an offset, in which zero is a place like any other; 0 where unknown."""
    known = constant(key)
    return key.identity if known < 0 else PRIME + known % PRIME


def total(left: i64, right: i64) -> i64:
    """Identity of a sum, from those of its terms; 0 if one is unknown."""
    return (left + right) % PRIME if left and right else 0


def distance(left: i64, right: i64) -> i64:
    """How much the word with the first identity is above the other's, modulo a prime near 2^32."""
    return (left - right) * _INVERSE % PRIME


def soft(word: Word) -> Word:
    """What a place in memory is said to hold: no longer exact, if it was a constant."""
    if word.known:
        return Word(0, word.identity or PRIME)
    bits = word.bits & ~DISPATCH
    if not bits & CLEARED:
        bits &= ~_DECIDED
    return word if bits == word.bits and not word.serial else Word(bits, word.identity)


def constant(word: Word) -> int:
    """The value of a constant, soft ones too; -1 for every other word."""
    if word.known:
        return word.value
    if word.bits & ~NOT or not word.identity:
        return -1
    found = distance(word.identity, 0)
    return found if found < _SOFT else -1


def forgotten(word: Word, index: i64, depth: i64) -> Word:
    """Any word, where a path gives up what it knew of one: `index` and `depth` name it."""
    if word.known:
        return Word(0, mixed(mixed(_FORGOTTEN_SEED, index), depth) or 1)
    return Word(word.bits & ~_DECIDED, word.identity)


def decided(word: Word) -> i64:
    """HOLDS or FAILS if a branch on this path says so of an unknown word; else 0."""
    return 0 if word.bits & CLEARED else word.bits & _DECIDED


def mixed(seed: i64, part: i64) -> i64:
    """Identity of something computed from another one, by the way that `seed` numbers; or from more, one after another.

    May be 0, which would be no identity: see `named`.
    """
    return (seed * _MIX + part + 1) % PRIME


def named(seed: i64, part: i64) -> i64:
    """As `mixed`, at the end."""
    return mixed(seed, part) or 1


def equality(left: Word, right: Word) -> i64:
    """Bits of `left == right` (or of their difference: a comparison with zero follows)."""
    bits = both(left, right) & ~(NOT | FLAG)
    if bits & SIGNED and _names_someone(right if left.bits & SIGNED else left):
        return bits | AUTH
    who = bits & (CALLER | ORIGIN)
    if who == CALLER | ORIGIN:
        return bits | EOA
    if who == ORIGIN:
        return bits | ORIGIN_AUTH
    if who == CALLER and _names_someone(right if left.bits & CALLER else left):
        return bits | AUTH
    if not who and bits & DATA and (_pins(left, right) if left.bits & DATA else _pins(right, left)):
        return bits | PINNED
    return bits


def _pins(chosen: Word, other: Word) -> bool:
    """True if a word of the call's data is compared with one that the caller did not choose."""
    if chosen.bits & (STORED | RETURNED | HASHED):
        return False
    if other.known:
        return other.value > _BITS
    return bool(other.bits & (STORED | SELF)) and not other.bits & (DATA | BY_CALLER)


def _names_someone(word: Word) -> bool:
    """An address that the caller did not choose: a constant, storage, this contract, or another contract's word."""
    return word.value > 0 or (not word.known and bool(word.bits & (STORED | SELF | RETURNED)))


def hashed(bits: i64) -> i64:
    """Bits of keccak256 over memory with these bits: identity survives as BY_*, block values become RANDOM."""
    kept = HASHED | (bits & (BY_CALLER | BY_ORIGIN | DATA | RANDOM | STORED))
    if bits & (CALLER | SIGNED):
        kept |= BY_CALLER
    if bits & ORIGIN:
        kept |= BY_ORIGIN
    if bits & BLOCK:
        kept |= RANDOM
    return kept


def loaded(key: Word) -> i64:
    """Bits of the storage word at `key`."""
    bits = key.bits
    if not bits & HASHED:
        return STORED
    return STORED | bits & (BY_CALLER | BY_ORIGIN) | (BY_DATA if bits & DATA else 0)


def arithmetic(bits: i64) -> i64:
    """Bits of a number computed from operands: it is no longer a test's outcome."""
    return bits & ~_TEST_BITS


def summed(bits: i64) -> i64:
    """Bits of a sum or difference."""
    return arithmetic(bits) | (SUMMED if bits & STORED else 0)

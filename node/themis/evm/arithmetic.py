"""What arithmetic and comparisons do to abstract words: where they came from survives, their value only if constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mypy_extensions import i64

from themis.evm import taint as t
from themis.evm import vocabulary as v
from themis.evm.machine import Machine
from themis.evm.taint import MASK, UNKNOWN, Word

Handler = Callable[[Machine], int]
"""Runs one instruction; its token, or NONE. On the stack is what it pops, or more."""
_BOOL_MASK: Final = 0xFF
_MAX_SELECTOR: Final = 0xFFFFFFFF
_BITS: Final = 256
_TOP: Final = 255
_FAR: Final = 4_096
_SQUARED: Final = 32
_LOW: Final = (1 << _SQUARED) - 1
_TERMS: Final = 7
_STATES: Final = 1 << 32
"""From here on a constant is an amount, not one of a few states."""
_HOUR_S: Final = 3_600
"""From here on a remainder of the time is a date, not luck."""
_AUTH_SEED: Final = 4
_PRODUCT_SEED: Final = 6
_PIN_SEED: Final = 8
_MASK_SEED: Final = 9
_ADD_STORED: Final = v.ID["ADD.stored"]


def binary(fold: Callable[[int, int], int], *, kept: int) -> Handler:
    """Two operands, no event. `kept`: bits that go on."""

    def run(m: Machine) -> int:
        stack = m.stack
        left, right = stack.pop(), stack.pop()
        if left.known and right.known:
            stack.append(m.constants.of(fold(left.value, right.value) & MASK))
        else:
            stack.append(Word(t.both(left, right) & kept))
        return v.NONE

    return run


def modulo(m: Machine) -> int:
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left.known and right.known:
        stack.append(m.constants.of(left.value % right.value if right.value else 0))
        return v.NONE
    return _remainder(m, left, right)


def signed_modulo(m: Machine) -> int:
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left.known and right.known:
        size = abs(_signed(left.value)) % abs(_signed(right.value)) if right.value else 0
        stack.append(m.constants.of((size if _signed(left.value) >= 0 else -size) & MASK))
        return v.NONE
    return _remainder(m, left, right)


def _signed(value: int) -> int:
    return value - (MASK + 1) * (value >> _TOP)


def _remainder(m: Machine, left: Word, right: Word) -> int:
    bits = t.both(left, right)
    calendar = right.known and right.value >= _HOUR_S and not bits & (t.ENTROPY | t.RANDOM)
    lucky = bool(bits & t.BLOCK) and not calendar
    m.stack.append(Word(t.arithmetic(bits) | (t.RANDOM if lucky else 0)))
    if lucky or bits & t.RANDOM:
        return v.ID["MOD.block" if bits & t.BLOCK else "MOD.random"]
    return v.ID["MOD"] if bits & t.STORED else v.NONE


def add(m: Machine) -> int:
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left.known and right.known:
        stack.append(m.constants.of(left.value + right.value & MASK))
        return v.NONE
    bits = t.both(left, right)
    if left.known and not left.value:
        identity = right.identity
    elif right.known and not right.value:
        identity = left.identity
    else:
        identity = t.total(left.identity, right.identity)
    stack.append(Word(t.summed(bits), identity))
    return _ADD_STORED if bits & t.STORED else v.NONE


def _combined(seed: i64, left: Word, right: Word) -> i64:
    """Identity of a product or comparison: the same whichever operand comes first."""
    one, other = left.identity, right.identity
    if one > other:
        one, other = other, one
    return t.named(t.mixed(seed, one), other) if one else 0


def scaled(fold: Callable[[int, int], int], token: int) -> Handler:
    """MUL and DIV. By a power of two it only moves a packed field, which is no event."""
    multiplies = token == v.ID["MUL.stored"]

    def run(m: Machine) -> int:
        stack = m.stack
        left, right = stack.pop(), stack.pop()
        if left.known and right.known:
            stack.append(m.constants.of(fold(left.value, right.value) & MASK))
            return v.NONE
        bits = t.both(left, right)
        constant = _constant(left, right)
        moves = constant > 0 and constant & (constant - 1) == 0
        if multiplies:
            identity = _combined(_PRODUCT_SEED, left, right)
        else:
            identity = _unknown(left, right).identity if moves else 0
        stack.append(Word(bits, identity))
        return token if bits & t.STORED and not moves else v.NONE

    return run


def _constant(left: Word, right: Word) -> int:
    """The value of one of two operands, if it is known; else -1."""
    return left.value if left.known else right.value if right.known else -1


def _unknown(left: Word, right: Word) -> Word:
    """Of a known and an unknown operand the unknown one."""
    return right if left.known else left


def compare(fold: Callable[[int, int], int]) -> Handler:
    def run(m: Machine) -> int:
        stack = m.stack
        left, right = stack.pop(), stack.pop()
        if left.known and right.known:
            stack.append(m.constants.of(fold(left.value, right.value)))
        else:
            stack.append(Word(t.both(left, right) & ~(t.NOT | t.FLAG) | t.COMPARED))
        return v.NONE

    return run


def compare_signed(m: Machine) -> int:
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    known = left.known and right.known
    stack.append(UNKNOWN if known else Word(t.both(left, right) & ~(t.NOT | t.FLAG) | t.COMPARED))
    return v.NONE


def equal(fold: Callable[[int, int], int]) -> Handler:
    """EQ, and SUB or XOR used as "differs": the optimizer jumps on the difference."""
    equals, subtracts = fold is same, fold is difference
    selector_bit = t.EQ_SELECTOR if equals else t.NE_SELECTOR

    def run(m: Machine) -> int:
        stack = m.stack
        left, right = stack.pop(), stack.pop()
        if left.known and right.known:
            stack.append(m.constants.of(fold(left.value, right.value) & MASK))
            return v.NONE
        constant = _constant(left, right)
        if constant == 0:
            other = _unknown(left, right)
            stack.append(_negated(other) if equals else other)
        elif subtracts and (apart := _apart(left, right)) >= 0:
            stack.append(t.soft(m.constants.of(apart)))
        elif t.both(left, right) & t.SELECTOR and 0 <= constant <= _MAX_SELECTOR:
            stack.append(Word(t.DATA | t.SELECTOR | selector_bit))
        else:
            return _compared(m, left, right, equals=equals, subtracts=subtracts)
        return v.NONE

    return run


def _compared(m: Machine, left: Word, right: Word, *, equals: bool, subtracts: bool) -> int:
    known, bits = t.both(left, right), t.equality(left, right)
    event = v.identity(bits & ~known)
    identity = _compared_identity(m, left, right, pinned=bool(bits & t.PINNED & ~known), subtracts=subtracts)
    constant = _constant(left, right)
    if constant < 0 and bits & t.RETURNED and not (left.bits ^ right.bits) & ~t.NOT:
        bits &= ~(t.BY_CALLER | t.BY_ORIGIN)  # an answer is compared with itself: is it a bool?
    if 0 < constant < _STATES and bits & t.BY_CALLER and bits & t.STORED:
        bits |= t.FLAG  # one of a few states, as a bool is
    if event or not subtracts:
        m.stack.append(Word(bits if equals else bits | t.NOT, identity))
        return event
    m.stack.append(Word(t.summed(bits) | bits & t.FLAG | t.NOT, identity))
    return v.ID["SUB.stored"] if bits & t.STORED else v.NONE


def _compared_identity(m: Machine, left: Word, right: Word, *, pinned: bool, subtracts: bool) -> i64:
    """Compared with a constant it is still the word; a difference of places in memory is a place."""
    if pinned:
        identity = _combined(_PIN_SEED, left, right)
        m.relate(identity, left if left.bits & t.DATA else right)
        return identity
    if keeper := _keeper(m, left, right):
        return keeper
    identity = _unknown(left, right).identity if left.known or right.known else 0
    if subtracts and right.known and identity and not t.both(left, right) & t.STORED:
        return t.total(identity, t.PRIME - right.identity)
    return identity


def _keeper(m: Machine, left: Word, right: Word) -> i64:
    """Identity of a comparison with the caller (or a signer), if it is known where the other one is kept."""
    whom = right if left.bits & (t.CALLER | t.SIGNED) else left
    found = m.places.get(whom.identity, 0)
    if not found or not t.equality(left, right) & t.AUTH:
        return 0
    about = t.named(_AUTH_SEED, whom.identity)
    m.loose.keepers[about] = found
    return about


def _apart(left: Word, right: Word) -> i64:
    """The difference of two places in memory that are a known, small number of bytes apart; else -1."""
    if not left.identity or not right.identity or t.both(left, right) & ~(t.DATA | t.NOT):
        return -1
    found = t.distance(left.identity, right.identity)
    return found if found < _FAR else -1


def and_(m: Machine) -> int:
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left.known and right.known:
        stack.append(m.constants.of(left.value & right.value))
        return v.NONE
    bits = t.both(left, right)
    if not left.known and not right.known:
        stack.append(Word(bits))
        return v.NONE
    mask, same = _constant(left, right), _unknown(left, right).identity
    if mask >> _TOP and bits & t.STORED:
        stack.append(Word(bits | t.CLEARED))
        return v.NONE
    if mask & mask + 1:
        same = _combined(_MASK_SEED, left, right)
    stack.append(Word(bits | t.FLAG if mask == _BOOL_MASK else bits, same))
    return v.NONE


def or_(m: Machine) -> int:
    """Puts a field into a packed word; then what it is, is what the field is."""
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left.known and right.known:
        stack.append(m.constants.of(left.value | right.value))
        return v.NONE
    if left.bits & t.CLEARED:
        left, right = right, left
    if not right.bits & t.CLEARED or right.bits & (t.HOLDS | t.FAILS):
        stack.append(Word(t.both(left, right)))
    elif left.known:
        stack.append(Word(t.STORED | t.CLEARED | (t.HOLDS if left.value else t.FAILS)))
    else:
        stack.append(Word(t.both(left, left), left.identity))
    return v.NONE


def iszero(m: Machine) -> int:
    stack = m.stack
    word = stack.pop()
    stack.append(m.constants.of(0 if word.value else 1) if word.known else _negated(word))
    return v.NONE


def _negated(word: Word) -> Word:
    bits = word.bits ^ t.NOT
    if bits & t.CLEARED:
        bits &= ~(t.CLEARED | t.HOLDS | t.FAILS)
    if bits & (t.EQ_SELECTOR | t.NE_SELECTOR):
        bits ^= t.EQ_SELECTOR | t.NE_SELECTOR
    if bits & (t.HOLDS | t.FAILS):
        bits ^= t.HOLDS | t.FAILS
    return Word(bits, word.identity, word.serial)


def not_(m: Machine) -> int:
    stack = m.stack
    word = stack.pop()
    stack.append(m.constants.of(word.value ^ MASK) if word.known else Word(t.both(word, word), word.identity))
    return v.NONE


def power(base: int, exponent: int) -> int:
    """EXP. An even base is soon zero; an odd one, squared 32 times, is 1 modulo 2^34, so eight terms of its series do.

    In a sixth of the time of `pow`: code may be full of them.
    """
    if not base & 1:
        return pow(base, exponent, MASK + 1) if exponent < _BITS else 0
    found, square, low, many = 1, base, exponent & _LOW, exponent >> _SQUARED
    for _ in range(_SQUARED if many else low.bit_length()):
        if low & 1:
            found = found * square & MASK
        low >>= 1
        square = square * square & MASK
    series, chosen, raised = 1, 1, 1
    for term in range(_TERMS if many else 0):
        chosen = chosen * (many - term) // (term + 1)
        raised = raised * (square - 1) & MASK
        series += chosen * raised
    return found * series & MASK


def same(left: int, right: int) -> int:
    return int(left == right)


def differ(left: int, right: int) -> int:
    return left ^ right


def difference(left: int, right: int) -> int:
    return left - right


def shift_left(shift: int, word: int) -> int:
    return word << shift if shift < _BITS else 0


def shr(m: Machine) -> int:
    """By a constant it only takes a packed field out."""
    stack = m.stack
    shift, word = stack.pop(), stack.pop()
    if shift.known and word.known:
        stack.append(m.constants.of(word.value >> shift.value if shift.value < _BITS else 0))
    else:
        stack.append(Word(t.both(shift, word), word.identity if shift.known else 0))
    return v.NONE

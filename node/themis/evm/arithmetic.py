"""What arithmetic and comparisons do to abstract words: where they came from survives, their value only if constant."""

from collections.abc import Callable
from typing import Final

from themis.evm import taint as t
from themis.evm import vocabulary as v
from themis.evm.machine import Machine
from themis.evm.taint import MASK, Word, taint

Handler = Callable[[Machine], int]
"""Runs one instruction; its token, or NONE. On the stack is what it pops, or more."""
_BOOL_MASK: Final = 0xFF
_MAX_SELECTOR: Final = 0xFFFFFFFF
_BITS: Final = 256
_TOP: Final = 255
_FAR: Final = 4_096
_STATES: Final = 1 << 32
"""From here on a constant is an amount, not one of a few states."""
_HOUR_S: Final = 3_600
"""From here on a remainder of the time is a date, not luck."""
_AUTH_SEED, _PRODUCT_SEED, _PIN_SEED, _MASK_SEED = 4, 6, 8, 9


def binary(fold: Callable[[int, int], int], join: Callable[[int], int]) -> Handler:
    """Two operands, no event."""

    def run(m: Machine) -> int:
        stack = m.stack
        left, right = stack.pop(), stack.pop()
        if left >= 0 and right >= 0:
            stack.append(fold(left, right) & MASK)
            return v.NONE
        stack.append(~join(t.both(left, right)))
        return v.NONE

    return run


def modulo(m: Machine) -> int:
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left >= 0 and right >= 0:
        stack.append(left % right if right else 0)
        return v.NONE
    return _remainder(m, left, right)


def signed_modulo(m: Machine) -> int:
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left >= 0 and right >= 0:
        size = abs(_signed(left)) % abs(_signed(right)) if right else 0
        stack.append((size if _signed(left) >= 0 else -size) & MASK)
        return v.NONE
    return _remainder(m, left, right)


def _signed(word: int) -> int:
    return word - (MASK + 1) * (word >> _TOP)


def _remainder(m: Machine, left: Word, right: Word) -> int:
    bits = t.both(left, right)
    calendar = right >= _HOUR_S and not bits & (t.ENTROPY | t.RANDOM)
    lucky = bool(bits & t.BLOCK) and not calendar
    m.stack.append(~(t.arithmetic(bits) | (t.RANDOM if lucky else 0)))
    if lucky or bits & t.RANDOM:
        return v.ID["MOD.block" if bits & t.BLOCK else "MOD.random"]
    return v.ID["MOD"] if bits & t.STORED else v.NONE


def add(m: Machine) -> int:
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left >= 0 and right >= 0:
        stack.append(left + right & MASK)
        return v.NONE
    bits = t.both(left, right)
    moved = left and right
    stack.append(
        t.unknown(t.summed(bits), t.total(t.identity(left), t.identity(right)) if moved else t.identity(left + right))
    )
    return v.ID["ADD.stored"] if bits & t.STORED else v.NONE


def _combined(seed: int, left: Word, right: Word) -> int:
    """Identity of a product or comparison: the same whichever operand comes first."""
    one, other = sorted((t.identity(left), t.identity(right)))
    return t.mixed(seed, one, other) if one else 0


def scaled(fold: Callable[[int, int], int], token: int) -> Handler:
    """MUL and DIV. By a power of two it only moves a packed field, which is no event."""

    def run(m: Machine) -> int:
        stack = m.stack
        left, right = stack.pop(), stack.pop()
        if left >= 0 and right >= 0:
            stack.append(fold(left, right) & MASK)
            return v.NONE
        bits = t.both(left, right)
        constant = max(left, right)
        moves = constant > 0 and constant & (constant - 1) == 0
        kept = t.identity(min(left, right)) if moves else 0
        stack.append(t.unknown(bits, _combined(_PRODUCT_SEED, left, right) if token == v.ID["MUL.stored"] else kept))
        return token if bits & t.STORED and not moves else v.NONE

    return run


def compare(fold: Callable[[int, int], int]) -> Handler:
    def run(m: Machine) -> int:
        stack = m.stack
        left, right = stack.pop(), stack.pop()
        known = left >= 0 and right >= 0
        stack.append(fold(left, right) if known else ~(t.both(left, right) & ~(t.NOT | t.FLAG) | t.COMPARED))
        return v.NONE

    return run


def equal(fold: Callable[[int, int], int]) -> Handler:
    """EQ, and SUB or XOR used as "differs": the optimizer jumps on the difference."""
    equals, subtracts = fold is same, fold is difference
    selector_bit = t.EQ_SELECTOR if equals else t.NE_SELECTOR

    def run(m: Machine) -> int:
        stack = m.stack
        left, right = stack.pop(), stack.pop()
        constant = max(left, right)
        apart = _apart(left, right) if subtracts else None
        if left >= 0 and right >= 0:
            stack.append(fold(left, right) & MASK)
        elif constant == 0:
            stack.append(_negated(min(left, right)) if equals else min(left, right))
        elif apart is not None:
            stack.append(t.soft(apart))
        elif t.both(left, right) & t.SELECTOR and 0 <= constant <= _MAX_SELECTOR:
            stack.append(~(t.DATA | t.SELECTOR | selector_bit))
        else:
            return _compared(m, left, right, equals=equals, subtracts=subtracts)
        return v.NONE

    return run


def _compared(m: Machine, left: Word, right: Word, *, equals: bool, subtracts: bool) -> int:
    known, bits = t.both(left, right), t.equality(left, right)
    event = v.identity(bits & ~known)
    identity = _compared_identity(m, left, right, pinned=bool(bits & t.PINNED & ~known), subtracts=subtracts)
    if left < 0 and right < 0 and bits & t.RETURNED and not (taint(left) ^ taint(right)) & ~t.NOT:
        bits &= ~(t.BY_CALLER | t.BY_ORIGIN)  # an answer is compared with itself: is it a bool?
    if 0 < max(left, right) < _STATES and bits & t.BY_CALLER and bits & t.STORED:
        bits |= t.FLAG  # one of a few states, as a bool is
    if event or not subtracts:
        m.stack.append(t.unknown(bits if equals else bits | t.NOT, identity))
        return event
    m.stack.append(t.unknown(t.summed(bits) | bits & t.FLAG | t.NOT, identity))
    return v.ID["SUB.stored"] if bits & t.STORED else v.NONE


def _compared_identity(m: Machine, left: Word, right: Word, *, pinned: bool, subtracts: bool) -> int:
    """Compared with a constant it is still the word; a difference of places in memory is a place."""
    if pinned:
        identity = _combined(_PIN_SEED, left, right)
        m.relate(identity, left if taint(left) & t.DATA else right)
        return identity
    if keeper := _keeper(m, left, right):
        return keeper
    identity = t.identity(min(left, right)) if max(left, right) >= 0 else 0
    if subtracts and right >= 0 and identity and not t.both(left, right) & t.STORED:
        return t.total(identity, t.PRIME - t.identity(right))
    return identity


def _keeper(m: Machine, left: Word, right: Word) -> int:
    """Identity of a comparison with the caller (or a signer), if it is known where the other one is kept."""
    asks = t.CALLER | t.SIGNED
    whom = right if taint(left) & asks else left
    found = m.places.get(t.identity(whom), 0)
    if not found or not t.equality(left, right) & t.AUTH:
        return 0
    about = t.mixed(_AUTH_SEED, t.identity(whom))
    m.loose.keepers[about] = found
    return about


def _apart(left: Word, right: Word) -> int | None:
    """The difference of two places in memory that are a known number of bytes apart."""
    one, other = t.identity(left), t.identity(right)
    if 0 in (left, right) or t.both(left, right) & ~(t.DATA | t.NOT) or not one or not other:
        return None
    found = t.distance(one, other)
    return found if found < _FAR else None


def and_(m: Machine) -> int:
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left >= 0 and right >= 0:
        stack.append(left & right)
        return v.NONE
    bits, mask = t.both(left, right), max(left, right)
    if mask < 0:
        stack.append(~bits)
    elif mask >> _TOP and bits & t.STORED:
        stack.append(~(bits | t.CLEARED))
    else:
        same = t.identity(min(left, right))
        if mask & mask + 1:
            same = _combined(_MASK_SEED, left, right)
        stack.append(t.unknown(bits | t.FLAG if mask == _BOOL_MASK else bits, same))
    return v.NONE


def or_(m: Machine) -> int:
    """Puts a field into a packed word; then what it is, is what the field is."""
    stack = m.stack
    left, right = stack.pop(), stack.pop()
    if left >= 0 and right >= 0:
        stack.append(left | right)
        return v.NONE
    if taint(left) & t.CLEARED:
        left, right = right, left
    cleared = taint(right) & t.CLEARED and not taint(right) & (t.HOLDS | t.FAILS)
    if cleared and left < 0:
        stack.append(t.unknown(t.both(left, left), t.identity(left)))
    elif cleared:
        stack.append(~(t.STORED | t.CLEARED | (t.HOLDS if left else t.FAILS)))
    else:
        stack.append(~t.both(left, right))
    return v.NONE


def iszero(m: Machine) -> int:
    stack = m.stack
    word = stack.pop()
    stack.append(int(word == 0) if word >= 0 else _negated(word))
    return v.NONE


def _negated(word: Word) -> Word:
    bits = ~word ^ t.NOT
    if bits & t.CLEARED:
        bits &= ~(t.CLEARED | t.HOLDS | t.FAILS)
    for pair in (t.EQ_SELECTOR | t.NE_SELECTOR, t.HOLDS | t.FAILS):
        if bits & pair:
            bits ^= pair
    return ~bits


def not_(m: Machine) -> int:
    stack = m.stack
    word = stack.pop()
    stack.append(word ^ MASK if word >= 0 else t.unknown(t.both(word, word), t.identity(word)))
    return v.NONE


def keep(bits: int) -> int:
    return bits


def same(left: int, right: int) -> int:
    return int(left == right)


def differ(left: int, right: int) -> int:
    return left ^ right


def difference(left: int, right: int) -> int:
    return left - right


def shift_left(shift: int, word: int) -> int:
    return word << shift if shift < _BITS else 0


def _shift_right(shift: int, word: int) -> int:
    return word >> shift if shift < _BITS else 0


def shr(m: Machine) -> int:
    """By a constant it only takes a packed field out."""
    stack = m.stack
    shift, word = stack.pop(), stack.pop()
    if shift >= 0 and word >= 0:
        stack.append(_shift_right(shift, word))
    else:
        stack.append(t.unknown(t.both(shift, word), t.identity(word) if shift >= 0 and word < 0 else 0))
    return v.NONE

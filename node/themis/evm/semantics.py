"""What one instruction does to a path's state, and the token it leaves."""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import i64

from themis.evm import arithmetic as a
from themis.evm import opcodes as op
from themis.evm import taint as t
from themis.evm import vocabulary as v
from themis.evm.arithmetic import Handler
from themis.evm.disassembly import Program
from themis.evm.machine import GRANTED, MAX_STACK, Machine
from themis.evm.taint import UNKNOWN, Constants, Word

_KEY_BYTES: Final = 64
"""What is hashed for a mapping's place: key and slot."""
_SLOT_OFFSET: Final = 32
STEERS: Final = [code in op.ENDING or code in (op.JUMP, op.JUMPI, op.JUMPDEST) for code in range(256)]
"""What a path does not simply go on after, by opcode."""
_SIGNATURES: Final = 1
"""Address of the ecrecover precompile."""
_PRECOMPILES: Final = 9
_SOURCE_SEED: Final = 1
_DATA_SEED: Final = 2
_HASH_SEED: Final = 3
_TRANSIENT_SEED: Final = 7
_MADE_SEED: Final = 12
_ITEM_SEED: Final = 13
"""5 and 10 are Machine's, 11 is taint's, the others arithmetic's."""


@final
class Code:
    """A program as it is run."""

    __slots__ = ("constants", "ops", "program", "words")

    def __init__(self, program: Program) -> None:
        self.program = program
        self.ops = program.ops
        self.constants = Constants(program.jumpdests)
        self.words: list[Word | None] = [None] * len(program.ops)
        """What a PUSH pushes, once it was run."""

    def pushed(self, index: int) -> Word:
        """What the PUSH there pushes."""
        word = self.words[index] = self.constants.of(self.program.values[index])
        return word


def run(m: Machine, code: Code, index: i64, end: i64) -> i64:  # noqa: C901, PLR0912 (all time goes here)
    """Run instructions from `index` on until one leaves a token (`m.token`): its index.

    Or until one steers (STEERS), which is not run, or `end`: that index, and NONE. Copies of a word share a serial
    number: what a branch says of one is then known of all.
    """
    ops, words, stack = code.ops, code.words, m.stack
    old = m.apart
    while index < end:
        opcode: i64 = ops[index]
        if opcode < op.PUSH0 or opcode > op.SWAP16:
            if opcode == op.POP and not m.untested:
                if stack:
                    stack.pop()
            elif STEERS[opcode]:
                break
            else:
                while len(stack) < POPPED[opcode]:
                    stack.insert(0, UNKNOWN)
                if token := HANDLERS[opcode](m):
                    m.token = token
                    return index
        elif opcode <= op.DUP16:
            below = op.PUSH32 - opcode
            if below >= 0:
                stack.append(words[index] or code.pushed(index))
            elif -below > len(stack):
                stack.append(UNKNOWN)
            else:
                word = stack[below]
                if not word.known and word.serial <= old:
                    m.serial += 1
                    word = stack[below] = Word(word.bits, word.identity, m.serial)
                stack.append(word)
            if len(stack) > MAX_STACK:
                del stack[0]
        else:
            below = op.DUP16 - 1 - opcode
            while len(stack) < -below:
                stack.insert(0, UNKNOWN)
            stack[-1], stack[below] = stack[below], stack[-1]
        index += 1
    m.token = v.NONE
    return index


def _generic(opcode: int) -> Handler:
    """Only what it pops and pushes matters."""
    pops, pushes = op.EFFECTS[opcode] or (0, 0)

    def run(m: Machine) -> int:
        bits: i64 = 0
        for _ in range(pops):
            bits |= m.pop().bits
        if pushes:
            m.push(Word(t.arithmetic(bits)))
        return v.NONE

    return run


def _source(bits: int, token: int = v.NONE) -> Handler:
    word = Word(bits, t.named(_SOURCE_SEED, bits))

    def run(m: Machine) -> int:
        m.push(word)
        return token

    return run


def _lookup(bits: int, token: int = v.NONE) -> Handler:
    word = Word(bits)

    def run(m: Machine) -> int:
        m.pop()
        m.push(word)
        return token

    return run


def _keccak(m: Machine) -> int:
    offset, size = m.pop(), m.pop()
    bits = t.hashed(m.read_bits(offset, size))
    within = m.read_identity(offset, size)
    found = t.named(_HASH_SEED, within) if within else 0
    if t.constant(size) == _KEY_BYTES:
        key = m.read_word(offset)
        if key.bits & t.DATA:
            m.relate(found, key)
        found = _item(m, t.constant(offset), found)
    m.push(Word(bits, found))
    return v.ID["HASH.random"] if bits & t.RANDOM else v.NONE


def _item(m: Machine, at: int, key: i64) -> i64:
    """Identity of an item's place in a mapping, if it is known where that is. 0 for `key`: some item."""
    where = m.read_at(at + _SLOT_OFFSET) if at >= 0 else UNKNOWN
    slot, loose = t.place(where), m.loose
    if not slot:
        return key
    if not key:
        key = t.named(_ITEM_SEED, slot)
        loose.anywhere.add(key)
    loose.bases[key] = loose.bases.get(slot, slot)
    if slot in loose.bases:
        loose.nested.add(key)
    elif not where.bits and t.constant(where) < 0:
        loose.folded.add(slot)
    return key


def _calldataload(m: Machine) -> int:
    offset = m.pop()
    at = t.place(offset)
    first = offset.known and not offset.value
    m.push(Word(t.DATA | t.SELECTOR if first else t.DATA, t.named(_DATA_SEED, at) if at else 0))
    return v.NONE


def _copy(bits: int) -> Handler:
    word = Word(bits)

    def run(m: Machine) -> int:
        offset, _, _ = m.pop(), m.pop(), m.pop()
        m.write(offset, word)
        return v.NONE

    return run


def _mcopy(m: Machine) -> int:
    to, from_, size = m.pop(), m.pop(), m.pop()
    m.write(to, Word(m.read_bits(from_, size)))
    return v.NONE


def _returndatacopy(m: Machine) -> int:
    offset, _, _ = m.pop(), m.pop(), m.pop()
    m.write(offset, Word(m.returned))
    return v.NONE


def _mload(m: Machine) -> int:
    m.push(m.read_word(m.pop()))
    return v.NONE


def _mstore(m: Machine) -> int:
    offset, word = m.pop(), m.pop()
    m.write(offset, word)
    return v.NONE


def _pop(m: Machine) -> int:
    return v.ID["DROPPED"] if m.drops(m.pop()) else v.NONE


def _sload(m: Machine) -> int:
    key = m.pop()
    m.push(Word(t.loaded(key), m.load(t.place(key))))
    return v.sload(key)


def _sstore(m: Machine) -> int:
    key, value = m.pop(), m.pop()
    kind = v.value(value)
    place, own = t.place(key), bool(key.bits & t.BY_CALLER)
    if value.bits & (t.CALLER | t.DATA) or (kind == "const" and own):
        m.give(place, own=own)
    elif kind == "const" and (key.bits & t.DATA or place in m.loose.anywhere):
        m.enroll(place)
    else:
        m.copy(value, place)
    fixed = key.known and kind in ("zero", "const")
    state = m.store(place, fixed=fixed, fills=key.known and kind != "zero", whole=value.known)
    return v.sstore(key, kind, state)


def _transient(key: Word) -> i64:
    found = t.place(key)
    return t.named(_TRANSIENT_SEED, found) if found else 0


def _tload(m: Machine) -> int:
    m.push(Word(t.STORED, m.load(_transient(m.pop()))))
    return v.ID["TLOAD"]


def _tstore(m: Machine) -> int:
    key, value = m.pop(), m.pop()
    m.store(_transient(key), fixed=key.known and value.known, fills=False, whole=True)
    return v.ID["TSTORE"]


def _popped(count: int, token: int) -> Handler:
    def run(m: Machine) -> int:
        for _ in range(count):
            m.pop()
        return token

    return run


def _create(salted: int, token: int) -> Handler:
    """What is made from code that came from nowhere but this contract's is as good as known."""

    def run(m: Machine) -> int:
        _, offset, _ = m.pop(), m.pop(), m.pop()
        for _ in range(salted):
            m.pop()
        m.serial += 1
        made = Word(t.RETURNED, t.named(_MADE_SEED, m.serial))
        if not m.read_word(offset).bits:
            m.made |= {made.identity}
        m.push(made)
        return token

    return run


def _finish_call(m: Machine, target: Word, *, asks: bool) -> None:
    """Pop the four memory operands, taint what comes back, push the success flag. `asks`: it only answers."""
    sent, size, offset, _ = m.pop(), m.pop(), m.pop(), m.pop()
    about = m.read_bits(sent, size) if asks else 0
    bits: i64 = t.RETURNED
    if target.known and target.value == _SIGNATURES:
        bits |= t.SIGNED
    else:
        bits |= (t.BY_CALLER if about & t.CALLER else 0) | (t.BY_ORIGIN if about & t.ORIGIN else 0)
    if target.bits & (t.DATA | t.STORED) == t.DATA:
        bits |= t.DATA  # who answers is the caller's choice
    m.write(offset, Word(bits))
    m.returned = bits
    m.push(m.called(asks=asks))


def _call(m: Machine) -> int:
    gas, target, amount_wei = m.pop(), m.pop(), m.pop()
    _finish_call(m, target, asks=False)
    if not (target.known and target.value <= _PRECOMPILES) and not v.stipend(gas):
        stored = target.bits & (t.STORED | t.BY_CALLER | t.DATA) == t.STORED
        known = target.known or stored or target.identity in m.made
        m.hand_over(target.identity, known=amount_wei.known and not amount_wei.value and known)
    return v.call(gas, target, amount_wei)


def _callcode(m: Machine) -> int:
    _, target, _ = m.pop(), m.pop(), m.pop()
    _finish_call(m, target, asks=False)
    return v.delegatecall(target, _reached(m, target))


def _delegatecall(m: Machine) -> int:
    _, target = m.pop(), m.pop()
    _finish_call(m, target, asks=False)
    return v.delegatecall(target, _reached(m, target))


def _reached(m: Machine, target: Word) -> int:
    """A target that was looked up or compared is as good as a caller in charge."""
    m.target = target
    return GRANTED if target.identity in m.vouched else m.level


def _staticcall(m: Machine) -> int:
    _, target = m.pop(), m.pop()
    _finish_call(m, target, asks=True)
    if m.returned & t.BY_CALLER:
        m.loose.charge |= m.places.get(target.identity, 0)
    return v.staticcall(target)


def _selfdestruct(m: Machine) -> int:
    return v.selfdestruct(m.pop(), m.level)


_NAMED: Final[dict[int, Handler]] = {
    op.ADD: a.add,
    op.MUL: a.scaled(lambda x, y: x * y, v.ID["MUL.stored"]),
    op.SUB: a.equal(a.difference),
    op.DIV: a.scaled(lambda x, y: x // y if y else 0, v.ID["DIV.stored"]),
    op.MOD: a.modulo,
    op.SMOD: a.signed_modulo,
    op.EXP: a.binary(a.power, kept=t.arithmetic(-1)),
    op.LT: a.compare(lambda x, y: int(x < y)),
    op.GT: a.compare(lambda x, y: int(x > y)),
    op.SLT: a.compare_signed,
    op.SGT: a.compare_signed,
    op.EQ: a.equal(a.same),
    op.XOR: a.equal(a.differ),
    op.ISZERO: a.iszero,
    op.NOT: a.not_,
    op.AND: a.and_,
    op.OR: a.or_,
    op.SHL: a.binary(a.shift_left, kept=-1),
    op.SHR: a.shr,
    op.KECCAK256: _keccak,
    op.ADDRESS: _source(t.SELF),
    op.BALANCE: _lookup(t.PAID, v.ID["BALANCE"]),
    op.SELFBALANCE: _source(t.PAID, v.ID["BALANCE"]),
    op.ORIGIN: _source(t.ORIGIN, v.ID["ORIGIN"]),
    op.CALLER: _source(t.CALLER),
    op.CALLVALUE: _source(t.PAID),
    op.CALLDATALOAD: _calldataload,
    op.CALLDATACOPY: _copy(t.DATA),
    op.CODECOPY: _copy(0),
    op.MCOPY: _mcopy,
    op.RETURNDATACOPY: _returndatacopy,
    op.EXTCODESIZE: _lookup(t.CODE, v.ID["EXTCODE"]),
    op.EXTCODEHASH: _lookup(t.CODE, v.ID["EXTCODE"]),
    op.BLOCKHASH: _lookup(t.ENTROPY, v.ID["ENTROPY"]),
    op.TIMESTAMP: _source(t.CLOCK, v.ID["CLOCK"]),
    op.NUMBER: _source(t.CLOCK, v.ID["CLOCK"]),
    **{code: _source(t.ENTROPY, v.ID["ENTROPY"]) for code in (op.COINBASE, op.PREVRANDAO, op.GASLIMIT)},
    op.POP: _pop,
    op.MLOAD: _mload,
    op.MSTORE: _mstore,
    op.MSTORE8: _mstore,
    op.SLOAD: _sload,
    op.SSTORE: _sstore,
    op.TLOAD: _tload,
    op.TSTORE: _tstore,
    **{op.LOG0 + topics: _popped(2 + topics, v.ID["LOG"]) for topics in range(5)},
    op.CREATE: _create(0, v.ID["CREATE"]),
    op.CREATE2: _create(1, v.ID["CREATE2"]),
    op.CALL: _call,
    op.CALLCODE: _callcode,
    op.DELEGATECALL: _delegatecall,
    op.STATICCALL: _staticcall,
    op.SELFDESTRUCT: _selfdestruct,
    op.JUMPDEST: _popped(0, v.NONE),
    op.STOP: _popped(0, v.ID["STOP"]),
    op.RETURN: _popped(2, v.ID["RETURN"]),
    op.REVERT: _popped(2, v.ID["REVERT"]),
    op.INVALID: _popped(0, v.ID["REVERT"]),
}

POPPED: Final = [pops for pops, _ in (effect or (0, 0) for effect in op.EFFECTS)]
"""How many words an instruction takes off the stack, by opcode."""
HANDLERS: Final = [_NAMED.get(opcode) or _generic(opcode) for opcode in range(256)]
"""What runs an instruction, by opcode, and returns its token or NONE: for all but JUMP, JUMPI, PUSH, DUP and SWAP."""

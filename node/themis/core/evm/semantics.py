"""What one instruction does to abstract words: where they came from survives, their value only where it is constant."""

from collections.abc import Callable
from typing import Final

from themis.core.evm import opcodes as op
from themis.core.evm import taint as t
from themis.core.evm import vocabulary as v
from themis.core.evm.machine import Machine
from themis.core.evm.taint import MASK, UNKNOWN, Word, taint

_BOOL_MASK: Final = 0xFF
_MAX_SELECTOR: Final = 0xFFFFFFFF
_BITS: Final = 256
_REACH: Final = 16
"""Words of the stack that an instruction can still reach."""


def execute(m: Machine, opcode: int, value: int) -> int:
    """Run any instruction but JUMP and JUMPI; `value` is what a PUSH pushes. Returns its token, or NONE."""
    if op.PUSH0 <= opcode <= op.SWAP16:
        if opcode <= op.PUSH32:
            m.push(value)
        elif opcode <= op.DUP16:
            m.dup(opcode - op.PUSH32)
        else:
            m.swap(opcode - op.DUP16)
        return v.NONE
    handler = _HANDLERS[opcode]
    return handler(m) if handler else _generic(m, opcode)


def _generic(m: Machine, opcode: int) -> int:
    pops, pushes = op.EFFECTS[opcode] or (0, 0)
    bits = 0
    for _ in range(pops):
        bits |= taint(m.pop())
    if pushes:
        m.push(~t.arithmetic(bits))
    return v.NONE


Handler = Callable[[Machine], int]


def _source(bits: int, token: int = v.NONE) -> Handler:
    def run(m: Machine) -> int:
        m.push(~bits)
        return token

    return run


def _lookup(bits: int, token: int = v.NONE) -> Handler:
    def run(m: Machine) -> int:
        m.pop()
        m.push(~bits)
        return token

    return run


def _binary(
    fold: Callable[[int, int], int], join: Callable[[int], int], token: int = v.NONE, block_token: int = v.NONE
) -> Handler:
    """Two operands. `token` when storage is involved, `block_token` when a block value is."""

    def run(m: Machine) -> int:
        left, right = m.pop(), m.pop()
        if left >= 0 and right >= 0:
            m.push(fold(left, right) & MASK)
            return v.NONE
        bits = taint(left) | taint(right)
        m.push(~join(bits))
        if bits & t.BLOCK and block_token:
            return block_token
        return token if bits & t.STORED else v.NONE

    return run


def _scaled(fold: Callable[[int, int], int], token: int) -> Handler:
    """MUL and DIV. By a power of two it only moves a packed field, which is no event."""

    def run(m: Machine) -> int:
        left, right = m.pop(), m.pop()
        if left >= 0 and right >= 0:
            m.push(fold(left, right) & MASK)
            return v.NONE
        bits = taint(left) | taint(right)
        m.push(~bits)
        constant = max(left, right)
        moves = constant > 0 and constant & (constant - 1) == 0
        return token if bits & t.STORED and not moves else v.NONE

    return run


def _compare(fold: Callable[[int, int], int]) -> Handler:
    def run(m: Machine) -> int:
        left, right = m.pop(), m.pop()
        known = left >= 0 and right >= 0
        m.push(fold(left, right) if known else ~((taint(left) | taint(right)) & ~(t.NOT | t.FLAG) | t.COMPARED))
        return v.NONE

    return run


def _equal(fold: Callable[[int, int], int]) -> Handler:
    """EQ, and SUB or XOR used as "differs": the optimizer jumps on the difference."""
    equals = fold is _same
    selector_bit = t.EQ_SELECTOR if equals else t.NE_SELECTOR

    def run(m: Machine) -> int:
        left, right = m.pop(), m.pop()
        if left >= 0 and right >= 0:
            m.push(fold(left, right) & MASK)
            return v.NONE
        constant = max(left, right)
        if equals and constant == 0:
            m.push(_negated(min(left, right)))
            return v.NONE
        known, bits = taint(left) | taint(right), t.equality(left, right)
        if bits & t.SELECTOR and 0 <= constant <= _MAX_SELECTOR:
            m.push(~(t.DATA | t.SELECTOR | selector_bit))
            return v.NONE
        identity = v.identity(bits & ~known)
        if identity or equals:
            m.push(~(bits if equals else bits | t.NOT))
            return identity
        m.push(~(t.summed(bits) | t.NOT if fold is _sub else bits | t.NOT))
        return v.ID["SUB.stored"] if fold is _sub and bits & t.STORED else v.NONE

    return run


def _and(m: Machine) -> int:
    left, right = m.pop(), m.pop()
    if left >= 0 and right >= 0:
        m.push(left & right)
        return v.NONE
    bits = taint(left) | taint(right)
    m.push(~(bits | t.FLAG if max(left, right) == _BOOL_MASK else bits))
    return v.NONE


def _iszero(m: Machine) -> int:
    word = m.pop()
    m.push(int(word == 0) if word >= 0 else _negated(word))
    return v.NONE


def _negated(word: Word) -> Word:
    bits = ~word ^ t.NOT
    if bits & (t.EQ_SELECTOR | t.NE_SELECTOR):
        bits ^= t.EQ_SELECTOR | t.NE_SELECTOR
    return ~bits


def _not(m: Machine) -> int:
    word = m.pop()
    m.push(word ^ MASK if word >= 0 else word)
    return v.NONE


def _keep(bits: int) -> int:
    return bits


def _modulo(bits: int) -> int:
    return t.arithmetic(bits) | (t.RANDOM if bits & t.BLOCK else 0)


def _same(left: int, right: int) -> int:
    return int(left == right)


def _differ(left: int, right: int) -> int:
    return left ^ right


def _sub(left: int, right: int) -> int:
    return left - right


def _shift_left(shift: int, word: int) -> int:
    return word << shift if shift < _BITS else 0


def _shift_right(shift: int, word: int) -> int:
    return word >> shift if shift < _BITS else 0


def _keccak(m: Machine) -> int:
    offset, size = m.pop(), m.pop()
    bits = t.hashed(m.read_bits(offset, size))
    m.push(~bits)
    return v.ID["HASH.random"] if bits & t.RANDOM else v.NONE


def _calldataload(m: Machine) -> int:
    m.push(~(t.DATA | t.SELECTOR if m.pop() == 0 else t.DATA))
    return v.NONE


def _copy(bits: int) -> Handler:
    def run(m: Machine) -> int:
        offset, _, _ = m.pop(), m.pop(), m.pop()
        m.write(offset, ~bits)
        return v.NONE

    return run


def _mload(m: Machine) -> int:
    offset = m.pop()
    m.push(m.memory.get(offset, ~m.floating) if offset >= 0 else ~m.floating)
    return v.NONE


def _mstore(m: Machine) -> int:
    offset, word = m.pop(), m.pop()
    m.write(offset, word)
    return v.NONE


def _pop(m: Machine) -> int:
    if taint(m.pop()) & t.RESULT and m.untested and not any(taint(word) & t.RESULT for word in m.stack[-_REACH:]):
        m.untested = False
        return v.ID["DROPPED"]
    return v.NONE


def _sload(m: Machine) -> int:
    key = m.pop()
    m.push(~t.loaded(key))
    return v.sload(key)


def _sstore(m: Machine) -> int:
    key, value = m.pop(), m.pop()
    return v.sstore(key, value)


def _tload(m: Machine) -> int:
    m.pop()
    m.push(~t.STORED)
    return v.ID["TLOAD"]


def _tstore(m: Machine) -> int:
    m.pop()
    m.pop()
    return v.ID["TSTORE"]


def _log(topics: int) -> Handler:
    def run(m: Machine) -> int:
        for _ in range(2 + topics):
            m.pop()
        return v.ID["LOG"]

    return run


def _create(pops: int, token: int) -> Handler:
    def run(m: Machine) -> int:
        for _ in range(pops):
            m.pop()
        m.push(~t.RETURNED)
        return token

    return run


def _finish_call(m: Machine) -> None:
    """Pop the four memory operands, taint what comes back, push the success flag."""
    _, _, offset, _ = m.pop(), m.pop(), m.pop(), m.pop()
    m.write(offset, ~t.RETURNED)
    m.push(~t.RESULT)
    m.untested = True


def _call(m: Machine) -> int:
    gas, target, amount_wei = m.pop(), m.pop(), m.pop()
    _finish_call(m)
    return v.call(gas, target, amount_wei)


def _callcode(m: Machine) -> int:
    _, target, _ = m.pop(), m.pop(), m.pop()
    _finish_call(m)
    return v.delegatecall(target)


def _delegatecall(m: Machine) -> int:
    _, target = m.pop(), m.pop()
    _finish_call(m)
    return v.delegatecall(target)


def _staticcall(m: Machine) -> int:
    _, target = m.pop(), m.pop()
    _finish_call(m)
    return v.staticcall(target)


def _selfdestruct(m: Machine) -> int:
    return v.selfdestruct(m.pop())


def _end(token: int, pops: int) -> Handler:
    def run(m: Machine) -> int:
        for _ in range(pops):
            m.pop()
        return token

    return run


def _handlers() -> tuple[Handler | None, ...]:
    table: list[Handler | None] = [None] * 256
    modulo = _binary(lambda a, b: a % b if b else 0, _modulo, v.ID["MOD"], v.ID["MOD.block"])
    named: dict[int, Handler] = {
        op.ADD: _binary(lambda a, b: a + b, t.summed, v.ID["ADD.stored"]),
        op.MUL: _scaled(lambda a, b: a * b, v.ID["MUL.stored"]),
        op.SUB: _equal(_sub),
        op.DIV: _scaled(lambda a, b: a // b if b else 0, v.ID["DIV.stored"]),
        op.MOD: modulo,
        op.SMOD: modulo,
        op.EXP: _binary(lambda a, b: pow(a, b, MASK + 1), t.arithmetic),
        op.LT: _compare(lambda a, b: int(a < b)),
        op.GT: _compare(lambda a, b: int(a > b)),
        op.SLT: _compare(lambda _a, _b: UNKNOWN),
        op.SGT: _compare(lambda _a, _b: UNKNOWN),
        op.EQ: _equal(_same),
        op.XOR: _equal(_differ),
        op.ISZERO: _iszero,
        op.NOT: _not,
        op.AND: _and,
        op.OR: _binary(lambda a, b: a | b, _keep),
        op.SHL: _binary(_shift_left, _keep),
        op.SHR: _binary(_shift_right, _keep),
        op.KECCAK256: _keccak,
        op.ADDRESS: _source(t.SELF),
        op.BALANCE: _lookup(t.PAID, v.ID["BALANCE"]),
        op.SELFBALANCE: _source(t.PAID, v.ID["BALANCE"]),
        op.ORIGIN: _source(t.ORIGIN, v.ID["ORIGIN"]),
        op.CALLER: _source(t.CALLER),
        op.CALLVALUE: _source(t.PAID),
        op.CALLDATALOAD: _calldataload,
        op.CALLDATACOPY: _copy(t.DATA),
        op.RETURNDATACOPY: _copy(t.RETURNED),
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
        **{op.LOG0 + topics: _log(topics) for topics in range(5)},
        op.CREATE: _create(3, v.ID["CREATE"]),
        op.CREATE2: _create(4, v.ID["CREATE2"]),
        op.CALL: _call,
        op.CALLCODE: _callcode,
        op.DELEGATECALL: _delegatecall,
        op.STATICCALL: _staticcall,
        op.SELFDESTRUCT: _selfdestruct,
        op.JUMPDEST: _end(v.NONE, 0),
        op.STOP: _end(v.ID["STOP"], 0),
        op.RETURN: _end(v.ID["RETURN"], 2),
        op.REVERT: _end(v.ID["REVERT"], 2),
        op.INVALID: _end(v.ID["REVERT"], 0),
    }
    for opcode, handler in named.items():
        table[opcode] = handler
    return tuple(table)


_HANDLERS: Final = _handlers()

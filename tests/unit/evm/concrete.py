"""An EVM that really computes, on made-up surroundings: what the tracer must have covered."""

from collections.abc import Callable
from random import Random
from typing import Final

from eth_utils.crypto import keccak

from themis.evm import opcodes as op
from themis.evm.disassembly import Program

MASK: Final = (1 << 256) - 1
_MAX_STEPS: Final = 3_000
_MAX_MEMORY: Final = 1 << 16
_LIKELY: Final = (0, 1, 2, 3, 5, 31, 255, 1 << 160, 1 << 255, MASK)


def _signed(word: int) -> int:
    return word - (1 << 256) if word >> 255 else word


def _quotient(a: int, b: int) -> int:
    size = abs(_signed(a)) // abs(_signed(b)) if b else 0
    return size if (_signed(a) < 0) == (_signed(b) < 0) else -size


def _remainder(a: int, b: int) -> int:
    size = abs(_signed(a)) % abs(_signed(b)) if b else 0
    return -size if _signed(a) < 0 else size


_BINARY: Final[dict[int, Callable[[int, int], int]]] = {
    op.ADD: lambda a, b: a + b,
    op.MUL: lambda a, b: a * b,
    op.SUB: lambda a, b: a - b,
    op.DIV: lambda a, b: a // b if b else 0,
    op.SDIV: _quotient,
    op.MOD: lambda a, b: a % b if b else 0,
    op.SMOD: _remainder,
    op.EXP: lambda a, b: pow(a, b, 1 << 256),
    op.LT: lambda a, b: a < b,
    op.GT: lambda a, b: a > b,
    op.SLT: lambda a, b: _signed(a) < _signed(b),
    op.SGT: lambda a, b: _signed(a) > _signed(b),
    op.EQ: lambda a, b: a == b,
    op.AND: lambda a, b: a & b,
    op.OR: lambda a, b: a | b,
    op.XOR: lambda a, b: a ^ b,
    op.BYTE: lambda a, b: b >> 8 * (31 - a) & 0xFF if a < 32 else 0,
    op.SHL: lambda a, b: b << a if a < 256 else 0,
    op.SHR: lambda a, b: b >> a if a < 256 else 0,
    op.SAR: lambda a, b: _signed(b) >> min(a, 256),
}


class HaltError(Exception):
    """The run ends here."""


class Run:
    """One call of a program. Whatever it asks its surroundings, the generator of `rng` answers."""

    def __init__(self, code: bytes, program: Program, data: bytes, rng: Random) -> None:
        self.code, self.program, self.data, self.rng = code, program, data, rng
        self.stack: list[int] = []
        self.memory = bytearray(_MAX_MEMORY)
        self.storage: dict[int, int] = {}
        self.ran: set[int] = set()
        """Indices of the instructions that ran."""

    def go(self) -> set[int]:
        index = 0
        try:
            for _ in range(_MAX_STEPS):
                if index >= len(self.program.ops):
                    break
                self.ran.add(index)
                index = self._step(index)
        except HaltError:
            pass
        return self.ran

    def _pop(self) -> int:
        if not self.stack:
            raise HaltError
        return self.stack.pop()

    def _some(self) -> int:
        return self.rng.choice(_LIKELY)

    def _place(self, offset: int, size: int) -> slice:
        if size and offset + size > _MAX_MEMORY:
            raise HaltError
        return slice(offset, offset + size) if size else slice(0, 0)

    def _copy(self, source: bytes) -> None:
        to, from_, size = self._pop(), self._pop(), self._pop()
        place = self._place(to, size)
        self.memory[place] = source[from_ : from_ + size].ljust(place.stop - place.start, b"\0")

    def _jump(self, target: int) -> int:
        if target not in self.program.jumpdests:
            raise HaltError
        return self.program.jumpdests[target]

    def _step(self, index: int) -> int:  # noqa: C901 (one case a kind of instruction)
        code, stack = self.program.ops[index], self.stack
        if op.PUSH0 <= code <= op.PUSH32:
            stack.append(self.program.values[index])
        elif op.PUSH32 < code <= op.DUP16:
            if len(stack) < code - op.PUSH32:
                raise HaltError
            stack.append(stack[-(code - op.PUSH32)])
        elif op.DUP16 < code <= op.SWAP16:
            depth = code - op.DUP16
            if len(stack) <= depth:
                raise HaltError
            stack[-1], stack[-1 - depth] = stack[-1 - depth], stack[-1]
        elif code == op.JUMP:
            return self._jump(self._pop())
        elif code == op.JUMPI:
            target, condition = self._pop(), self._pop()
            return self._jump(target) if condition else index + 1
        elif code in op.ENDING:
            raise HaltError
        elif code in _BINARY:
            stack.append(int(_BINARY[code](self._pop(), self._pop())) & MASK)
        else:
            self._other(code)
        if len(stack) > 1024:
            raise HaltError
        return index + 1

    def _other(self, code: int) -> None:  # noqa: C901, PLR0912 (one case an instruction)
        stack = self.stack
        if code == op.ISZERO:
            stack.append(int(self._pop() == 0))
        elif code == op.NOT:
            stack.append(self._pop() ^ MASK)
        elif code == op.KECCAK256:
            stack.append(int.from_bytes(keccak(bytes(self.memory[self._place(self._pop(), self._pop())])), "big"))
        elif code == op.CALLDATALOAD:
            at = self._pop()
            stack.append(int.from_bytes(self.data[at : at + 32].ljust(32, b"\0"), "big"))
        elif code == op.CALLDATASIZE:
            stack.append(len(self.data))
        elif code == op.CALLDATACOPY:
            self._copy(self.data)
        elif code == op.CODECOPY:
            self._copy(self.code)
        elif code == op.RETURNDATACOPY:
            self._copy(self.rng.randbytes(64))
        elif code == op.MCOPY:
            to, from_, size = self._pop(), self._pop(), self._pop()
            self.memory[self._place(to, size)] = bytes(self.memory[self._place(from_, size)])
        elif code == op.MLOAD:
            stack.append(int.from_bytes(self.memory[self._place(self._pop(), 32)], "big"))
        elif code == op.MSTORE:
            self.memory[self._place(self._pop(), 32)] = self._pop().to_bytes(32, "big")
        elif code == op.MSTORE8:
            self.memory[self._place(self._pop(), 1)] = bytes([self._pop() & 0xFF])
        elif code in (op.SLOAD, op.TLOAD):
            stack.append(self.storage.setdefault(self._pop(), self._some()))
        elif code in (op.SSTORE, op.TSTORE):
            self.storage[self._pop()] = self._pop()
        elif code in (op.CALL, op.CALLCODE, op.DELEGATECALL, op.STATICCALL):
            self._call(7 if code in (op.CALL, op.CALLCODE) else 6)
        else:
            pops, pushes = op.EFFECTS[code] or (0, 0)
            for _ in range(pops):
                self._pop()
            stack.extend(self._some() for _ in range(pushes))

    def _call(self, pops: int) -> None:
        words = [self._pop() for _ in range(pops)]
        place = self._place(words[-2], words[-1])
        self.memory[place] = self.rng.randbytes(place.stop - place.start)
        self.stack.append(self.rng.randrange(2))

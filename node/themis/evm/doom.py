"""Which places do nothing but revert, whatever is on the stack."""

from dataclasses import dataclass, field
from typing import Final

from themis.evm import opcodes as op
from themis.evm.disassembly import Program
from themis.evm.machine import Machine
from themis.evm.semantics import STEERS, run

_MAX_STEPS: Final = 200
_REVERTS: Final = frozenset((op.REVERT, op.INVALID))
_ENDS: Final = op.ENDING | {op.JUMPI, op.SSTORE, op.CALL, op.DELEGATECALL, op.CREATE}


@dataclass(slots=True)
class Doom:
    """Decided once for each place, from an empty stack: what a caller left there must not matter."""

    program: Program
    reached: bytearray
    steps: int = 0
    _known: dict[int, bool] = field(default_factory=dict)

    def awaits(self, index: int) -> bool:
        """True if the code here does nothing but revert."""
        known = self._known.get(index)
        if known is None:
            known = self._known[index] = self._only_reverts(index)
        return known

    def _only_reverts(self, start: int) -> bool:
        ops, visited, stack = self.program.ops, list[int](), _Stack(self.program)
        index: int | None = start
        while len(visited) < _MAX_STEPS and index is not None and index < len(ops):
            visited.append(index)
            opcode = ops[index]
            if opcode in _ENDS:
                break
            index = stack.target(visited) if opcode == op.JUMP else index + 1
        self.steps += len(visited)
        if not visited or ops[visited[-1]] not in _REVERTS:
            return False
        for at in visited:
            self.reached[at] = 1
        return True


@dataclass(slots=True)
class _Stack:
    """Where jumps go. Most say so just before, so what came earlier runs only for one that does not."""

    program: Program
    _machine: Machine | None = None
    _ran: int = 0

    def target(self, visited: list[int]) -> int | None:
        """The index that a JUMP, the last that was visited, goes to; None if it is not known."""
        program, before = self.program, visited[-1] - 1
        if len(visited) > 1 and op.PUSH0 <= program.ops[before] <= op.PUSH32:
            return program.jumpdests.get(program.values[before])
        m = self._machine = self._machine or Machine()
        at, last = self._ran, len(visited) - 1
        while at < last:
            index = visited[at]
            if program.ops[index] in STEERS:  # a JUMP or a JUMPDEST: none of the others is gone beyond
                if program.ops[index] == op.JUMP:
                    m.pop()
                at += 1
            else:
                after, token = run(m, program, index, index + last - at)
                at += after - index + bool(token)
        self._ran = last
        return program.jumpdests.get(m.stack[-1] if m.stack else -1)

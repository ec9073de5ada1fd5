"""Which places do nothing but revert, whatever is on the stack."""

from dataclasses import dataclass, field
from typing import Final

from themis.evm import opcodes as op
from themis.evm.disassembly import Program
from themis.evm.machine import Machine
from themis.evm.semantics import execute

_MAX_STEPS: Final = 200
_ENDS: Final = (op.ENDING - {op.REVERT, op.INVALID}) | {op.JUMPI, op.SSTORE, op.CALL, op.DELEGATECALL, op.CREATE}


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
        program, m, visited = self.program, Machine(), []
        index: int | None = start
        for _ in range(_MAX_STEPS):
            if index is None or index >= len(program.ops):
                return False
            opcode = program.ops[index]
            self.steps += 1
            visited.append(index)
            if opcode in (op.REVERT, op.INVALID):
                for at in visited:
                    self.reached[at] = 1
                return True
            if opcode in _ENDS:
                return False
            if opcode == op.JUMP:
                index = program.jumpdests.get(m.pop())
            else:
                execute(m, opcode, program.values[index])
                index += 1
        return False

"""Which places do nothing but revert, whatever is on the stack."""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import mypyc_attr

from themis.evm import opcodes as op
from themis.evm.machine import Loose, Machine
from themis.evm.semantics import STEERS, Code, run

_MAX_STEPS: Final = 200
_ENDS: Final = [
    code in op.ENDING or code in (op.JUMPI, op.SSTORE, op.CALL, op.DELEGATECALL, op.CREATE) for code in range(256)
]


@final
class Doom:
    """Decided once for each place, from an empty stack: what a caller left there must not matter."""

    __slots__ = ("_code", "_known", "_loose", "reached", "steps")

    def __init__(self, code: Code, reached: list[int]) -> None:
        self._code = code
        self._loose = Loose(code.constants)
        """Of no path: no jump depends on it."""
        self._known: dict[int, bool] = {}
        self.reached = reached
        self.steps = 0

    def awaits(self, index: int) -> bool:
        """True if the code here does nothing but revert."""
        known = self._known.get(index)
        if known is None:
            known = self._known[index] = self._only_reverts(index)
        return known

    def _only_reverts(self, start: int) -> bool:
        ops, visited, stack = self._code.ops, list[int](), _Stack(self._code, self._loose)
        index = start
        while len(visited) < _MAX_STEPS and 0 <= index < len(ops):
            visited.append(index)
            opcode = ops[index]
            if _ENDS[opcode]:
                break
            index = stack.target(visited) if opcode == op.JUMP else index + 1
        self.steps += len(visited)
        if not visited or ops[visited[-1]] not in (op.REVERT, op.INVALID):
            return False
        for at in visited:
            self.reached[at] = 1
        return True


@final
@mypyc_attr(acyclic=True)
class _Stack:
    """Where jumps go. Most say so just before, so what came earlier runs only for one that does not."""

    __slots__ = ("_code", "_loose", "_machine", "_ran")

    def __init__(self, code: Code, loose: Loose) -> None:
        self._code = code
        self._loose = loose
        self._machine: Machine | None = None
        self._ran = 0

    def target(self, visited: list[int]) -> int:
        """The index that a JUMP, the last that was visited, goes to; -1 if it is not known."""
        code, before = self._code, visited[-1] - 1
        ops, jumpdests = code.ops, code.program.jumpdests
        if len(visited) > 1 and op.PUSH0 <= ops[before] <= op.PUSH32:
            return jumpdests.get(code.program.values[before], -1)
        m = self._machine = self._machine or Machine(self._loose)
        at, last = self._ran, len(visited) - 1
        while at < last:
            index = visited[at]
            if STEERS[ops[index]]:  # a JUMP or a JUMPDEST: none of the others is gone beyond
                if ops[index] == op.JUMP:
                    m.pop()
                at += 1
            else:
                after = run(m, code, index, index + last - at)
                at += after - index + bool(m.token)
        self._ran = last
        return jumpdests.get(m.stack[-1].value, -1) if m.stack and m.stack[-1].known else -1

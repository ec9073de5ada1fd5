"""Walk a contract from each selector entry and write down what happens, in program order."""

from dataclasses import dataclass, field
from typing import Final

from themis.evm import opcodes as op
from themis.evm import taint as t
from themis.evm import vocabulary as v
from themis.evm.disassembly import Program
from themis.evm.machine import Machine
from themis.evm.semantics import execute
from themis.evm.taint import Word, taint

MAX_FUNCTIONS: Final = 64
MAX_TOKENS: Final = 192
MAX_STEPS: Final = 40_000
"""Instructions interpreted for one contract; bounds the time on hostile code."""
_MAX_FUNCTION_STEPS: Final = 6_000
_MAX_DOOM_STEPS: Final = 200
_CONTEXT: Final = 8
_CONTEXT_DEPTH: Final = 48
_DISPATCH_WINDOW: Final = 12
"""A dispatcher's PUSH of a selector is at most so many instructions before its JUMPI."""

_ENDINGS: Final = frozenset(v.ID[name] for name in ("REVERT", "RETURN", "STOP", "JOIN"))
_ENDS_DOOM: Final = (op.ENDING - {op.REVERT, op.INVALID}) | {op.JUMPI, op.SSTORE, op.CALL, op.DELEGATECALL, op.CREATE}


@dataclass(frozen=True, slots=True)
class Trace:
    """One function: tokens and, for each, the program counter that caused it."""

    selector: int | None
    """None for what runs when no selector matches."""
    tokens: tuple[int, ...]
    pcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Path:
    """Where to go on, and with what on the stack."""

    index: int
    machine: Machine
    selector: int = 0


@dataclass(slots=True)
class Tracer:
    """Traces of one program. `reached` marks the instructions that some path ran."""

    program: Program
    reached: bytearray = field(init=False)
    _steps: int = field(default=0, init=False)
    _entries: list[_Path] = field(default_factory=list, init=False)
    _doomed: dict[int, bool] = field(default_factory=dict, init=False)
    _work: list[_Path] = field(default_factory=list, init=False)
    _seen: set[tuple[int, ...]] = field(default_factory=set, init=False)
    _tokens: list[int] = field(default_factory=list, init=False)
    _pcs: list[int] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.reached = bytearray(len(self.program.ops))

    def run(self) -> list[Trace]:
        """The fallback first, then functions in the order the dispatcher tests them."""
        fallback = self._trace(None, _Path(0, Machine()))
        entries = self._entries[: MAX_FUNCTIONS - 1]
        return [fallback, *(self._trace(entry.selector, entry) for entry in entries)]

    def _trace(self, selector: int | None, entry: _Path) -> Trace:
        self._tokens = [v.ID["ENTRY.fallback" if selector is None else "ENTRY.function"]]
        self._pcs = [self.program.pcs[entry.index] if self.program.pcs else 0]
        self._seen = set()
        self._work = [entry]
        limit = min(MAX_STEPS, self._steps + _MAX_FUNCTION_STEPS)
        while self._work and self._steps < limit:
            self._follow(self._work.pop(), limit)
        return Trace(selector, tuple(self._tokens), tuple(self._pcs))

    def _emit(self, token: int, index: int) -> None:
        repeats = token in _ENDINGS and self._tokens[-1] == token
        if token and not repeats and len(self._tokens) < MAX_TOKENS:
            self._tokens.append(token)
            self._pcs.append(self.program.pcs[index])

    def _follow(self, path: _Path, limit: int) -> None:
        """Run one path until it ends, joins an older one, or the budget is spent."""
        program, m, index = self.program, path.machine, path.index
        while index < len(program.ops) and self._steps < limit:
            opcode = program.ops[index]
            self._steps += 1
            self.reached[index] = 1
            following: int | None = index + 1
            if opcode == op.JUMP:
                following = program.jumpdests.get(m.pop())
            elif opcode == op.JUMPI:
                following = self._branch(index, m)
            elif opcode == op.JUMPDEST and self._joins(index, m):
                following = None
            else:
                if m.untested and opcode in (op.STOP, op.RETURN):
                    self._emit(v.ID["DROPPED"], index)
                self._emit(execute(m, opcode, program.values[index]), index)
                if opcode in op.ENDING:
                    following = None
            if following is None:
                return
            index = following

    def _joins(self, index: int, m: Machine) -> bool:
        """A block runs once for each level, side of the first call, and context: the code addresses nearest the top."""
        jumpdests = self.program.jumpdests
        context = [word for word in m.stack[: -_CONTEXT_DEPTH - 1 : -1] if word in jumpdests]
        key = (index, m.level, int(m.handed_over), *context[:_CONTEXT])
        if key in self._seen:
            self._emit(v.ID["JOIN"], index)
            return True
        self._seen.add(key)
        return False

    def _branch(self, index: int, m: Machine) -> int | None:
        """Where to go on after a JUMPI; the other side, if it can go on too, waits.

        The side where the condition's source holds comes first, however the compiler laid it out.
        """
        target, condition = self.program.jumpdests.get(m.pop()), m.pop()
        bits = taint(condition)
        if target is None:
            return index + 1
        if bits & (t.EQ_SELECTOR | t.NE_SELECTOR):
            entry, rest = (target, index + 1) if bits & t.EQ_SELECTOR else (index + 1, target)
            self._enter(index, entry, m)
            return rest
        if bits & (t.HOLDS | t.FAILS):
            return target if bits & t.HOLDS else index + 1
        m.decide(condition)
        dispatching = bits & t.SELECTOR
        stays_doomed, jumps_doomed = self._is_doomed(index + 1, m), self._is_doomed(target, m)
        if stays_doomed or jumps_doomed:
            if (stays_doomed and jumps_doomed) or (condition == 0 and stays_doomed) or (condition > 0 and jumps_doomed):
                self._emit(v.ID["REVERT"], index)
                return None
            self._emit(v.NONE if dispatching else v.guard(condition, passes=stays_doomed), index)
            _learn(m, condition, nonzero=stays_doomed)
            return target if stays_doomed else index + 1
        self._emit(v.NONE if dispatching else v.fork(condition), index)
        other, holds = m.fork(), not bits & t.NOT
        _learn(m, condition, nonzero=holds)
        _learn(other, condition, nonzero=not holds)
        first, second = (target, index + 1) if holds else (index + 1, target)
        self._work.append(_Path(second, other))
        return first

    def _enter(self, index: int, target: int, m: Machine) -> None:
        if len(self._entries) < MAX_FUNCTIONS and all(entry.index != target for entry in self._entries):
            self._entries.append(_Path(target, m.fork(), self._selector(index)))

    def _selector(self, index: int) -> int:
        """The constant compared just before this JUMPI: the nearest PUSH that is not its target."""
        for at in range(index - 1, max(-1, index - _DISPATCH_WINDOW), -1):
            value = self.program.values[at]
            if op.PUSH1 <= self.program.ops[at] <= op.PUSH4 and value not in self.program.jumpdests:
                return value
        return 0

    def _is_doomed(self, index: int, m: Machine) -> bool:
        """True if the code here does nothing but revert. Decided once for each place."""
        known = self._doomed.get(index)
        if known is None:
            known = self._doomed[index] = self._only_reverts(index, m.fork())
        return known

    def _only_reverts(self, start: int, m: Machine) -> bool:
        program, visited = self.program, []
        index: int | None = start
        for _ in range(_MAX_DOOM_STEPS):
            if index is None or index >= len(program.ops) or self._steps >= MAX_STEPS:
                return False
            opcode = program.ops[index]
            self._steps += 1
            visited.append(index)
            if opcode in (op.REVERT, op.INVALID):
                for at in visited:
                    self.reached[at] = 1
                return True
            if opcode in _ENDS_DOOM:
                return False
            if opcode == op.JUMP:
                index = program.jumpdests.get(m.pop())
            else:
                execute(m, opcode, program.values[index])
                index += 1
        return False


def _learn(m: Machine, condition: Word, *, nonzero: bool) -> None:
    """What is true on one side of a branch: who may get here, and what a copy of the condition (as for &&) is."""
    bits = taint(condition)
    if nonzero != bool(bits & t.NOT):
        m.level = max(m.level, v.level(condition))
        if not bits & t.COMPARED:
            m.vouch(condition)
    top = m.stack[-1] if m.stack else 0
    if top < 0 and condition < 0 and ~top | t.NOT == ~condition | t.NOT:
        holds = nonzero == (not (~top ^ ~condition) & t.NOT)
        m.stack[-1] = ~(~top | (t.HOLDS if holds else t.FAILS))

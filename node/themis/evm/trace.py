"""Walk a contract from each selector entry and write down what happens, in program order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from mypy_extensions import mypyc_attr

from themis.evm import joins, limits
from themis.evm import opcodes as op
from themis.evm import taint as t
from themis.evm import vocabulary as v
from themis.evm.disassembly import Program
from themis.evm.doom import Doom
from themis.evm.limits import NotKnown
from themis.evm.machine import GRANTED, NOBODY, OPEN, Loose, Machine, Taken
from themis.evm.semantics import HANDLERS, STEERS, Code, run
from themis.evm.taint import Word

_LEAST_SHARE: Final = 64
"""Steps a function gets at a time, at least."""
_DISPATCH_WINDOW: Final = 12
"""A dispatcher's PUSH of a selector is at most so many instructions before its JUMPI."""
_ADDRESS: Final = (1 << 160) - 1
_ENDED: Final = -1
"""In the place of where a path goes on."""

_POINTERS: Final = (
    0x360894A13BA1A3210667C828492DB98DCA3E2076CC3735A920A3CA505D382BBC,
    0xA3F0AD74E5423AEBFD80D3EF4346578335A9A72AEAEE59FF6CB3582B35133D50,
)
"""Where a proxy keeps its implementation, and its beacon (EIP-1967)."""
_ADMIN: Final = 0xB53127684A568B3173AE13B9F8A6016E243E63B6E8EE1178D6A717850B5D6103

_HINGED: Final = frozenset((op.DELEGATECALL, op.CALLCODE, op.SELFDESTRUCT))
_LASTING: Final = frozenset((op.STOP, op.RETURN, op.SELFDESTRUCT))
_ENDINGS: Final = frozenset(v.ID[name] for name in ("REVERT", "RETURN", "STOP", "JOIN"))


@dataclass(frozen=True, slots=True)
class Trace:
    """One function: tokens and, for each, the program counter that caused it."""

    selector: int | None
    """None for what runs when no selector matches."""
    tokens: tuple[int, ...]
    pcs: tuple[int, ...]


@final
@mypyc_attr(acyclic=True)
class _Path:
    """Where to go on, and with what on the stack."""

    __slots__ = ("index", "machine")

    def __init__(self, index: int, machine: Machine) -> None:
        self.index = index
        self.machine = machine


@final
class _Walk:
    """A function being walked."""

    __slots__ = ("begun", "hinges", "lasts", "leans", "number", "pcs", "seen", "selector", "takes", "tokens", "work")

    def __init__(self, number: int, selector: int | None, token: int, pc: int, path: _Path) -> None:
        self.number = number
        self.selector = selector
        self.tokens = [token]
        self.pcs = [pc]
        self.work = [path]
        self.begun = False
        self.seen = joins.Seen()
        self.hinges: list[tuple[int, int, int, int]] = []
        """Tokens that depend on who writes to storage: position, places of the target, the authority, and asked."""
        self.takes: list[tuple[int, int, Taken]] = []
        """Writes of whoever comes: how many tokens are before, program counter, and what is written."""
        self.leans: list[tuple[int, frozenset[int]]] = []
        """Writes after calls to contracts that the contract knows: position, and identities of their addresses."""
        self.lasts = False
        """Some path may end well. What a function does that only reverts is undone."""


@final
class Tracer:
    """Traces of one program. `reached` marks the instructions that some path ran, or would run only to revert."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.reached = [0] * len(program.ops)
        self.told = NotKnown(0)
        self.implementation: int | None = None
        """Address of the only code that the fallback delegates to, if the code names it."""
        self.steps = 0
        """Taken by paths; looking ahead for reverts takes some more."""
        self.written = 0
        self._code = Code(program)
        self._doom = Doom(self._code, self.reached)
        self._walks: list[_Walk] = []
        self._entered: set[tuple[int, ...]] = set()
        self._lost: Machine | None = None
        """State at the first jump that goes nobody knows where."""
        self._machine = Machine(Loose(self._code.constants))
        self._calls = op.CALL in program.ops
        code = program.ops[: bisect_left(program.pcs, program.end)]
        self._machine.loose.stateless = op.SLOAD not in code and op.SSTORE not in code

    def run(self) -> list[Trace]:
        """The fallback first, then functions as the dispatcher tests them, then what only unknown jumps reach.

        All that are not done share the steps that are left, again and again: none starves another.
        """
        self._add(None, "ENTRY.fallback", 0, self._machine)
        orphans = self._orphans()
        while not self._spent():
            pending = [walk for walk in self._walks if walk.work]
            if not pending and next(orphans, None) is None:
                break
            share = max(_LEAST_SHARE, self.left // (len(pending) + 1))
            for walk in pending:
                self._go_on(walk, self.steps + share)
        for walk in self._walks:
            if walk.work:
                self.told |= self._why(walk)
        self._settle()
        return [self._trace(walk) for walk in self._walks]

    @property
    def left(self) -> int:
        """Steps that may still be taken."""
        return limits.MAX_STEPS - self.steps - self._doom.steps

    def pending(self) -> Iterator[int]:
        """Indices of instructions where paths were left."""
        for walk in self._walks:
            for path in walk.work:
                yield path.index

    def _spent(self) -> bool:
        return self.left <= 0 or self.written >= limits.MAX_WRITTEN

    def _why(self, walk: _Walk) -> NotKnown:
        spent = NotKnown.TRUNCATED if self.written >= limits.MAX_WRITTEN else NotKnown.STEPS_SPENT
        return spent if walk.begun else spent | NotKnown.LEFT_OUT

    def _add(self, selector: int | None, entry: str, index: int, machine: Machine) -> None:
        pc = self.program.pcs[index] if self.program.pcs else 0
        self._walks.append(_Walk(len(self._walks), selector, v.ID[entry], pc, _Path(index, machine)))
        self.written += 1

    def _orphans(self) -> Iterator[int]:
        """Walks of what nothing reached, if there were jumps that go nobody knows where."""
        for pc, index in self.program.jumpdests.items():
            if pc >= self.program.end:
                return
            if self._lost is not None and not self.reached[index]:
                dispatches = not self.told & NotKnown.UNKNOWN_JUMP
                machine = self._lost.fork() if dispatches else Machine(self._machine.loose)
                self._add(None, "ENTRY.function", index, machine)
                yield index

    def _trace(self, walk: _Walk) -> Trace:
        tokens, pcs, loose = walk.tokens, walk.pcs, self._machine.loose
        if not (walk.lasts or walk.work):
            kept = [0, *(row for row, token in enumerate(tokens) if token == v.ID["REVERT"])][:2]
            return Trace(walk.selector, tuple(tokens[row] for row in kept), tuple(pcs[row] for row in kept))
        for at, target, authority, asked in walk.hinges:
            tokens[at] = v.reconsidered(
                tokens[at],
                chosen=bool(target) and not target & ~(loose.always | loose.once),
                anyone=bool(authority) and not authority & ~loose.always,
                once=bool(asked & self._locks(walk) & ~loose.opened),
            )
        for at, trustees in walk.leans:
            if any(self._enters(trustee) for trustee in trustees):
                tokens[at] = v.mistrusted(tokens[at])
        for at, pc, taken in reversed(walk.takes):
            token = self._took(walk, taken)
            if token and (len(tokens) == at or tokens[at] != token):
                tokens.insert(at, token)
                pcs.insert(at, pc)
        if v.DECIDES_BY_ORIGIN.isdisjoint(tokens):  # a payee, or a word in an event
            kept = [row for row, token in enumerate(tokens) if token != v.ID["ORIGIN"]]
            return Trace(walk.selector, tuple(tokens[row] for row in kept), tuple(pcs[row] for row in kept))
        return Trace(walk.selector, tuple(tokens), tuple(pcs))

    def _settle(self) -> None:
        """Who is in charge of the contract, now that all of it was walked."""
        loose, places = self._machine.loose, self._machine.places
        for walk in self._walks:
            for _, target, *_ in walk.hinges:
                loose.run |= target
        for slot in _POINTERS:
            loose.run |= places.get(t.PRIME + slot % t.PRIME, 0)
        loose.charge |= loose.run | places.get(t.PRIME + _ADMIN % t.PRIME, 0)
        loose.settle()

    def _took(self, walk: _Walk, taken: Taken) -> int:
        """Token of a write of whoever comes: NONE if nobody is in charge by what he wrote."""
        place, key, behind = taken
        loose = self._machine.loose
        base = loose.bases.get(key, 0)
        one = place & (loose.run | loose.charge & ~loose.many)
        listed = bool(base) and (
            base in loose.heads or (key in loose.nested and not loose.folded.isdisjoint(loose.heads))
        )
        if not one and not listed:
            return v.NONE  # who owns one thing of many is in charge of nothing else
        if behind & self._locks(walk):
            return v.ID["TAKE.once"]
        if place & loose.run:
            return v.ID["TAKE.code"]
        return v.ID["TAKE.slot" if place & ~loose.many else "TAKE.item"]

    def _locks(self, walk: _Walk) -> int:
        """Places that the function shuts behind itself."""
        return self._machine.loose.locks.get(walk.number, 0)

    def _enters(self, trustee: int) -> bool:
        """True if everybody may put an address of his own where this contract's is kept."""
        return self._machine.loose.bases.get(trustee, 0) in self._machine.loose.entries

    def _emit(self, walk: _Walk, token: int, index: int) -> bool:
        """Write a token down, unless it is NONE or adds nothing: a second end, a third of a kind."""
        tokens = walk.tokens
        if not token or (tokens[-1] == token and (token in _ENDINGS or (len(tokens) > 1 and tokens[-2] == token))):
            return False
        tokens.append(token)
        walk.pcs.append(self.program.pcs[index])
        self.written += 1
        return True

    def _go_on(self, walk: _Walk, limit: int) -> None:
        walk.begun = True
        self._machine.loose.function = walk.number
        while walk.work and self.steps < limit and not self._spent():
            self._follow(walk, walk.work.pop(), limit)

    def _follow(self, walk: _Walk, path: _Path, limit: int) -> None:
        """Run one path until it ends, joins an older one, or the share is spent: then it waits."""
        code, m, pcs, reached = self._code, path.machine, self.program.pcs, self.reached
        ops = code.ops
        following = path.index
        while 0 <= following < len(ops):
            index = following
            if self.steps >= limit:
                walk.work.append(_Path(index, m))
                return
            if STEERS[ops[index]]:
                self.steps += 1
                reached[index] = 1
                following = self._steer(walk, index, m)
                continue
            following = run(m, code, index, min(len(ops), index + limit - self.steps))
            if m.token:
                if self._emit(walk, m.token, following) and ops[following] in _HINGED:
                    self._note(walk, ops[following], m)
                if m.leans:
                    walk.leans.append((len(walk.tokens) - 1, m.leans))
                    m.leans = NOBODY
                if m.taken:
                    walk.takes.append((len(walk.tokens), pcs[following], m.taken))
                    m.taken = None
                following += 1
            self.steps += following - index
            if not reached[following - 1]:  # of a straight run a beginning was reached, or all
                for at in range(index, following):
                    reached[at] = 1
        walk.lasts |= following >= 0  # beyond the last instruction an EVM stops

    def _steer(self, walk: _Walk, index: int, m: Machine) -> int:
        """Run an instruction after which a path goes on elsewhere, or not at all (_ENDED)."""
        opcode, jumpdests = self.program.ops[index], self.program.jumpdests
        if opcode == op.JUMPDEST:
            if joins.ends(walk.seen, index, m, calls=self._calls):
                self._emit(walk, v.ID["JOIN"], index)
                return _ENDED
            return index + 1
        if opcode == op.JUMPI:
            return self._branch(walk, index, m)
        if opcode == op.JUMP:
            target = m.pop()
            if not target.known:
                self._lose(walk, m)
                return _ENDED
            return jumpdests.get(target.value, _ENDED)
        if m.untested and opcode in (op.STOP, op.RETURN):
            self._emit(walk, v.ID["DROPPED"], index)
        walk.lasts |= opcode in _LASTING
        if self._emit(walk, HANDLERS[opcode](m), index) and opcode in _HINGED:
            self._note(walk, opcode, m)
        return _ENDED

    def _note(self, walk: _Walk, opcode: int, m: Machine) -> None:
        """Remember what a token depends on that only the whole contract shows; and that a fallback hands calls on."""
        aim = 0 if opcode == op.SELFDESTRUCT else m.places.get(m.target.identity, 0)
        asked = m.guarded if m.level == OPEN else 0
        walk.hinges.append((len(walk.tokens) - 1, aim, m.granted if m.level == GRANTED else 0, asked))
        if opcode == op.DELEGATECALL and walk is self._walks[0]:
            target = m.target.value & _ADDRESS if m.target.known else None
            known = not self.told & NotKnown.PROXY or self.implementation == target
            self.implementation = target if known else None
            self.told |= NotKnown.PROXY

    def _lose(self, walk: _Walk, m: Machine) -> None:
        """A jump goes nobody knows where."""
        walk.lasts = True
        self.told |= NotKnown.UNKNOWN_DISPATCHER if walk is self._walks[0] else NotKnown.UNKNOWN_JUMP
        if self._lost is None:
            self._lost = m.fork()

    def _branch(self, walk: _Walk, index: int, m: Machine) -> int:  # noqa: PLR0911 (one way on, one return)
        """Where to go on after a JUMPI; the other side, if it can go on too, waits.

        The side where the condition's source holds comes first, however the compiler laid it out; of a call the one
        where it failed, for what is made of that is what counts.
        """
        where, condition = m.pop(), m.pop()
        bits, following = condition.bits, index + 1
        holds, fails = bool(condition.value), condition.known and not condition.value
        if not condition.known:
            decided = t.decided(condition)
            holds, fails = bool(decided & t.HOLDS), bool(decided & t.FAILS)
        if fails:
            return following
        target = self.program.jumpdests.get(where.value, _ENDED) if where.known else _ENDED
        if not where.known:
            self._lose(walk, m)
        if holds:
            return target
        if target == _ENDED:
            return following
        if bits & (t.EQ_SELECTOR | t.NE_SELECTOR) and walk.selector is None:
            entry, rest = (target, following) if bits & t.EQ_SELECTOR else (following, target)
            self._enter(index, entry, m)
            return rest
        m.decide(condition)
        dispatching = bits & t.SELECTOR
        stays_doomed, jumps_doomed = self._doom.awaits(following), self._doom.awaits(target)
        if stays_doomed and jumps_doomed:
            self._emit(walk, v.ID["REVERT"], index)
            return _ENDED
        if stays_doomed or jumps_doomed:
            self._emit(walk, v.NONE if dispatching else v.guard(condition, passes=stays_doomed), index)
            _learn(m, condition, nonzero=stays_doomed)
            return target if stays_doomed else following
        self._emit(walk, v.NONE if dispatching else v.fork(condition), index)
        other, nonzero = m.fork(), bool(bits & t.NOT) == bool(bits & t.RESULT)
        _learn(m, condition, nonzero=nonzero)
        _learn(other, condition, nonzero=not nonzero)
        first, second = (target, following) if nonzero else (following, target)
        walk.work.append(_Path(second, other))
        return first

    def _enter(self, index: int, target: int, m: Machine) -> None:
        """A function begins here, unless the same one was found before."""
        if target >= len(self.program.ops):
            return
        entry = (target, *[word.fact for word in reversed(m.stack)])
        if entry not in self._entered:
            self._entered.add(entry)
            self._add(self._selector(index), "ENTRY.function", target, m.fork())

    def _selector(self, index: int) -> int:
        """The constant compared just before this JUMPI: the nearest PUSH that is not its target."""
        for at in range(index - 1, max(-1, index - _DISPATCH_WINDOW), -1):
            value = self.program.values[at]
            if op.PUSH1 <= self.program.ops[at] <= op.PUSH4 and value not in self.program.jumpdests:
                return value
        return 0


def _learn(m: Machine, condition: Word, *, nonzero: bool) -> None:
    """What is true on one side of a branch: who may get here, and what a copy of the condition (as for &&) is."""
    bits = condition.bits
    if nonzero != bool(bits & t.NOT):
        m.grant(condition, v.level(condition))
        if not bits & t.COMPARED:
            m.vouch(condition)
    else:
        m.vacate(condition)
    if condition.serial > m.apart and m.stack and m.stack[-1].serial == condition.serial:
        top = m.stack[-1]
        holds = nonzero == (not (top.bits ^ bits) & t.NOT)
        m.stack[-1] = Word(top.bits | (t.HOLDS if holds else t.FAILS), top.identity, top.serial)

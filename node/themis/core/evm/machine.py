"""One path's abstract state: stack, memory, and whether the newest call's outcome has mattered yet."""

from typing import Final

from themis.core.evm import taint as t
from themis.core.evm.taint import UNKNOWN, Word, taint

_MAX_STACK: Final = 160
_MAX_MEMORY_WORDS: Final = 64
_MAX_HASHED_BYTES: Final = 1_024


class Machine:
    """One path's state. Words leave the bottom of an over-deep stack; solc never reaches that far down."""

    __slots__ = ("floating", "memory", "stack", "untested")

    def __init__(self) -> None:
        self.stack: list[Word] = []
        self.memory: dict[int, Word] = {}
        self.floating = 0
        """Bits of everything written at an unknown offset."""
        self.untested = False
        """The newest call's success flag has not decided a branch yet."""

    def fork(self) -> "Machine":
        other = Machine.__new__(Machine)
        other.stack = self.stack.copy()
        other.memory = self.memory.copy()
        other.floating = self.floating
        other.untested = self.untested
        return other

    def pop(self) -> Word:
        return self.stack.pop() if self.stack else UNKNOWN

    def push(self, word: Word) -> None:
        self.stack.append(word)
        if len(self.stack) > _MAX_STACK:
            del self.stack[0]

    def dup(self, depth: int) -> None:
        self.push(self.stack[-depth] if len(self.stack) >= depth else UNKNOWN)

    def swap(self, depth: int) -> None:
        while len(self.stack) <= depth:
            self.stack.insert(0, UNKNOWN)
        self.stack[-1], self.stack[-1 - depth] = self.stack[-1 - depth], self.stack[-1]

    def decide(self, condition: Word) -> None:
        """Note that a branch was taken on this condition."""
        if taint(condition) & t.RESULT:
            self.untested = False

    def write(self, offset: Word, word: Word) -> None:
        """Store in memory. A success flag that goes there is handed on, to an event or a caller: not dropped."""
        self.decide(word)
        if offset < 0 or (offset not in self.memory and len(self.memory) >= _MAX_MEMORY_WORDS):
            self.floating |= taint(word)
        else:
            self.memory[offset] = word

    def read_bits(self, offset: Word, size: Word) -> int:
        """Bits of a memory range; of all memory where the range is unknown."""
        if offset < 0 or not 0 <= size <= _MAX_HASHED_BYTES:
            bits = self.floating
            for word in self.memory.values():
                bits |= taint(word)
            return bits
        bits = 0
        for at, word in self.memory.items():
            if offset - 32 < at < offset + size:
                bits |= taint(word)
        return bits

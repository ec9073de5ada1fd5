"""Whether what is committed to is a trace: leaves of their form, words rising, tensors whole, none too many.

The specification of `contracts/referee/src/Integrity.sol`, on the bytes that a contract sees. A trace of which nothing
here holds is one that `judge.py` can rule on.
"""

from dataclasses import dataclass
from math import prod
from typing import Final

from themis.core.abi import decode
from themis.core.types import Hash32
from themis.exact.program import REDUCTIONS, SECOND, WITNESS
from themis.exact.roots import INPUT, RESULT
from themis.exact.trace import LEAF_BYTES

WORD_BYTES: Final = 32
HEAD: Final = 5
"""Words of a header before its sizes."""
OFFSET: Final = 4 * WORD_BYTES
SIZES: Final = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 11: 8, 12: 4}
"""Bytes of an element, by ONNX's number of its type: those that a trace may have."""
LARGEST_SIZE: Final = 2**32 - 1
NODE: Final = ("string", "bytes32[]", "bytes[]", "string[]", "uint256")
INTERFACE: Final = ("string[]", "string[]", "string[]", "string[]", "bytes32[]")


@dataclass(frozen=True, slots=True)
class Head:
    """What a header says."""

    word: int
    dtype: int
    """ONNX's number."""
    shape: tuple[int, ...]
    root: Hash32

    @property
    def element_bytes(self) -> int:
        return SIZES[self.dtype]

    @property
    def row_bytes(self) -> int:
        return self.element_bytes * (self.shape[-1] if self.shape else 1)

    @property
    def leaves_a_row(self) -> int:
        return -(-self.row_bytes // LEAF_BYTES)

    @property
    def count(self) -> int:
        """Leaves of the tensor."""
        return max(1, prod(self.shape[:-1]) * self.leaves_a_row)

    def leaf_bytes(self, index: int) -> int:
        """Of one of its leaves."""
        if not prod(self.shape):
            return 0
        return min(LEAF_BYTES, self.row_bytes - LEAF_BYTES * (index % self.leaves_a_row))


@dataclass(frozen=True, slots=True)
class Said:
    """A leaf of the program."""

    leaf: bytes
    number: int
    count: int
    """Of all its leaves."""


def read(leaf: bytes) -> Head | None:
    """A header, or None for what is none: another encoding, a type that no trace has, a word that no tensor has."""
    words = [int.from_bytes(leaf[place : place + WORD_BYTES], "big") for place in range(0, len(leaf), WORD_BYTES)]
    if len(leaf) % WORD_BYTES or len(words) < HEAD or len(words) != HEAD + words[4]:
        return None
    word, dtype, offset, root, *_ = words
    sizes = tuple(words[HEAD:])
    if word >> 248 not in (INPUT, RESULT) or dtype not in SIZES or offset != OFFSET:
        return None
    if max(sizes, default=0) > LARGEST_SIZE:
        return None
    return Head(word, dtype, sizes, Hash32(root.to_bytes(WORD_BYTES, "big")))


def unread(leaf: bytes) -> bool:
    """Whether a leaf of the trace is no header."""
    return read(leaf) is None


def unordered(left: bytes, right: bytes) -> bool:
    """Whether the words of two neighbors do not rise. Raises ValueError where one is no header."""
    return _head(left).word >= _head(right).word


def misfit(header: bytes, count: int, index: int, leaf: bytes) -> bool:
    """Whether a tensor has more or fewer leaves than its shape says, or one of another length.

    Raises as `unordered`.
    """
    head = _head(header)
    return count != head.count or len(leaf) != head.leaf_bytes(index)


def missing(word: int, said: Said, left: bytes | None, right: bytes | None) -> bool:
    """Whether a tensor that the program gives is not where it would lie, between two neighbors; None: the trace ends.

    Raises ValueError where the leaf of the program gives no such tensor, and as `unordered`.
    """
    if not _gives(said, word):
        raise ValueError(f"the leaf does not give {word:#x}")
    return (left is None or _head(left).word < word) and (right is None or word < _head(right).word)


def surplus(header: bytes, said: Said) -> bool:
    """Whether the program does not give a tensor that the trace has.

    Raises ValueError for a leaf of the program that does not say it, and as `unordered`.
    """
    word = _head(header).word
    number = giver(word)
    if number >= said.count:
        return True
    if number != said.number:
        raise ValueError(f"the leaf says nothing of {word:#x}")
    return not _gives(said, word)


def giver(word: int) -> int:
    """Which leaf of the program gives a tensor, if any does."""
    return 0 if word >> 248 == INPUT else (word >> 32 & 0xFFFFFFFF) + 1


def _gives(said: Said, word: int) -> bool:
    """Whether the graph has such an input, or the node such an output or witness; of a root there is no trace."""
    if said.number == 0:
        return word >> 248 == INPUT and word & (1 << 248) - 1 < len(decode(INTERFACE, said.leaf)[1])
    op, operands, _, _, outputs = decode(NODE, said.leaf)
    index = word - (RESULT << 248 | (said.number - 1) << 32)
    if index == WITNESS:
        second = SECOND.get(op)
        return op in REDUCTIONS or (second is not None and operands[second][0] in (INPUT, RESULT))
    return op != "Sqrt" and 0 <= index < int(outputs)


def _head(leaf: bytes) -> Head:
    found = read(leaf)
    if found is None:
        raise ValueError("a leaf of the trace is no header: that is the accusation")
    return found

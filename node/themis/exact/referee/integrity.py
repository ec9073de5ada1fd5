"""Whether what is committed to is a trace at all: leaves of their form, words rising, tensors there and whole.

The specification of `contracts/referee/src/Integrity.sol`, on the bytes that a contract sees. A trace of which nothing
here holds is one that `judge.py` can rule on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Final

from themis.core.abi import decode
from themis.exact.program import REDUCTIONS, SECOND, WITNESS, Program
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
    element_bytes: int
    shape: tuple[int, ...]

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
class Named:
    """A leaf of the program that names a tensor."""

    leaf: bytes
    number: int
    place: int
    """Of the operand; of the graph's output for leaf 0."""


def read(leaf: bytes) -> Head | None:
    """A header, or None for what is none: another encoding, a type that no trace has, a word that no tensor has."""
    words = [int.from_bytes(leaf[place : place + WORD_BYTES], "big") for place in range(0, len(leaf), WORD_BYTES)]
    if len(leaf) % WORD_BYTES or len(words) < HEAD or len(words) != HEAD + words[4]:
        return None
    word, dtype, offset, *_ = words
    sizes = tuple(words[HEAD:])
    if word >> 248 not in (INPUT, RESULT) or dtype not in SIZES or offset != OFFSET:
        return None
    return Head(word, SIZES[dtype], sizes) if max(sizes, default=0) <= LARGEST_SIZE else None


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


def missing(word: int, named: Named, left: bytes | None, right: bytes | None) -> bool:
    """Whether a tensor that the program names is not where it would lie, between two neighbors; None: the trace ends.

    Raises ValueError where the leaf of the program names no such tensor, and as `unordered`.
    """
    before = None if left is None else _head(left).word
    if not (_of_graph(word, named) if named.number == 0 else _of_node(word, named, before)):
        raise ValueError(f"the leaf does not name {word:#x}")
    return (before is None or before < word) and (right is None or word < _head(right).word)


def evidence(program: Program, word: int) -> Iterator[tuple[int, int]]:
    """Which leaf of the program may name a tensor, and at which place."""
    yield from ((0, place) for place, output in enumerate(program.outputs.values()) if output == word)
    if word >> 248 == INPUT:
        yield 0, 0
    for node in program.nodes:
        if word in (node.word(WITNESS), node.word(1)):
            yield node.number + 1, 0
        for place, source in enumerate(node.operands):
            if source is not None and source.word == word:
                yield node.number + 1, place


def _of_graph(word: int, named: Named) -> bool:
    """Whether it is an output, or one of the inputs: a trace has all of these."""
    _, inputs, _, _, sources = decode(INTERFACE, named.leaf)
    if word >> 248 == INPUT:
        return word & (1 << 248) - 1 < len(inputs)
    if word >> 248 != RESULT or named.place >= len(sources):
        return False
    return int.from_bytes(sources[named.place], "big") == word


def _of_node(word: int, named: Named, before: int | None) -> bool:
    """Whether a node reads it, or it is the node's witness, or a TopK's indices whose values are there."""
    op, operands, _, _, _ = decode(NODE, named.leaf)
    own, place = RESULT << 248 | (named.number - 1) << 32, named.place
    if word == own | WITNESS:
        second = SECOND.get(op)
        return op in REDUCTIONS or (second is not None and operands[second][0] in (INPUT, RESULT))
    if word == own | 1 and op == "TopK" and before == own:
        return True
    reads = place < len(operands) and int.from_bytes(operands[place], "big") == word
    # what Floor reads may be a root, which no trace has
    return reads and (word >> 248 == INPUT or (word >> 248 == RESULT and op != "Floor"))


def _head(leaf: bytes) -> Head:
    found = read(leaf)
    if found is None:
        raise ValueError("a leaf of the trace is no header: that is the accusation")
    return found

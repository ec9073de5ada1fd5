"""A trace that somebody claims, as far as it was shown, beside one's own of the same request."""

from dataclasses import dataclass, field
from typing import Final

from onnx import helper

from themis.core.types import Hash32
from themis.dispute.tree import ABOVE_HEADERS, ABOVE_LEAVES, Question, Seen, Shown
from themis.exact.referee import integrity
from themis.exact.referee.case import Index, Kind
from themis.exact.referee.integrity import Head
from themis.exact.referee.proof import AtHand, Opening
from themis.exact.trace import LEAF_BYTES, leaf_of

HEADERS: Final = -1
"""In the place of a word: the trace's own tree."""
UNSIGNED: Final = frozenset((2, 9, 12))
"""ONNX's numbers of uint8, bool and uint32."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What the claimant is to show: something of a tensor, or of the headers."""

    word: int
    question: Question


@dataclass(slots=True)
class Claimed:
    """What is known of a trace with this root. `mine` is an honest trace of the same request."""

    root: Hash32
    mine: AtHand
    headers: Seen = field(init=False)
    bodies: dict[int, Seen] = field(init=False, default_factory=dict)
    """Of tensors that are not one's own, by word."""

    def __post_init__(self) -> None:
        self.headers = Seen(self.root, self.mine.headers, ABOVE_HEADERS)

    def learn(self, ask: Ask, shown: Shown) -> None:
        """Raises Unproved for what was not asked or does not lead to the root."""
        self._tree(ask.word).learn(ask.question, shown)

    def place(self, word: int) -> int:
        """Where a tensor lies in one's own trace; in the claim too, as far as its headers are in order."""
        return self.mine.places[word]

    def head(self, place: int) -> Head | None:
        """A header that is known; None for a leaf that is no header. Raises LookupError where it is not known."""
        leaf = self.headers.leaf(place)
        if leaf is None:
            raise LookupError(f"header {place} was not shown")
        return integrity.read(leaf)

    def body(self, word: int) -> Seen:
        """The leaves of a tensor whose header is known."""
        if word not in self.bodies:
            head = self.head(self.place(word))
            if head is None:
                raise LookupError(f"the trace has no tensor {word:#x}")
            self.bodies[word] = Seen(head.root, self.mine.tree(word), ABOVE_LEAVES)
        return self.bodies[word]

    def kind(self, word: int) -> Kind | None:
        head = self.head(self.place(word))
        return None if head is None else Kind(helper.tensor_dtype_to_np_dtype(head.dtype), head.shape)

    def element(self, word: int, index: Index) -> int:
        head, mine = self.head(self.place(word)), self.mine.kind(word)
        if head is None or mine is None:
            raise LookupError(f"the trace has no tensor {word:#x}")
        if self.is_mine(word):
            return self.mine.element(word, index)
        leaf = self.body(word).leaf(leaf_of(mine.dtype, head.shape, index))
        if leaf is None:
            raise LookupError(f"element {index} of {word:#x} was not shown")
        place = (index[-1] * head.element_bytes if index else 0) % LEAF_BYTES
        found = leaf[place : place + head.element_bytes]
        return int.from_bytes(found, "big", signed=head.dtype not in UNSIGNED)

    def is_mine(self, word: int) -> bool:
        """Whether a tensor whose header is known is one's own."""
        place = self.place(word)
        return self.headers.leaf(place) == self.mine.headers.leaves[place]

    def header(self, word: int) -> Opening:
        return self.header_at(self.place(word))

    def header_at(self, place: int) -> Opening:
        """By its place. Raises LookupError where what leads to it is not known."""
        return _opening(self.headers, place)

    def leaf(self, word: int, index: int) -> Opening:
        return _opening(self.body(word), index)

    def _tree(self, word: int) -> Seen:
        return self.headers if word == HEADERS else self.body(word)


def _opening(seen: Seen, index: int) -> Opening:
    leaf = seen.leaf(index)
    if leaf is None:
        raise LookupError(f"leaf {index} was not shown")
    return leaf, index, seen.count, seen.siblings(index)

"""What has been seen of somebody's tree, held against one's own: where they differ, and what is yet to be shown.

Node i of level l stands over the leaves from i 2^l to below (i + 1) 2^l, as far as there are any; leaves have level 0.
What is shown at once follows from the question, as in `contracts/dispute/src/interfaces/IDispute.sol`: of a root the
lowest level that has at most 32 nodes, of a low node the leaves beneath it, of any other the nodes five levels below.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from themis.core import merkle
from themis.core.merkle import Tree, sha256
from themis.core.types import Hash32

LEVELS: Final = 5
ABOVE_HEADERS: Final = 4
ABOVE_LEAVES: Final = 2
"""Levels above leaves from which they are shown: headers have some 200 bytes, leaves of tensors 256 at most."""
MOST_LEVELS: Final = 41
MOST_LEAVES: Final = 2 ** (MOST_LEVELS - 1)
"""The contract takes no larger tree."""


class Unproved(Exception):  # noqa: N818 (a verdict)
    """What is shown is not what stands there."""


@dataclass(frozen=True, slots=True)
class Question:
    """What lies beneath a node; without a level, beneath the root."""

    level: int | None = None
    index: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """The answer: nodes, with the number of leaves where a root was asked for; or leaves."""

    count: int = 0
    nodes: tuple[bytes, ...] = ()
    leaves: tuple[bytes, ...] = ()


def width(count: int, level: int) -> int:
    """Nodes of a level."""
    return (count - 1 >> level) + 1


def upper(count: int) -> int:
    """The lowest level that has at most 32 nodes."""
    level = 0
    while width(count, level) > 1 << LEVELS:
        level += 1
    return level


def answer(tree: Tree, question: Question, above: int) -> Shown:
    """What a tree has there; `above`: levels from which leaves are shown. Raises IndexError for no node of it."""
    count = len(tree.leaves)
    if question.level is None:
        level = upper(count)
        return Shown(count, tuple(tree.node(level, index) for index in range(width(count, level))))
    tree.node(question.level, question.index)
    first, end, level = _beneath(count, question, above)
    if question.level <= above:
        return Shown(leaves=tuple(tree.leaves[first:end]))
    return Shown(nodes=tuple(tree.node(level, index) for index in range(first, end)))


def _beneath(count: int, question: Question, above: int) -> tuple[int, int, int]:
    """Which nodes lie there, of which level."""
    level = question.level or 0
    down = level if level <= above else min(level, LEVELS)
    first = question.index << down
    return first, min(width(count, level - down), first + (1 << down)), level - down


@dataclass(slots=True)
class Seen:
    """A tree of which the root is known, and what was shown of it. `mine` is what it ought to be."""

    root: Hash32
    mine: Tree
    above: int
    count: int = 0
    """Leaves; 0: not known."""
    _nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    _leaves: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mine.root == self.root:
            self.learn(Question(), answer(self.mine, Question(), self.above))

    def learn(self, question: Question, shown: Shown) -> None:
        """Raises Unproved for what does not lead to the node that was asked about."""
        if question.level is None:
            self._learn_root(shown)
            return
        first, end, level = _beneath(self.count, question, self.above)
        if question.level <= self.above:
            hashes = [merkle.leaf_hash(leaf, sha256) for leaf in shown.leaves]
        else:
            hashes = [Hash32(node) for node in shown.nodes]
        if len(hashes) != end - first:
            raise Unproved(f"{len(hashes)} are shown where {end - first} lie")
        found = _above(hashes, level, first, question.level)
        if found[question.level, question.index] != self._nodes.get((question.level, question.index)):
            raise Unproved("what is shown does not lead to the node that was asked about")
        self._nodes |= found
        self._leaves |= dict(enumerate(shown.leaves, first))

    def question(self, leaf: int) -> Question | None:
        """What to ask to come closer to a leaf; None where it is known."""
        if self.leaf(leaf) is not None:
            return None
        level = self._nearest(0, leaf)
        return Question() if level is None else Question(level, leaf >> level)

    def leaf(self, index: int) -> bytes | None:
        """Where it is known, or is one's own."""
        if index in self._leaves:
            return self._leaves[index]
        return self.mine.leaves[index] if self._is_mine(index) else None

    def first_difference(self) -> int | Question | None:
        """The first leaf that is not one's own; or what to ask to come closer; None where there is none in both."""
        if not self.count:
            return Question()
        level = upper(self.count)
        for index in range(width(self.count, level)):
            found = self._difference(level, index)
            if found is not None:
                return found
        return None

    def siblings(self, leaf: int) -> tuple[Hash32, ...]:
        """What leads from a leaf to the root. Raises LookupError where that is not known yet."""
        return self.path(0, leaf)

    def path(self, level: int, index: int) -> tuple[Hash32, ...]:
        """As `siblings`, from any node."""
        found = []
        while width(self.count, level) > 1:
            if (sibling := index ^ 1) < width(self.count, level):
                found.append(self.node(level, sibling))
            level, index = level + 1, index >> 1
        return tuple(found)

    def node(self, level: int, index: int) -> Hash32:
        """A node that is known, or is one's own. Raises LookupError for another."""
        if (level, index) in self._nodes:
            return Hash32(self._nodes[level, index])
        at = self._nearest(level, index)
        if at is None or not self._equals(at, index >> at - level):
            raise LookupError(f"node {index} of level {level} was not shown")
        return self.mine.node(level, index)

    def _learn_root(self, shown: Shown) -> None:
        count = shown.count
        if not 0 < count <= MOST_LEAVES or len(shown.nodes) != width(count, upper(count)):
            raise Unproved("no tree has such a root")
        found = _above([Hash32(node) for node in shown.nodes], upper(count), 0, None)
        if merkle.root_hash(count, found[max(found)], sha256) != self.root:
            raise Unproved("what is shown does not lead to the root")
        self.count, self._nodes = count, found

    def _difference(self, level: int, index: int) -> int | Question | None:
        if self._equals(level, index):
            return None
        if index << level >= len(self.mine.leaves):
            return None  # behind all that is one's own
        if level == 0:
            return index if index in self._leaves else Question(0, index)
        below = (level - 1, 2 * index)
        if below not in self._nodes:
            return Question(level, index)
        for place in (2 * index, 2 * index + 1):
            if place < width(self.count, level - 1) and (found := self._difference(level - 1, place)) is not None:
                return found
        return None

    def _nearest(self, level: int, index: int) -> int | None:
        """The level of the lowest known node at or over a node."""
        over = ((at, index >> at - level) for at in range(level, MOST_LEVELS))
        return next((at for at, place in over if (at, place) in self._nodes), None)

    def _equals(self, level: int, index: int) -> bool:
        """Whether a known node is one's own, over the same leaves."""
        end, count = index + 1 << level, len(self.mine.leaves)
        if (level, index) not in self._nodes or index << level >= count or min(end, count) != min(end, self.count):
            return False
        return self._nodes[level, index] == self.mine.node(level, index)

    def _is_mine(self, leaf: int) -> bool:
        if not 0 <= leaf < min(self.count, len(self.mine.leaves)):
            return False
        try:
            return self.node(0, leaf) == self.mine.node(0, leaf)
        except LookupError:
            return False


def _above(nodes: Sequence[Hash32], level: int, first: int, last: int | None) -> dict[tuple[int, int], bytes]:
    """Nodes of a level from one on, and all that stand over them up to a level; up to the top without."""
    found: dict[tuple[int, int], bytes] = {}
    row = list(nodes)
    while True:
        found |= {(level, first + place): node for place, node in enumerate(row)}
        if (last is None and len(row) == 1) or level == last:
            return found
        pairs = zip(row[::2], row[1::2], strict=False)
        over = [merkle.node_hash(left, right, sha256) for left, right in pairs]
        row = over + row[2 * len(over) :]
        level, first = level + 1, first >> 1

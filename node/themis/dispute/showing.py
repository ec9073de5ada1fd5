"""The side of whoever claims a trace: what it shows when it is asked."""

from collections.abc import Iterator

from themis.core.merkle import Tree
from themis.dispute.claim import HEADERS, Ask
from themis.dispute.tree import ABOVE_HEADERS, ABOVE_LEAVES, Question, Shown, answer, width
from themis.exact.referee.proof import AtHand


class NotInTrace(Exception):  # noqa: N818 (a verdict)
    """A node is asked about that an honest trace does not have: another one was committed to."""


def show(trace: AtHand, ask: Ask) -> Shown:
    """Raises LookupError for what the trace does not have."""
    if ask.word == HEADERS:
        return answer(trace.headers, ask.question, ABOVE_HEADERS)
    if trace.kind(ask.word) is None:
        raise LookupError(f"the trace has no tensor {ask.word:#x}")
    return answer(trace.tree(ask.word), ask.question, ABOVE_LEAVES)


def find(trace: AtHand, node: bytes, *, leaves: bool, number: int) -> Shown:
    """What lies beneath a node that is known by its hash alone; `leaves` and `number` as `Asked` in IDispute.sol.

    Whoever asked may have done so through a contract: the place is in no transaction's own calldata then.
    Raises NotInTrace.
    """
    for ask in _places(trace, node):
        shown = show(trace, ask)
        count = 0 if ask.question.level is None else len(shown.leaves or shown.nodes)
        if bool(shown.leaves) == leaves and count == number:
            return shown
    raise NotInTrace("no node of its trace has the hash that is asked about")


def _places(trace: AtHand, node: bytes) -> Iterator[Ask]:
    yield from (Ask(HEADERS, question) for question in _within(trace.headers, node))
    for word in trace.words:
        yield from (Ask(word, question) for question in _within(trace.tree(word), node))


def _within(tree: Tree, node: bytes) -> Iterator[Question]:
    if tree.root == node:
        yield Question()
    count, level = len(tree.leaves), 0
    while True:
        size = width(count, level)
        yield from (Question(level, index) for index in range(size) if tree.node(level, index) == node)
        if size == 1:
            return
        level += 1

"""Plays games about traces without a chain: a challenger who sees what is shown, and those who show it or do not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from themis.core import merkle
from themis.core.merkle import Proof, Tree, sha256
from themis.core.types import Hash32
from themis.dispute import proving, search
from themis.dispute.claim import HEADERS, Ask, Claimed
from themis.dispute.proving import Charge
from themis.dispute.search import Fault, Misfit, Missing, Surplus, Unordered, Unread, WrongInput
from themis.dispute.tree import ABOVE_HEADERS, ABOVE_LEAVES, Shown, Unproved, answer
from themis.exact import trace
from themis.exact.referee import integrity, judge
from themis.exact.referee.integrity import Said
from themis.exact.referee.proof import AtHand, Opening, Prover

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Forged:
    """A claim made of bytes: headers that may be none, leaves that may not fit; else as an honest trace has them."""

    mine: AtHand
    headers: Tree
    bodies: Mapping[int, Tree] = field(default_factory=dict)
    """Of tensors that are not the honest ones."""

    @property
    def root(self) -> Hash32:
        return self.headers.root

    def show(self, ask: Ask) -> Shown:
        """Raises LookupError for what it does not have."""
        if ask.word == HEADERS:
            return answer(self.headers, ask.question, ABOVE_HEADERS)
        return answer(self.bodies.get(ask.word) or self.mine.tree(ask.word), ask.question, ABOVE_LEAVES)


class Nothing(Forged):
    """A claim of a root over nothing that anybody knows."""

    @property
    def root(self) -> Hash32:
        return Hash32(bytes(range(32)))


def forged(mine: AtHand, tensors: Mapping[int, Array]) -> Forged:
    """A claim of these tensors."""
    headers, bodies = [], {}
    for word, array in sorted(tensors.items()):
        honest = mine.tensors.get(word)
        if honest is not None and honest.dtype == array.dtype and np.array_equal(honest, array):
            headers.append(mine.headers.leaves[mine.places[word]])
            continue
        bodies[word] = Tree(list(trace.leaves(array)), sha256)
        headers.append(trace.Header(word, array.dtype, array.shape, bodies[word].root).leaf())
    return Forged(mine, Tree(headers, sha256), bodies)


@dataclass(slots=True)
class Played:
    """What came of a game."""

    claimed: Claimed
    fault: Fault | None = None
    charge: Charge | None = None
    silent: bool = False
    """Whether the claimant had nothing to show that leads to its root."""
    asks: list[Ask] = field(default_factory=list)

    @property
    def moves(self) -> int:
        """Challenge and reveal, two for each question, and the proof or the end of a clock."""
        return 3 + 2 * len(self.asks)


def play(prover: Prover, mine: AtHand, liar: Forged, *, shows: int = 1_000) -> Played:
    """`shows`: so often the liar answers."""
    played = Played(Claimed(liar.root, mine))
    while isinstance(found := search.look(prover.program, played.claimed), Ask):
        said = proving.place(played.claimed, found)
        assert proving.asked(said) == found
        played.asks.append(found)
        try:
            played.claimed.learn(found, liar.show(found))
        except (Unproved, LookupError):
            played.silent = True
            return played
        if len(played.asks) > shows:
            played.silent = True
            return played
    played.fault = found
    if found is not None and not isinstance(found, WrongInput):
        played.charge = proving.charge(prover, played.claimed, found)
    return played


def convicts(prover: Prover, played: Played) -> bool:
    """Whether the specification of the referee convicts, with all that is opened leading to the root."""
    claimed, fault = played.claimed, played.fault
    if fault is None:
        return played.silent
    assert all(_leads(claimed.root, claimed.header_at(place)) for place in _headers(fault, claimed))
    if isinstance(fault, WrongInput):
        return _is_other_input(claimed, fault)
    if isinstance(fault, Unread | Unordered | Surplus | Missing | Misfit):
        return _is_no_trace(prover, claimed, fault)
    return judge.rule(prover.program, claimed, fault, prover.declared).convicted


def _is_no_trace(prover: Prover, claimed: Claimed, fault: Unread | Unordered | Surplus | Missing | Misfit) -> bool:
    near = [claimed.header_at(place)[0] for place in _headers(fault, claimed)]
    if isinstance(fault, Misfit):
        piece = claimed.leaf(fault.word, fault.leaf)
        assert _leads(claimed.body(fault.word).root, piece)
        return integrity.misfit(near[0], piece[2], fault.leaf, piece[0])
    if isinstance(fault, Missing):
        left, right = near[0] if fault.place else None, near[-1] if fault.place < claimed.headers.count else None
        return integrity.missing(fault.word, _said(prover, fault.word), left, right)
    if isinstance(fault, Surplus):
        head = integrity.read(near[0])
        return head is not None and integrity.surplus(near[0], _said(prover, head.word))
    return integrity.unread(near[0]) if isinstance(fault, Unread) else integrity.unordered(*near)


def _is_other_input(claimed: Claimed, fault: WrongInput) -> bool:
    """An adaptor knows from the request's bytes what one's own trace has there."""
    kind = claimed.kind(fault.word)
    if fault.element is None or kind is None:
        return kind != claimed.mine.kind(fault.word)
    index = tuple(map(int, np.unravel_index(fault.element, kind.shape))) if kind.shape else ()
    assert _leads(claimed.body(fault.word).root, claimed.leaf(fault.word, trace.leaf_of(kind.dtype, kind.shape, index)))
    return claimed.element(fault.word, index) != claimed.mine.element(fault.word, index)


def _headers(fault: Fault, claimed: Claimed) -> list[int]:
    match fault:
        case Unread(place) | Surplus(place):
            return [place]
        case Unordered(place):
            return [place, place + 1]
        case Missing(_, place):
            return [each for each in (place - 1, place) if 0 <= each < claimed.headers.count]
        case _:
            return [claimed.place(fault.word)]


def _said(prover: Prover, word: int) -> Said:
    """Of the leaf of the program that gives a tensor; of the last where none does."""
    leaves = prover.program_leaves.leaves
    number = min(integrity.giver(word), len(leaves) - 1)
    return Said(leaves[number], number, len(leaves))


def _leads(root: Hash32, opened: Opening) -> bool:
    leaf, index, count, siblings = opened
    proof = Proof(index, count, tuple(Hash32(each) for each in siblings))
    return merkle.verify(root, leaf, proof, sha256)

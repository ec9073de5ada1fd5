"""What an adaptor looks into, and a `Link` with all of it, as `contracts/dispute/src/Links.sol` opens it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from math import prod
from operator import itemgetter
from typing import Final

import numpy as np

from themis.core.types import Hash32
from themis.dispute.claim import Ask, Claimed
from themis.dispute.search import Fault, WrongInput
from themis.exact.declare import Declarations
from themis.exact.program import Program
from themis.exact.referee.case import Claim, Kind, Opened, Undefined
from themis.exact.referee.proof import OPENING, Openable, Opening, Prover, joined, opening
from themis.exact.trace import leaf_of

PIECE: Final = f"(uint256,{OPENING})"
LINK: Final = f"(uint256,bool,uint256,{OPENING},{OPENING}[],{PIECE}[],bytes)"
"""As `Link` in IAdaptor.sol."""
NOTHING: Final = Hash32(bytes(32))
"""The witness of adaptors that need none."""

Link = tuple[int, bool, int, Opening, list[Opening], list[tuple[int, Opening]], bytes]


@dataclass(frozen=True, slots=True)
class Accused:
    """A tensor of the trace, or one element of it."""

    word: int
    element: int | None = None
    """Its place, row by row; None: type or shape."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and what was answered."""

    input: bytes
    code: bytes | None
    """Of the contract that the input names, if it does."""
    output: bytes
    witness: Hash32
    """What the guarantor named when it revealed."""
    gone: bool = False
    """Whether the chain has other code there by now."""


@dataclass(slots=True)
class Sight:
    """A claim, and what was looked at of it."""

    program: Program
    declared: Declarations
    claim: Claim
    asked: Asked
    opened: Opened = field(default_factory=Opened)
    said: bytes = b""
    """What no tree has."""

    def kind(self, word: int) -> Kind:
        """Raises Undefined for a tensor that the trace does not have."""
        found = self.claim.kind(word)
        if found is None:
            raise Undefined(f"the trace has no tensor {word:#x}")
        self.opened.headers.add(word)
        return found

    def at(self, word: int, element: int) -> int:
        """One element. Raises Undefined outside the tensor."""
        kind = self.kind(word)
        if not 0 <= element < prod(kind.shape):
            raise Undefined(f"there is no element {element} in a tensor of shape {kind.shape}")
        index = tuple(map(int, np.unravel_index(element, kind.shape))) if kind.shape else ()
        self.opened.leaves.add((word, leaf_of(kind.dtype, kind.shape, index)))
        return self.claim.element(word, index)

    def name(self, word: int) -> str:
        """Of an input. Raises Undefined for another tensor."""
        if word not in self.program.inputs:
            raise Undefined(f"{word:#x} is no input")
        return self.program.inputs[word]

    def word(self, name: str) -> int:
        """Of an input. Raises Undefined where the graph has none of that name."""
        found = next((word for word, each in self.program.inputs.items() if each == name), None)
        if found is None:
            raise Undefined(f"the graph has no input {name}")
        return found

    def again(self) -> "Sight":
        """The same, of which nothing was looked at."""
        return Sight(self.program, self.declared, self.claim, self.asked)


def as_found(_: Sight, __: Claimed, fault: WrongInput) -> Accused:
    """Where an adaptor knows every input from the request alone."""
    return Accused(fault.word, fault.element)


def nothing(_: Sight) -> Hash32:
    """Where an adaptor needs no witness."""
    return NOTHING


@dataclass(frozen=True, slots=True)
class Adaptor:
    """How models of one preprocessing read and write."""

    preprocessing: str
    contract: str
    """Name of its artifact."""
    refutes_input: Callable[[Sight, Accused], bool]
    """Whether an input is another than the request gives, or the model refuses the request.

    Raises Undefined, and LookupError for what was not shown.
    """
    refutes_output: Callable[[Sight, Accused], bool]
    """Whether the answer is another than the trace gives. Raises as `refutes_input`."""
    refusal: Callable[[Sight], Accused | None]
    """What shows, without a trace, that the model answers no such request; None where nothing does."""
    output_fault: Callable[[Sight], Accused | None]
    """What to accuse where the trace is one's own and the answer is not; None where nothing can be shown."""
    input_fault: Callable[[Sight, Claimed, WrongInput], Ask | Fault | Accused | None] = as_found
    """What to accuse where an input differs from one's own, or what to ask for; None where nothing can be shown."""
    witness: Callable[[Sight], Hash32] = nothing
    """What an honest guarantor names when it reveals."""


def shown(prover: Prover, sight: Sight, claim: Openable | None, accused: Accused) -> Link:
    """An accusation with all that was looked at for it; without a claim nothing of a trace is opened."""
    words = sorted(sight.opened.headers) if claim else []
    leaves = sorted(sight.opened.leaves) if claim else []
    numbers = {word: number for number, word in enumerate(words)}
    return (
        accused.word,
        accused.element is None,
        accused.element or 0,
        opening(prover.program_leaves, 0),
        joined([claim.header(word) for word in words]) if claim else [],
        [
            (numbers[word], each)
            for word, found in groupby(leaves, itemgetter(0))
            for each in joined([claim.leaf(word, index) for _, index in found] if claim else [])
        ],
        sight.said,
    )

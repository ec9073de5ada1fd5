"""A decoder's answer as one trace for each run of its graph, and what the inputs of a run owe to the runs before it.

Within a run the referee rules as on any graph; which token is the best is one of its nodes (ADR 0033). Between runs
there is nothing to compute: caches in are caches out, a token read is the one found best. So a header of the claim,
type, shape and root, is all that is opened, and what it has to be is another header or follows from the question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from themis.core import merkle
from themis.core.abi import encode
from themis.core.merkle import sha256
from themis.core.types import Hash32
from themis.exact.program import Program
from themis.exact.trace import Header, Trace, commit

TOKENS: Final = "input_ids"
POSITIONS: Final = "position_ids"
BEST: Final = "best"
PAST: Final = "past_key_values"
PRESENT: Final = "present"
"""Names in the graphs that `exact.decoder` writes."""


@dataclass(frozen=True, slots=True)
class WrongInput:
    """An input of a run is not what it has to be."""

    run: int
    word: int


@dataclass(frozen=True, slots=True)
class Steps:
    """Rules on the runs that answer one question, which is read in pieces of at least a token."""

    program: Program
    pieces: Sequence[Sequence[int]]

    def convicted(self, claim: Sequence[Trace], accusation: WrongInput) -> bool:
        """Raises IndexError for a run that is not claimed, KeyError for a word that is no input."""
        name = self.program.inputs[accusation.word]
        claimed = _headers(claim[accusation.run]).get(accusation.word)
        needed = self._needed(claim, accusation.run, name)
        return claimed is None or needed is None or not _alike(claimed, needed)

    def accusations(self, claim: Sequence[Trace]) -> list[WrongInput]:
        """All that hold."""
        every = (WrongInput(run, word) for run in range(len(claim)) for word in self.program.inputs)
        return [each for each in every if self.convicted(claim, each)]

    def _needed(self, claim: Sequence[Trace], run: int, name: str) -> Header | None:
        """What an input has to be, by any word; None where the run before lacks it."""
        if name == TOKENS and run < len(self.pieces):
            return commit(0, np.array([self.pieces[run]], np.int64))
        if name == POSITIONS:
            past = sum(map(len, self.pieces[:run])) + max(0, run - len(self.pieces))
            count = len(self.pieces[run]) if run < len(self.pieces) else 1
            return commit(0, np.arange(past, past + count, dtype=np.int64)[None])
        if run == 0:
            return commit(0, np.zeros(*self._nothing(name)))
        output = BEST if name == TOKENS else name.replace(PAST, PRESENT)
        return _headers(claim[run - 1]).get(self.program.outputs[output])

    def _nothing(self, name: str) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
        """Shape and type of a cache without tokens."""
        word = next(word for word, each in self.program.inputs.items() if each == name)
        dtype, shape = self.program.input_types[word]
        return tuple(size if isinstance(size, int) else 0 for size in shape), dtype


def root(claim: Sequence[Trace]) -> Hash32:
    """Of all runs: leaf i is abi.encode(uint256 i, bytes32 root of its trace)."""
    leaves = (encode(["uint256", "bytes32"], [run, trace.root]) for run, trace in enumerate(claim))
    return merkle.root(leaves, sha256)


def _headers(trace: Trace) -> Mapping[int, Header]:
    return {header.word: header for header in trace.headers}


def _alike(one: Header, other: Header) -> bool:
    return (one.dtype, one.shape, one.root) == (other.dtype, other.shape, other.root)

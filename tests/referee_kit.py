"""Holds the referee against honest traces and against lies about them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tests.dispute_kit import convicts, forged, play
from themis.exact import trace
from themis.exact.declare import Declarations
from themis.exact.program import Program
from themis.exact.referee import judge, order
from themis.exact.referee.case import Arrays, Opened
from themis.exact.referee.judge import Accusation, WrongElement, WrongKind, WrongOrder
from themis.exact.referee.proof import AtHand, Prover

Array = NDArray[Any]
Tensors = Mapping[int, Array]


class Bench:
    """One graph, and the referee's rulings on it."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.prover = Prover(model)
        self.program: Program = self.prover.program
        self.declared: Declarations = self.prover.declared

    def honest(self, feed: Mapping[str, Array]) -> dict[int, Array]:
        return dict(trace.tensors(self.model, self.program, feed))

    def is_order(self, word: int) -> bool:
        """Whether a tensor is the indices of a TopK."""
        return (
            word not in self.program.inputs
            and self.program.node(word).op == "TopK"
            and word & 0xFFFFFFFF == order.INDICES
        )

    def accusations(self, tensors: Tensors, rng: np.random.Generator, most: int) -> Iterator[Accusation]:
        """Against every tensor: its kind, and up to so many of its elements."""
        for word, array in tensors.items():
            yield WrongKind(word)
            if word in self.program.inputs:
                continue
            places = range(array.size) if array.size <= most else rng.choice(array.size, most, replace=False)
            for place in places:
                index = tuple(map(int, np.unravel_index(place, array.shape))) if array.ndim else ()
                if not self.is_order(word):
                    yield WrongElement(word, index)
                    continue
                yield WrongOrder(word, index)
                source = self.program.node(word).operands[0]
                assert source is not None
                x = tensors[source.word]
                axis = int(self.program.node(word).attributes.get("axis", -1)) % x.ndim
                yield WrongOrder(word, index, int(rng.integers(x.shape[axis])))

    def convicted(self, tensors: Tensors, accusation: Accusation) -> bool:
        """Raises Undefined where the referee has nothing to say."""
        return judge.rule(self.program, Arrays(tensors), accusation, self.declared).convicted

    def opened(self, tensors: Tensors, accusation: Accusation) -> Opened:
        return judge.rule(self.program, Arrays(tensors), accusation, self.declared).opened

    def challenged(self, claimed: Tensors, honest: Tensors) -> bool | None:
        """Whether an honest challenger convicts, by what is shown to it; None where nothing is wrong."""
        mine = AtHand(honest)
        liar = forged(mine, claimed)
        return None if liar.root == mine.root else convicts(self.prover, play(self.prover, mine, liar))

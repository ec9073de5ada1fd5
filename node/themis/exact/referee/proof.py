"""An accusation and all that is opened for it, as the contracts read it (`contracts/src/referee/Types.sol`)."""

from collections.abc import Mapping
from functools import lru_cache
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final, Protocol

import onnx
from numpy.typing import NDArray

from themis.core.abi import encode
from themis.core.keccak import keccak
from themis.core.merkle import Tree, sha256
from themis.core.types import Hash32
from themis.exact import program, trace
from themis.exact.declare import read_declarations
from themis.exact.program import ROOT, Node
from themis.exact.referee import judge
from themis.exact.referee.case import Arrays, Claim, Index, Kind, Opened
from themis.exact.referee.judge import Accusation, WrongElement, WrongKind, WrongOrder
from themis.exact.roots import WEIGHT, program_leaves, rows_of, weight_leaves

Array = NDArray[Any]
Opening = tuple[bytes, int, int, tuple[bytes, ...]]

OPENING: Final = "(bytes,uint256,uint256,bytes32[])"
PROOF: Final = f"(uint8,uint256,uint256[],uint256,{OPENING},{OPENING},{OPENING}[],{OPENING}[],(uint256,{OPENING})[])"
ROOTS: Final = "(bytes32,bytes32,bytes32)"
SELECTOR: Final = keccak(f"rule({ROOTS},{PROOF})".encode())[:4]
KIND, ELEMENT, ORDER, RIVAL = range(4)
"""As `Accusation` in Types.sol."""
NONE: Final[Opening] = (b"", 0, 0, ())
FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "Moves": (
        "Identity",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Gather",
        "GatherElements",
        "Split",
        "Concat",
    ),
    "Reductions": ("ReduceSum", "ReduceMax"),
    "Products": ("MatMul", "MatMulInteger", "QLinearMatMul"),
    "Orders": ("TopK",),
    "Shapes": ("Shape", "Range"),
}
"""Contracts by the operators whose elements they rule on; Pointwise has the others, Shapes all kinds."""


class Openable(Claim, Protocol):
    """A trace as its claimant has it, with what leads from it to its root."""

    @property
    def root(self) -> Hash32: ...

    def header(self, word: int) -> Opening:
        """Of a tensor that the trace has."""
        ...

    def leaf(self, word: int, index: int) -> Opening:
        """One of a tensor's."""
        ...


TREES_HELD: Final = 16
"""Of a trace, of tensors: the largest take some 100 MB."""


class AtHand:
    """A trace that is at hand as a whole. With `headers` they are not made again."""

    def __init__(self, tensors: Mapping[int, Array], headers: list[bytes] | None = None) -> None:
        self.tensors, self.words = tensors, sorted(tensors)
        self.headers = Tree(headers or [trace.commit(word, tensors[word]).leaf() for word in self.words], sha256)
        self._arrays = Arrays(tensors)
        self._trees = lru_cache(TREES_HELD)(lambda word: Tree(list(trace.leaves(tensors[word])), sha256))
        self.places = {word: place for place, word in enumerate(self.words)}

    @property
    def root(self) -> Hash32:
        return self.headers.root

    def kind(self, word: int) -> Kind | None:
        return self._arrays.kind(word)

    def element(self, word: int, index: Index) -> int:
        return self._arrays.element(word, index)

    def tree(self, word: int) -> Tree:
        """Of a tensor's leaves."""
        return self._trees(word)

    def header(self, word: int) -> Opening:
        return opening(self.headers, self.places[word])

    def leaf(self, word: int, index: int) -> Opening:
        return opening(self.tree(word), index)


class Prover:
    """A model: opens of it, and of somebody's trace, what the referee has to see."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self.program, self.declared = program.read(model), read_declarations(model)
        self._weights = {
            source.word: source
            for node in self.program.nodes
            for source in node.operands
            if source is not None and source.kind == WEIGHT
        }
        self._trees: dict[int, Tree] = {}
        self.program_leaves, self._weight_leaves = Tree(program_leaves(model)), Tree(weight_leaves(model))

    def roots(self, claim: Openable) -> tuple[Hash32, Hash32, Hash32]:
        """What a referee believes in."""
        return self.program_leaves.root, self._weight_leaves.root, claim.root

    def call(self, claim: Openable, accusation: Accusation) -> tuple[str, bytes]:
        """The contract to ask, and what to call it with. Raises as `judge.rule`."""
        name, _, said = self.proof(claim, accusation)
        return name, SELECTOR + encode([ROOTS, PROOF], said)

    def proof(self, claim: Openable, accusation: Accusation) -> tuple[str, bool, tuple[Any, ...]]:
        """The contract to ask, how it rules, roots and a `Proof`. Raises as `judge.rule`."""
        ruling = judge.rule(self.program, claim, accusation, self.declared)
        node = self.program.node(accusation.word)
        kind, index, rival = _spelled(accusation)
        proof = (
            *(kind, accusation.word, index, rival),
            opening(self.program_leaves, node.number + 1),
            self._root(node),
            *self._opened(claim, ruling.opened),
        )
        return family(node.op, accusation), ruling.convicted, (self.roots(claim), proof)

    def _root(self, node: Node) -> Opening:
        """The Sqrt whose Floor this is."""
        if node.op != ROOT:
            return NONE
        floor = self._model.graph.node[node.number]
        number = next(i for i, each in enumerate(self._model.graph.node) if floor.input[0] in each.output)
        return opening(self.program_leaves, number + 1)

    def _opened(
        self, claim: Openable, opened: Opened
    ) -> tuple[list[Opening], list[Opening], list[tuple[int, Opening]]]:
        """Headers, weights and leaves."""
        traced = sorted(opened.headers - self._weights.keys())
        heavy = sorted(opened.headers & self._weights.keys())
        numbers = {word: number for number, word in enumerate([*traced, *heavy])}

        def leaf(word: int, index: int) -> Opening:
            return opening(self._tree(word), index) if word in self._weights else claim.leaf(word, index)

        return (
            joined([claim.header(word) for word in traced]),
            joined([opening(self._weight_leaves, word & 0xFFFFFFFF) for word in heavy]),
            [
                (numbers[word], each)
                for word, found in groupby(sorted(opened.leaves), itemgetter(0))
                for each in joined([leaf(word, index) for _, index in found])
            ],
        )

    def _tree(self, word: int) -> Tree:
        """Of a weight."""
        if word not in self._trees:
            source = self._weights[word]
            if source.constant is None:
                raise KeyError(word)
            self._trees[word] = Tree(list(rows_of(source.constant, by_columns=source.by_columns)))
        return self._trees[word]


def family(op: str, accusation: Accusation) -> str:
    """Which contract rules on it."""
    if isinstance(accusation, WrongKind):
        return "Shapes"
    return next((name for name, ops in FAMILIES.items() if op in ops), "Pointwise")


def _spelled(accusation: Accusation) -> tuple[int, Index, int]:
    match accusation:
        case WrongKind():
            return KIND, (), 0
        case WrongElement():
            return ELEMENT, accusation.index, 0
        case WrongOrder():
            rival = accusation.rival
            return (ORDER, accusation.index, 0) if rival is None else (RIVAL, accusation.index, rival)
        case _:
            raise ValueError(f"no contract rules on {accusation}")


def joined(found: list[Opening]) -> list[Opening]:
    """Leaves of one tree: each leads up to where its path meets that of the one before."""
    shorter = list(found)
    for place, ((_, before, _, _), (leaf, index, count, siblings)) in enumerate(pairwise(found), 1):
        apart = max(0, (before ^ index).bit_length() - 1)
        taken = sum((index >> level) ^ 1 <= (count - 1) >> level for level in range(apart))
        shorter[place] = (leaf, index, count, siblings[:taken])
    return shorter


def opening(tree: Tree, index: int) -> Opening:
    """A leaf with what leads from it to the root."""
    proof = tree.prove(index)
    return tree.leaves[index], index, proof.count, proof.siblings

"""An accusation and all that is opened for it, as the contracts read it (`contracts/src/referee/Types.sol`)."""

from collections.abc import Mapping
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final

import onnx
from numpy.typing import NDArray

from themis.core import merkle
from themis.core.abi import encode
from themis.core.keccak import keccak
from themis.core.merkle import Tree, sha256
from themis.exact import program, trace
from themis.exact.declare import read_declarations
from themis.exact.program import ROOT, Node
from themis.exact.referee import judge
from themis.exact.referee.case import Arrays, Index, Opened
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


class Prover:
    """A model and a trace of it: opens what the referee has to see."""

    def __init__(self, model: onnx.ModelProto, tensors: Mapping[int, Array]) -> None:
        self._model, self._tensors = model, tensors
        self._program, self._declared = program.read(model), read_declarations(model)
        self._weights = {
            source.word: source
            for node in self._program.nodes
            for source in node.operands
            if source is not None and source.kind == WEIGHT
        }
        self._trees: dict[int, Tree] = {}
        self._headers = Tree([self._header(word) for word in sorted(tensors)], sha256)
        self._places = {word: place for place, word in enumerate(sorted(tensors))}
        self._program_leaves, self._weight_leaves = Tree(program_leaves(model)), Tree(weight_leaves(model))
        self.roots = (
            *(merkle.root(tree.leaves) for tree in (self._program_leaves, self._weight_leaves)),
            merkle.root(self._headers.leaves, sha256),
        )

    def call(self, accusation: Accusation) -> tuple[str, bytes]:
        """The contract to ask, and what to call it with. Raises as `judge.rule`."""
        opened = judge.rule(self._program, Arrays(self._tensors), accusation, self._declared).opened
        node = self._program.node(accusation.word)
        kind, index, rival = _spelled(accusation)
        proof = (
            *(kind, accusation.word, index, rival),
            opening(self._program_leaves, node.number + 1),
            self._root(node),
            *self._opened(opened),
        )
        return family(node.op, accusation), SELECTOR + encode([ROOTS, PROOF], [self.roots, proof])

    def _header(self, word: int) -> bytes:
        return trace.commit(word, self._tensors[word]).leaf()

    def _root(self, node: Node) -> Opening:
        """The Sqrt whose Floor this is."""
        if node.op != ROOT:
            return NONE
        floor = self._model.graph.node[node.number]
        number = next(i for i, each in enumerate(self._model.graph.node) if floor.input[0] in each.output)
        return opening(self._program_leaves, number + 1)

    def _opened(self, opened: Opened) -> tuple[list[Opening], list[Opening], list[tuple[int, Opening]]]:
        """Headers, weights and leaves."""
        traced = sorted(opened.headers - self._weights.keys())
        heavy = sorted(opened.headers & self._weights.keys())
        numbers = {word: number for number, word in enumerate([*traced, *heavy])}
        return (
            openings(self._headers, [self._places[word] for word in traced]),
            openings(self._weight_leaves, [word & 0xFFFFFFFF for word in heavy]),
            [
                (numbers[word], each)
                for word, found in groupby(sorted(opened.leaves), itemgetter(0))
                for each in openings(self._tree(word), [leaf for _, leaf in found])
            ],
        )

    def _tree(self, word: int) -> Tree:
        """Of a tensor of the trace, or of a weight."""
        if word not in self._trees:
            source = self._weights.get(word)
            if source is None or source.constant is None:
                self._trees[word] = Tree(list(trace.leaves(self._tensors[word])), sha256)
            else:
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


def openings(tree: Tree, indices: list[int]) -> list[Opening]:
    """Leaves of one tree: each leads up to where its path meets that of the one before."""
    found = [opening(tree, index) for index in indices]
    for place, (before, index) in enumerate(pairwise(indices), 1):
        apart = max(0, (before ^ index).bit_length() - 1)
        leaf, _, count, siblings = found[place]
        taken = sum((index >> level) ^ 1 <= (count - 1) >> level for level in range(apart))
        found[place] = (leaf, index, count, siblings[:taken])
    return found


def opening(tree: Tree, index: int) -> Opening:
    """A leaf with what leads from it to the root."""
    proof = tree.prove(index)
    return tree.leaves[index], index, proof.count, proof.siblings

"""A graph as a referee reads it: nodes, where each takes its operands from, and which tensors a trace has.

A tensor is named by the word that the program's leaves name it by (`roots.program_leaves`): kind << 248 | node << 32 |
index. Besides what nodes give, a trace has two kinds of witness, so that no check is longer than a leaf or two:
the columns of a product's second operand where that is no weight, and the running results of a reduction (ADR 0046).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from themis.exact.attributes import attributes
from themis.exact.roots import GEMM_WEIGHT, INLINE, INPUT, RESULT, WEIGHT, operand_words, weights

Array = NDArray[Any]

WITNESS: Final = 2**16
"""Index of a node's witness, behind all its outputs."""
SECOND: Final[Mapping[str, int]] = {**GEMM_WEIGHT, "MatMul": 1}
"""Which operand of a product is read by columns."""
REDUCTIONS: Final = frozenset(("ReduceSum", "ReduceMax"))
ROOT: Final = "Root"
"""Floor of a Sqrt, as one operator: what lies between is no integer, and in no trace."""
ALONG: Final = 256
"""Terms of one step of a reduction along the last axis, which lies in leaves."""
ACROSS: Final = 16
"""Along another: each term has a leaf of its own."""


@dataclass(frozen=True, slots=True)
class Source:
    """An operand of a node."""

    word: int
    constant: Array | None
    """Its elements, where the model itself says them."""
    by_columns: bool = False
    """Of a weight: whether the model's root commits to its columns, not to its rows."""

    @property
    def kind(self) -> int:
        return self.word >> 248


@dataclass(frozen=True, slots=True)
class Node:
    """What a leaf of the program says."""

    number: int
    op: str
    operands: tuple[Source | None, ...]
    """None for one that is left out."""
    attributes: Mapping[str, Any]
    outputs: int

    def word(self, index: int) -> int:
        """Of an output, or of the witness."""
        return RESULT << 248 | self.number << 32 | index

    @property
    def witnessed(self) -> bool:
        """Whether a trace has a witness of this node."""
        if self.op in REDUCTIONS:
            return True
        second = self.operands[SECOND[self.op]] if self.op in SECOND else None
        return second is not None and second.kind in (INPUT, RESULT)


@dataclass(frozen=True, slots=True)
class Program:
    """A graph whose tensors have words."""

    nodes: tuple[Node, ...]
    inputs: Mapping[int, str]
    """Names of the graph's inputs by word."""
    input_types: Mapping[int, tuple[np.dtype[Any], tuple[int | str, ...]]]
    """Their types and shapes: sizes, or names of sizes, empty for one that nothing is said of."""
    outputs: Mapping[str, int]
    """Words of the graph's outputs by name."""
    traced: tuple[int, ...]
    """Words of a trace's tensors, rising: inputs, then what each node gives, and its witness (ADR 0056)."""

    @property
    def checked(self) -> tuple[int, ...]:
        """The same words, each behind all that its check reads: witnesses and a TopK's indices before results."""

        def place(word: int) -> tuple[int, bool, int]:
            index = word & 0xFFFFFFFF
            first = index == WITNESS or (index == 1 and word not in self.inputs and self.node(word).op == "TopK")
            return word >> 32, not first, index

        return tuple(sorted(self.traced, key=place))

    def node(self, word: int) -> Node:
        """That gives a tensor of a trace. Raises KeyError for an input."""
        if word >> 248 != RESULT:
            raise KeyError(word)
        return self.nodes[word >> 32 & 0xFFFFFFFF]


def read(model: onnx.ModelProto) -> Program:
    """Raises ValueError for an attribute that cannot be read."""
    graph, words = model.graph, operand_words(model.graph)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    entries = {words[entry.name]: entry for entry in graph.input if words[entry.name] >> 248 == INPUT}
    columned = {name for name, (_, is_gemm) in weights(graph).items() if is_gemm}
    roots = {name: node for node in graph.node for name in node.output if node.op_type == "Sqrt"}

    def source(name: str) -> Source | None:
        if not name:
            return None
        word = words.get(name, 0)
        inline = name in constants and word >> 248 != WEIGHT
        return Source(INLINE << 248 if inline else word, constants.get(name), name in columned)

    nodes = []
    for number, node in enumerate(graph.node):
        op, operands = node.op_type, list(node.input)
        if op == "Floor" and operands[0] in roots:
            op, operands = ROOT, list(roots[operands[0]].input)
        nodes.append(Node(number, op, tuple(map(source, operands)), attributes(node), len(node.output)))
    outputs = {entry.name: words[entry.name] for entry in graph.output}
    return Program(
        nodes=tuple(nodes),
        inputs={word: entry.name for word, entry in entries.items()},
        input_types={word: _declared(entry) for word, entry in entries.items()},
        outputs=outputs,
        traced=tuple(sorted([*entries, *_given(nodes)])),
    )


def _declared(entry: onnx.ValueInfoProto) -> tuple[np.dtype[Any], tuple[int | str, ...]]:
    kind = entry.type.tensor_type
    sizes = (size.dim_value if size.HasField("dim_value") else size.dim_param for size in kind.shape.dim)
    return np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)), tuple(sizes)


def _given(nodes: list[Node]) -> list[int]:
    """Words of what nodes give to a trace: all but roots, which are no integers."""
    given = [node.word(index) for node in nodes if node.op != "Sqrt" for index in range(node.outputs)]
    return given + [node.word(WITNESS) for node in nodes if node.witnessed]


def reduced_axis(node: Node, axes: Sequence[int] | None, rank: int) -> int:
    """The one axis that a reduction takes away; `axes` are those of an operand. Raises ValueError for several."""
    found = node.attributes.get("axes") if axes is None else axes
    if found is None and rank == 1:
        return 0
    if found is None or len(found) != 1 or not -rank <= found[0] < rank:
        raise ValueError(f"node {node.number}, {node.op}, does not reduce one axis")
    return int(found[0]) % rank


def step_of(axis: int, rank: int) -> int:
    """Terms of one step of a reduction."""
    return ALONG if axis == rank - 1 else ACROSS

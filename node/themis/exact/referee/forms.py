"""Which graphs the referee can decide about, or which of their nodes it cannot and why."""

from collections.abc import Iterator
from typing import Final

import onnx

from themis.exact.lint import Finding
from themis.exact.program import REDUCTIONS, SECOND, Array, Node, Program, Source, read, reduced_axis
from themis.exact.referee.judge import ELEMENTS
from themis.exact.roots import RESULT, WEIGHT

MATRIX: Final = 2
"""Axes that it has at least."""
MAX_RANK: Final = 64
"""More axes than a tensor has: how many there are is not known here."""
SCALES: Final = {"QuantizeLinear": (1,), "DequantizeLinear": (1,), "QLinearMatMul": (1, 4, 6)}
"""Operands that are powers of two."""
COLUMN_SCALES: Final = ("QLinearMatMul", 4)
"""Those of which there may be one for each column."""


def unrefereed(model: onnx.ModelProto) -> tuple[Finding, ...]:
    """Of an exact graph. One finding for each node; none where every element of every trace can be decided."""
    program = read(model)
    findings = []
    for node, written in zip(program.nodes, model.graph.node, strict=True):
        reason = "it leaves out an output" if "" in written.output else next(_reasons(program, node), None)
        if reason:
            findings.append(Finding(f"{written.op_type} -> {written.output[0]}", reason))
    return tuple(findings)


def _reasons(program: Program, node: Node) -> Iterator[str]:
    if node.op == "Sqrt":
        sources = (source.word for other in program.nodes for source in other.operands if source is not None)
        if node.word(0) in (*sources, *program.outputs.values()):
            yield "a root is refereed where Floor alone reads it"
    elif node.op == "Floor" and node.operands[0] is not None and node.operands[0].kind == RESULT:
        yield "what Floor reads is whole already, or a root of which it is not told"
    elif node.op not in ELEMENTS:
        yield "the referee does not know this operator"
    elif node.op in REDUCTIONS and not _reduces_one_axis(node):
        yield "the referee knows reductions of one axis, which the graph names"
    elif node.op == "TopK" and not node.attributes.get("sorted", 1):
        yield "without `sorted` its order is left open"
    else:
        for place, source in enumerate(node.operands):
            if source is not None and source.constant is not None:
                yield from _about_constant(node, place, source, source.constant)


def _about_constant(node: Node, place: int, source: Source, constant: Array) -> Iterator[str]:
    if place in SCALES.get(node.op, ()):
        if source.kind == WEIGHT:
            yield "its scales are so many that they are a weight, and the referee reads those of the node's own leaf"
        elif constant.size != 1 and (node.op, place) != COLUMN_SCALES:
            yield "the referee knows one scale for a whole tensor"
    if source.by_columns and node.op not in SECOND:
        yield "it reads a weight that another node's product has committed to by columns, which its leaf does not say"
    if node.op in SECOND and place in (0, SECOND[node.op]):
        if constant.ndim < MATRIX:
            yield "the referee knows products of matrices"
        elif source.kind == WEIGHT and source.by_columns != (place > 0):
            yield "a product reads rows and then columns, and this weight's root commits to the others"


def _reduces_one_axis(node: Node) -> bool:
    axes = node.operands[1] if len(node.operands) > 1 else None
    if axes is not None and axes.constant is None:
        return False
    said = None if axes is None or axes.constant is None else axes.constant.ravel().tolist()
    try:
        reduced_axis(node, said, MAX_RANK)
    except ValueError:
        return False
    return True

"""`python -m demo.changed_weight --home HOME run`: a node that serves another model than it says, by one weight.

An honest node refuses such a bundle: its weights do not have the registered root. This one was built to look away.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.cli import main
from themis.engine import engine

_honest_load = bundle.load


def changed(model: bytes) -> bytes:
    """The graph with one bias of its last layer changed: the one of the first score."""
    graph = onnx.load_from_string(model)
    weight = next(each for each in reversed(graph.graph.initializer) if each.name == _last_bias(graph))
    values = numpy_helper.to_array(weight).copy()
    values[0] -= np.iinfo(values.dtype).max // 4
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    return bytes(graph.SerializeToString())


def _last_bias(graph: onnx.ModelProto) -> str:
    """What is added to the last product of a matrix."""
    product = [node for node in graph.graph.node if node.op_type in {"MatMul", "MatMulInteger", "Gemm"}][-1].output[0]
    known = {each.name for each in graph.graph.initializer}
    while True:
        node = next(each for each in graph.graph.node if product in each.input)
        if node.op_type == "Add" and (found := known & set(node.input)):
            return str(found.pop())
        product = node.output[0]


def load(path: Path) -> Bundle:
    """The bundle under its honest roots, to be run with other weights."""
    honest = _honest_load(path)
    return replace(honest, rewritten=changed(honest.model))


if __name__ == "__main__":
    bundle.load = load
    engine.check_golden = lambda *_: None
    main()

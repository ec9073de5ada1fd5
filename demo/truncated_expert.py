"""`python -m demo.truncated_expert --home HOME run|watch`: a build in which one expert's weights are cut to three bits.

It says that it serves the honest model, and in a dispute commits to the run that it really made.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.cli import main
from themis.engine import engine

_honest_load = bundle.load


EXPERT: Final = "c93"
"""The second matrix of the first expert of the last layer of `selftest-moe`."""
KEPT_BITS: Final = 3


def truncated(model: bytes) -> bytes:
    """The graph with the weights of one expert cut."""
    graph = onnx.load_from_string(model)
    weight = next(each for each in graph.graph.initializer if each.name == EXPERT)
    values, cut = numpy_helper.to_array(weight), np.uint8(8 - KEPT_BITS)
    weight.CopyFrom(numpy_helper.from_array((values >> cut) << cut, EXPERT))
    return bytes(graph.SerializeToString())


def load(path: Path) -> Bundle:
    """The bundle under its honest roots, with other weights."""
    honest = _honest_load(path)
    return replace(honest, rewritten=truncated(honest.model))


if __name__ == "__main__":
    bundle.load = load
    engine.check_golden = lambda *_: None
    main()

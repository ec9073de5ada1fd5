"""Rows: models from elsewhere, and requests to them that end, fill or hold the process that runs them."""

import struct
import subprocess
from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, TensorProto, helper

from tests import foreign_models as foreign
from tests.chaos.rows_commands import asking_home
from tests.chaos.stage import Stage, must
from tests.chaos.table import row
from tests.forking import THEMIS
from tests.homes import RISK, register
from themis.adopt.adopt import Wishes, adopt
from themis.core.types import Hash32

KIND = "models"
value = foreign.value
DEADLY = struct.pack(">ii", -(2**31), -1)
"""INT32_MIN / -1 has no result: the processor traps."""
SHORT_TIME = "[engine]\nrequest_seconds = 4"


def mean() -> ModelProto:
    nodes = [helper.make_node("ReduceMean", ["x"], ["z"], keepdims=0)]
    return foreign.model(nodes, [value("x", TensorProto.FLOAT, [4])], [value("z", TensorProto.FLOAT, [])], {})


def greater() -> ModelProto:
    nodes = [helper.make_node("Greater", ["x", "half"], ["z"])]
    half = {"half": np.array([0.5], "f4")}
    return foreign.model(nodes, [value("x", TensorProto.FLOAT, [4])], [value("z", TensorProto.BOOL, [4])], half)


def classifier() -> ModelProto:
    """As scikit-learn's are: a label and probabilities for each row, and the number of rows is open."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Softmax", ["a"], ["probabilities"]),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    outputs = [
        value("label", TensorProto.INT64, [None]),
        value("probabilities", TensorProto.FLOAT, [None, 3]),
    ]
    weights = {"w": np.arange(12, dtype="f4").reshape(4, 3) / 12}
    return foreign.model(nodes, [value("x", TensorProto.FLOAT, [None, 4])], outputs, weights)


def _served(stage: Stage, name: str, graph: ModelProto, probes: Sequence[bytes]) -> Hash32:
    """Make a bundle of a graph and let the node serve it beside its first model."""
    source = foreign.source(stage.home / "sources" / name, graph)
    bundle = stage.home / "models" / name
    bundle.mkdir(parents=True)
    adopt(source, bundle, Wishes(name, "1.0.0", "Of a test.", "MIT", "Built with it", None, tuple(probes), 16, 10_000))
    world = stage.world
    model_id = register(world, bundle)
    world.license(model_id)
    with (stage.home / "config.toml").open("a") as config:
        config.write(f'[[models]]\npath = "{bundle}"\nmodel_id = "0x{model_id.hex()}"\n')
    return model_id


def _hostile(stage: Stage, name: str, graph: ModelProto, harmless: bytes, harmful: bytes) -> None:
    """The harmful request is closed for good, the others are answered, before and after a restart."""
    model_id = _served(stage, name, graph, [harmless])
    stage.start()
    for _ in range(3):
        stage.ask(4)
        stage.ask(1, model_id=model_id, input_=harmless)
    stage.ask(1, model_id=model_id, input_=harmful)
    stage.ask(4)
    stage.ask(2, model_id=model_id, input_=harmless)
    stage.all_over(90)
    stage.end()
    stage.start()
    stage.ask(2, model_id=model_id, input_=harmless)
    stage.all_over(60)
    found = stage.tally()
    must((found.answered, found.closed) == (found.asked - 1, 1), f"answered {found.answered}, closed {found.closed}")


@row("a request that divides INT32_MIN by -1", KIND, started=False)
def divides(stage: Stage) -> None:
    _hostile(stage, "quotient", foreign.quotient(), struct.pack(">ii", 6, 3), DEADLY)


@row("a request that asks for 8 TB: Range", KIND, started=False)
def asks_for_much(stage: Stage) -> None:
    _hostile(stage, "range", foreign.long_range(), struct.pack(">q", 5), struct.pack(">q", 2**40))


@row("a request that asks for 8 TB: Pad", KIND, started=False)
def pads(stage: Stage) -> None:
    _hostile(stage, "padded", foreign.padded(), struct.pack(">qq", 5, 2), struct.pack(">qq", 2**40, 2))


@row("a request that asks for 8 TB: OneHot", KIND, started=False)
def one_hot(stage: Stage) -> None:
    _hostile(stage, "one-hot", foreign.one_hot(), struct.pack(">q", 5), struct.pack(">q", 2**40))


@row("a request that would work for days", KIND, started=False, config=SHORT_TIME)
def works_on(stage: Stage) -> None:
    _hostile(stage, "endless", foreign.endless(), struct.pack(">q", 2), struct.pack(">q", 4_000))


def _output(stage: Stage, model_id: Hash32, input_: bytes) -> bytes:
    stage.ask(1, model_id=model_id, input_=input_)
    stage.all_answered(60)
    (output,) = next(iter(stage.world.answers().values()))
    return output


@row("a float output of rank 0", KIND, started=False)
def rank_zero(stage: Stage) -> None:
    model_id = _served(stage, "mean", mean(), [struct.pack(">4i", 10_000, 0, 0, 0)])
    stage.start()
    found = _output(stage, model_id, struct.pack(">4i", 10_000, 20_000, 10_000, 10_000))
    must(found.hex() == "000030d4", f"1.25 was sent as {found.hex()}")


@row("a bool output", KIND, started=False)
def bools(stage: Stage) -> None:
    model_id = _served(stage, "greater", greater(), [struct.pack(">4i", 10_000, 0, 0, 0)])
    stage.start()
    found = _output(stage, model_id, struct.pack(">4i", 10_000, 0, 6_000, 5_000))
    must(found.hex() == "01000100", f"it was sent as {found.hex()}")


@row("a classifier whose outputs' sizes the result does not tell", KIND, started=False)
def two_open_outputs(stage: Stage) -> None:
    """Served, or refused with what to change: no bug."""
    stage.start()
    source = foreign.source(stage.home / "sources" / "classifier", classifier())
    line = [*THEMIS, "--home", str(asking_home(stage)), "models", "add", str(source)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    must(done.returncode in {0, 65, 78}, f"it ended with {done.returncode}: {done.stderr[-200:]}")
    must("Traceback" not in done.stderr, "a traceback")
    stage.ask(2)
    stage.all_answered()


@row("text for a model that reads code", KIND, bundle=RISK)
def text_for_code(stage: Stage) -> None:
    """The command refuses before money moves; the node does not answer what another client sent."""
    line = [*THEMIS, "--home", str(asking_home(stage)), "request", "0x" + stage.model_id.hex()]
    ask = ["--operator", "0x" + stage.world.operator.address.hex(), "--class", "commercial", "--text", "hello"]
    done = subprocess.run([*line, *ask, "--fee-wei", "1000"], capture_output=True, text=True, timeout=90, check=False)
    must(done.returncode not in {0, 70}, f"it ended with {done.returncode}: {done.stdout[-200:]}")
    must(stage.tally().asked == 0, "it was paid for")
    stage.ask(1, input_=b"hello")
    stage.all_over()
    must(stage.tally().closed == 1, "it was answered")

"""`python -m tests.fuzz_models`: mangled models must be refused or served; whatever crashes, hangs or is a bug is told.

Each case is a number: the model it begins with and what is done to it follow from it. Cases run in a child with the
limits of `models add`. Status 1, with the numbers, if any failed. `--case N` runs one in this process.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import onnx
from onnx import AttributeProto, TensorProto

from tests import foreign_models as foreign
from themis.adopt import adopt
from themis.adopt.adopt import Wishes
from themis.core.errors import Misconfigured, Refused
from themis.engine import sandbox
from themis.exact import selftest

OLMOE: Final = Path(__file__).parents[1] / "models/olmoe-tiny"
WISHES: Final = Wishes("it", "1.0", "A test.", "MIT", "Built with it", None, (), 3, 1_000)
CASE_S: Final = 60
EXPECTED: Final = (Misconfigured, Refused, MemoryError)
EXTREMES: Final = (-1, 0, 1, 2, 7, 255, 2**31 - 1, 2**31, 2**40, 2**63 - 1, -(2**63))
OPERATORS: Final = (
    "Add", "MatMul", "Reshape", "Expand", "Tile", "Gather", "GatherND", "ScatterND", "Slice", "Split", "Concat",
    "Resize",
    "Conv", "TopK", "ConstantOfShape", "Range", "OneHot", "Pad", "Transpose", "Unsqueeze", "Squeeze", "Cast", "Einsum",
    "Loop", "If", "LSTM", "NonZero", "ReduceSum", "QLinearMatMul", "MatMulInteger", "QMoE", "StringNormalizer",
)  # fmt: skip
CHILD: Final = (sys.executable, "-m", "tests.fuzz_models")
Change = Callable[[random.Random, onnx.ModelProto], None]


@cache
def originals() -> tuple[dict[str, bytes], ...]:
    """Files of honest models."""
    graphs = (foreign.perceptron(), foreign.exact(), foreign.sentiment(), selftest.build())
    config = foreign.config(max_position_embeddings=16, eos_token_id=0).encode()
    tokenizer = (OLMOE / "tokenizer.json").read_bytes()
    decoder = {"model.onnx": (OLMOE / "model.onnx").read_bytes(), "config.json": config}
    text = {"model.onnx": foreign.sentiment().SerializeToString(), "tokenizer.json": tokenizer}
    return (*({"model.onnx": graph.SerializeToString()} for graph in graphs), decoder, text)


def bytes_(chance: random.Random, content: bytes) -> bytes:
    """A few bytes changed, inserted, removed, repeated or cut off."""
    spoiled = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(spoiled) + 1), chance.choice((0, 1, 2, 8, 64))
        with_ = chance.choice(
            (chance.randbytes(chance.randint(0, 4)), b"\xff" * 9, bytes(8), spoiled[at : at + 99] * 3)
        )
        spoiled[at : at + length] = with_
    return bytes(spoiled[: chance.randrange(len(spoiled) + 1)] if chance.random() < 0.1 else spoiled)


def _dims(chance: random.Random, model: onnx.ModelProto) -> None:
    tensor = chance.choice(model.graph.initializer)
    if tensor.dims and chance.random() < 0.7:
        tensor.dims[chance.randrange(len(tensor.dims))] = chance.choice(EXTREMES)
    else:
        tensor.dims.append(chance.choice(EXTREMES))


def _type(chance: random.Random, model: onnx.ModelProto) -> None:
    chance.choice(model.graph.initializer).data_type = chance.randint(0, 30)


def _consistent(chance: random.Random, model: onnx.ModelProto) -> None:
    """Another shape with as many elements, or other bytes in the same shape."""
    tensor = chance.choice(model.graph.initializer)
    if chance.random() < 0.5:
        tensor.raw_data = chance.randbytes(len(tensor.raw_data))
    else:
        dims = list(tensor.dims)
        chance.shuffle(dims)
        tensor.dims[:] = [1] * chance.randint(0, 2) + dims


def _outside(chance: random.Random, model: onnx.ModelProto) -> None:
    tensor = chance.choice(model.graph.initializer)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key in ("location", "offset", "length"):
        text = chance.choice(("LICENSE", "../LICENSE", "/etc/passwd", "*/_ORT_MEM_ADDR_/*", "0", "17", "-1", "9" * 20))
        tensor.external_data.add(key=key, value=text)


def _operator(chance: random.Random, model: onnx.ModelProto) -> None:
    node = chance.choice(model.graph.node)
    node.op_type = chance.choice(OPERATORS)
    if chance.random() < 0.2:
        node.domain = chance.choice(("com.microsoft", "ai.onnx.ml", "com.example", "ai.onnx"))
        model.opset_import.add(domain=node.domain, version=1)


def _wiring(chance: random.Random, model: onnx.ModelProto) -> None:
    known = [name for node in model.graph.node for name in (*node.input, *node.output)]
    node = chance.choice(model.graph.node)
    names = chance.choice((node.input, node.output))
    if names and chance.random() < 0.7:
        names[chance.randrange(len(names))] = chance.choice([*known, "", "nowhere"])
    else:
        names.append(chance.choice(known))


def _attribute(chance: random.Random, model: onnx.ModelProto) -> None:
    node = chance.choice(model.graph.node)
    item = node.attribute.add() if not node.attribute or chance.random() < 0.3 else chance.choice(node.attribute)
    item.name = item.name or chance.choice(("axis", "axes", "to", "value", "perm", "k", "body"))
    item.type = chance.choice(AttributeProto.AttributeType.values())
    item.i = chance.choice(EXTREMES)
    item.ints.append(chance.choice(EXTREMES))


def _declared(chance: random.Random, model: onnx.ModelProto) -> None:
    entry = chance.choice((*model.graph.input, *model.graph.output))
    kind = entry.type.tensor_type
    if chance.random() < 0.3 or not kind.shape.dim:
        kind.elem_type = chance.randint(0, 30)
    else:
        size = chance.choice(kind.shape.dim)
        size.dim_value = chance.choice(EXTREMES)


def _metadata(chance: random.Random, model: onnx.ModelProto) -> None:
    key = chance.choice(("range:x", "range:tokens", "extent:n", "extent:T", "range:"))
    model.metadata_props.add(key=key, value=chance.choice(("0..1", "..", "1..0", "9" * 5_000, "-5", "x", "0..99..")))
    model.ir_version = chance.choice((0, 3, 8, 13, 2**62))
    model.opset_import[0].version = chance.choice((0, 1, 7, 13, 17, 18, 99, -1))


def _order(chance: random.Random, model: onnx.ModelProto) -> None:
    nodes = list(model.graph.node)
    chance.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


CHANGES: Final[tuple[Change, ...]] = (
    _dims, _type, _consistent, _consistent, _outside, _operator, _operator, _wiring, _wiring, _attribute, _declared,
    _metadata, _order,
)  # fmt: skip


def spoiled(case: int) -> dict[str, bytes]:
    """The files of a case."""
    chance = random.Random(case)  # noqa: S311 (nothing secret)
    files = dict(chance.choice(originals()))
    name = chance.choice([*files, "model.onnx", "model.onnx"])
    if name != "model.onnx" or chance.random() < 0.4:
        return files | {name: bytes_(chance, files[name])}
    model = onnx.load_from_string(files[name])
    for _ in range(chance.randint(1, 3)):
        chance.choice(CHANGES)(chance, model)
    return files | {name: model.SerializeToString()}


def examine(case: int) -> str:
    """What became of a case. Raises what is a bug."""
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "source", Path(scratch) / "target"
        source.mkdir()
        target.mkdir()
        (source / "LICENSE").write_text("Terms.\n")
        for name, content in spoiled(case).items():
            (source / name).write_bytes(content)
        try:
            return "exact" if adopt.adopt(source, target, WISHES).exact else "tolerant"
        except EXPECTED as error:
            return type(error).__name__


def _child(first: int, count: int) -> None:
    """Say each case before it is run, and what became of it."""
    sandbox.confine(sandbox.BASE_MEMORY_BYTES, 10 * CASE_S * count)
    for case in range(first, first + count):
        sys.stdout.write(f"{case} ")
        sys.stdout.flush()
        signal.alarm(CASE_S)
        try:
            outcome = examine(case)
        except Exception as error:  # noqa: BLE001 (what is not expected is what is looked for)
            frame = traceback.extract_tb(error.__traceback__)[-1]
            outcome = f"BUG {type(error).__name__} {frame.filename}:{frame.lineno} {' '.join(str(error).split())[:200]}"
        sys.stdout.write(f"{outcome}\n")
        sys.stdout.flush()


def hunt(first: int, count: int) -> tuple[dict[str, int], list[str]]:
    """Run cases in children, a new one after each crash. Returns how often each outcome was seen, and what failed."""
    seen: dict[str, int] = {}
    failed: list[str] = []
    case, end = first, first + count
    while case < end:
        done = subprocess.run(
            [*CHILD, "--child", str(case), str(end - case)], capture_output=True, text=True, check=False
        )
        for told in done.stdout.splitlines():
            number, _, outcome = told.partition(" ")
            if not outcome or outcome.startswith("BUG"):
                failed.append(f"case {number}: {outcome or f'status {done.returncode} {done.stderr[-500:]}'}\n")
            kind = outcome.split(" ")[0] or "crash"
            seen[kind] = seen.get(kind, 0) + 1
            case = int(number) + 1
        if not done.stdout:
            raise RuntimeError(done.stderr)
    return seen, failed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long to look for cases that fail")
    parser.add_argument("--first", type=int, default=0, help="the case to begin with")
    parser.add_argument("--case", type=int, help="run one case here")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    asked: Any = parser.parse_args(arguments)
    if asked.child:
        _child(*asked.child)
        return 0
    if asked.case is not None:
        sys.stdout.write(examine(asked.case) + "\n")
        return 0
    seen: dict[str, int] = {}
    failed: list[str] = []
    give_up, case = time.monotonic() + asked.seconds, asked.first
    while time.monotonic() < give_up:
        more, bad = hunt(case, 100)
        case += 100
        failed += bad
        seen = {kind: seen.get(kind, 0) + more.get(kind, 0) for kind in {*seen, *more}}
        sys.stdout.write(f"{case - asked.first} cases: {dict(sorted(seen.items()))}\n" + "".join(bad))
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.onnx_nodes`: ONNX's own node tests as strangers' models, from adding them to an answer.

Each is refused by name, or becomes a bundle whose answers are those of ONNX Runtime: here read from the bytes by other
code than the node's, and asked for with each test's own inputs, in so far as a request can say them.
"""

import argparse
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.backend.test.case import node as node_tests

from tests import foreign_models as foreign
from themis.adopt.adopt import Wishes, adopt
from themis.bundles import bundle
from themis.bundles.bundle import Bundle, graph_inputs
from themis.core.errors import Misconfigured
from themis.engine.generic import Generic
from themis.engine.runner import OneByOne
from themis.engine.tuning import untuned
from themis.exact import selftest
from themis.exact.session import open_session

STEPS: Final = 10_000
MOST_STEPS: Final = 2**31 - 1
FLOATS: Final = "f"
FAULTS: Final = ("traceback", "wrong")


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one node test."""

    name: str
    kind: str
    """answered, refused, or one of FAULTS."""
    said: str = ""


def cases() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX computes NaN and infinities on purpose
        return {case.name: case for case in node_tests.collect_testcases(None)}


def tried(case: Any, folder: Path) -> Tried:
    """Add one, ask it, and compare."""
    try:
        return _tried(case, folder)
    except Misconfigured as error:
        return Tried(case.name, "refused", str(error))
    except Exception:  # noqa: BLE001 (whatever it is, it is what this looks for)
        return Tried(case.name, "traceback", traceback.format_exc())


def _tried(case: Any, folder: Path) -> Tried:
    given = case.data_sets[0][0] if case.data_sets else []
    inputs = [np.asarray(each) for each in given if isinstance(each, np.ndarray | np.generic)]  # others are sequences
    asked = _requests(case.model, inputs)
    source = foreign.source(folder / "source", case.model)
    target = folder / "bundle"
    target.mkdir()
    said = ("node", "1.0.0", "Of ONNX.", "Apache-2.0", "Built with it", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # and models compute them in casts
        adopt(source, target, Wishes(*said, tuple(asked), 16, STEPS))
        return _compared(case, bundle.load(target))


def _compared(case: Any, made: Bundle) -> Tried:
    session = open_session(made.model, folder=made.path)
    reader = Generic(made)
    model = OneByOne(made, untuned(made))
    names = [tensor.name for tensor in made.manifest.outputs]
    for golden in made.golden:
        (output,) = model.answer([(golden.input, None)]).outputs
        if not reader.agrees(golden.output, output):
            return Tried(case.name, "wrong", f"{golden.input.hex()}: {golden.output.hex()}, then {output.hex()}")
        expected = session.run(names, reader.feed(golden.input))
        if fault := _differs(output, made, expected):
            return Tried(case.name, "wrong", f"{golden.input.hex()}: {fault}")
    return Tried(case.name, "answered", made.manifest.exactness)


def _differs(output: bytes, made: Bundle, expected: Sequence[Any]) -> str:
    """Read the bytes one element at a time, and hold them against what the session gave."""
    schemas = made.manifest.outputs
    open_ones = [schema for schema in schemas if any(isinstance(size, str) for size in schema.shape)]
    if len(open_ones) > 1:
        named: dict[str, int] = {}
        for schema, array in zip(schemas, expected, strict=True):
            pairs = zip(schema.shape, np.shape(array), strict=True)
            named |= {size: found for size, found in pairs if isinstance(size, str) and size not in named}
        for name, size in named.items():
            if (told := int.from_bytes(output[:4], "big")) != size:
                return f"size {name} is {size}, told {told}"
            output = output[4:]
    for schema, array in zip(schemas, expected, strict=True):
        for element in np.ravel(array).tolist():
            width = 4 if schema.steps_per_unit else max(1, np.dtype(schema.dtype).itemsize)
            signed = bool(schema.steps_per_unit) or np.dtype(schema.dtype).kind == "i"
            found = int.from_bytes(output[:width], "big", signed=signed)
            wanted = round(element * schema.steps_per_unit) if schema.steps_per_unit else int(element)
            if found != wanted:
                return f"{schema.name}: {wanted} became {found}"
            output = output[width:]
    return f"{len(output)} bytes too many" if output else ""


def _requests(model: onnx.ModelProto, inputs: Sequence[NDArray[Any]]) -> list[bytes]:
    """The test's own inputs as a request; none where it cannot say them: the node makes some up."""
    entries = graph_inputs(model)
    if len(entries) != len(inputs) or any(array.dtype.kind not in "bfiu" or not array.size for array in inputs):
        return []
    sizes: dict[str, int] = {}
    body = []
    for entry, array in zip(entries, inputs, strict=True):
        for axis, (size, found) in enumerate(zip(entry.type.tensor_type.shape.dim, array.shape, strict=False)):
            if not size.HasField("dim_value"):
                sizes.setdefault(size.dim_param or f"{entry.name}.{axis}", found)
        steps = np.rint(array.astype("f8") * STEPS) if array.dtype.kind == FLOATS else None
        if steps is not None and not (np.abs(steps) <= MOST_STEPS).all():
            return []
        form = ">i4" if steps is not None else array.dtype.newbyteorder(">")
        body.append(np.reshape(array if steps is None else steps, -1).astype(form).tobytes())
    request = b"".join([*(size.to_bytes(4, "big") for size in sizes.values()), *body])
    return [request] if request else []


def run(chosen: Mapping[str, Any]) -> Iterator[Tried]:
    for case in chosen.values():
        with tempfile.TemporaryDirectory(prefix="onnx-node-") as folder:
            yield tried(case, Path(folder))


def _passed(threads: int) -> None:
    """The machine's own test, which was done."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only one in so many")
    parser.add_argument("--refusals", action="store_true", help="say why some are refused")
    options = parser.parse_args(arguments)
    chosen = dict(list(cases().items())[:: options.every])
    selftest.check(1)
    selftest.check = _passed  # of this machine: once is enough
    counted: Counter[str] = Counter()
    for each in run(chosen):
        counted[each.kind] += 1
        if each.kind in FAULTS or (options.refusals and each.kind == "refused"):
            print(f"{each.kind} {each.name}: {each.said}", flush=True)  # noqa: T201
    print(f"{len(chosen)} node tests: {', '.join(f'{number} {kind}' for kind, number in sorted(counted.items()))}")  # noqa: T201
    return int(any(counted[kind] for kind in FAULTS))


if __name__ == "__main__":
    sys.exit(main())

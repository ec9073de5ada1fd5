"""Writes `trace/format.json`: traces of small graphs, leaf by leaf, as format "trace-2" has them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from tests.referee_cases import drawn
from themis.core import merkle
from themis.exact import program, trace
from themis.exact.graph import serialize

FORMAT_FILE: Final = Path(__file__).parent / "trace/format.json"
DRAWN: Final = {"Add": 2, "Cast": 2, "MatMul": 4, "ReduceSum": 3, "Sqrt": 2, "TopK": 1, "Where": 2}
"""Seeds by operator."""


def case(op: str, model: onnx.ModelProto, feed: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """A graph, its inputs, its tensors with their leaves, and the root with the siblings of each header."""
    found = list(trace.tensors(model, program.read(model), feed))
    headers = tuple(trace.commit(word, array) for word, array in found)
    leaves = [header.leaf() for header in headers]
    proofs = [merkle.prove(leaves, index, merkle.sha256) for index in range(len(leaves))]
    return {
        "op": op,
        "model": _hex(serialize(model)),
        "feed": {
            name: {"dtype": array.dtype.str, "shape": array.shape, "bytes": _hex(array.tobytes())}
            for name, array in feed.items()
        },
        "tensors": [
            {"header": _hex(leaf), "root": _hex(header.root), "leaves": [_hex(each) for each in trace.leaves(array)]}
            for leaf, header, (_, array) in zip(leaves, headers, found, strict=True)
        ],
        "siblings": [[_hex(each) for each in proof.siblings] for proof in proofs],
        "root": _hex(trace.Trace(headers).root),
    }


def again(known: Mapping[str, Any]) -> dict[str, Any]:
    """The same case, made from its own graph and inputs."""
    feed = {
        name: np.frombuffer(_bytes(said["bytes"]), said["dtype"]).reshape(said["shape"])
        for name, said in known["feed"].items()
    }
    made: dict[str, Any] = json.loads(
        json.dumps(case(known["op"], onnx.load_from_string(_bytes(known["model"])), feed))
    )
    return made


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


if __name__ == "__main__":
    made = [case(op, *drawn(op, seed)) for op, seed in DRAWN.items()]
    FORMAT_FILE.write_text(json.dumps(made, indent=1) + "\n")

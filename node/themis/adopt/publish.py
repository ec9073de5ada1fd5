"""Writes a bundle: graph, golden answers by the executable specification, and a manifest that covers every file."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx

from themis.bundles.bundle import GOLDEN, LICENSE, MANIFEST, MODEL, REQUIRED, load, tensor_schema
from themis.bundles.manifest import LicenseSchema, Manifest, MixtureSchema, RuntimeSchema, render
from themis.core.keccak import keccak
from themis.engine import batch, preprocess
from themis.exact.declare import read_declarations
from themis.exact.graph import serialize
from themis.exact.roots import parameters
from themis.exact.spec import Spec

ONNXRUNTIME_TESTED: Final = ("1.20.0", "1.33.0")
"""The exact profile gave the same bits from the first to below the second (MODELS.md)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What only the author knows. The rest of the manifest is computed."""

    name: str
    version: str
    description: str
    attribution: str
    preprocessing: str
    max_input_bytes: int
    spdx: str
    experts: int
    top_k: int
    active_parameters: int
    units: Mapping[str, str]
    """What the rows of each output are: T, F or R."""
    also: Sequence[str] = ()
    """Files to cover besides the required ones."""


def publish(
    path: Path,
    model: onnx.ModelProto,
    network: Callable[[Spec], None],
    facts: Facts,
    work: Sequence[tuple[bytes, bytes | None]],
) -> None:
    """Write model.onnx, golden.json and manifest.toml beside the LICENSE and MODEL_CARD.md that must be there.

    `network` is what the model was emitted from; `work` holds the golden inputs with code where they need some.
    Raises Misconfigured when the result is not a bundle that nodes would load.
    """
    (path / MODEL).write_bytes(serialize(model))
    (path / GOLDEN).write_text(_golden(model, network, facts, work))
    names = sorted({*REQUIRED, *facts.also})
    digests = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in names}
    terms = keccak((path / LICENSE).read_bytes())
    (path / MANIFEST).write_text(render(_manifest(model, facts, digests, terms)))
    load(path)


def _golden(
    model: onnx.ModelProto, network: Callable[[Spec], None], facts: Facts, work: Sequence[tuple[bytes, bytes | None]]
) -> str:
    declared, prepare = read_declarations(model), preprocess.find(facts.preprocessing).prepare
    dtypes = {tensor.name: tensor.dtype for tensor in map(tensor_schema, model.graph.input)}
    entries = []
    for input_, code in work:
        sample = [prepare(input_, code)]
        spec = Spec(batch.collate(sample, dtypes, declared))
        network(spec)
        (output,) = batch.take_apart(sample, facts.units, spec.outputs)
        known = None if code is None else "0x" + code.hex()
        entries.append({"input": "0x" + input_.hex(), "code": known, "output": "0x" + output.hex()})
    return json.dumps(entries, indent=1) + "\n"


def _manifest(model: onnx.ModelProto, facts: Facts, digests: dict[str, str], terms: bytes) -> Manifest:
    inputs = [tensor_schema(entry) for entry in model.graph.input]
    outputs = [tensor_schema(entry) for entry in model.graph.output]
    low, below = ONNXRUNTIME_TESTED
    return Manifest(
        name=facts.name,
        version=facts.version,
        description=facts.description,
        attribution=facts.attribution,
        exactness="exact",
        preprocessing=facts.preprocessing,
        max_input_bytes=facts.max_input_bytes,
        runtime=RuntimeSchema(onnxruntime_min=low, onnxruntime_below=below),
        license=LicenseSchema(spdx=facts.spdx, terms_hash="0x" + terms.hex()),
        moe=MixtureSchema(
            experts=facts.experts,
            top_k=facts.top_k,
            total_parameters=parameters(model),
            active_parameters=facts.active_parameters,
        ),
        files=digests,
        inputs=inputs,
        outputs=[
            tensor.model_copy(update={"shape": [facts.units[tensor.name], *tensor.shape[1:]]}) for tensor in outputs
        ],
    )

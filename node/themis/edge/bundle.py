"""Loads a model bundle from disk, and believes nothing that it has not recomputed."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from eth_utils.crypto import keccak
from google.protobuf.message import DecodeError
from onnx import helper

from themis.core.errors import Misconfigured
from themis.core.types import Hash32, ModelInfo
from themis.edge import manifest as schema
from themis.edge.batch import DIMENSIONS
from themis.edge.manifest import Manifest, TensorSchema
from themis.exact.declare import Declarations, read_declarations
from themis.exact.lint import has_external_data, lint
from themis.exact.roots import parameters, program_root, weights_root

MANIFEST: Final = "manifest.toml"
MODEL: Final = "model.onnx"
GOLDEN: Final = "golden.json"
LICENSE: Final = "LICENSE"
REQUIRED: Final = (MODEL, GOLDEN, LICENSE, "MODEL_CARD.md")
MAX_MANIFEST_BYTES: Final = 64 * 1_024
MAX_FILE_BYTES: Final = 512 * 1_024**2


@dataclass(frozen=True, slots=True)
class Golden:
    """One input with the answer every node must give."""

    input: bytes
    code: bytes | None
    output: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose digests and roots have been recomputed and whose graph is in the exact profile."""

    path: Path
    manifest: Manifest
    model: bytes
    """The ONNX file."""
    declared: Declarations
    golden: tuple[Golden, ...]
    program_root: Hash32
    weights_root: Hash32
    manifest_hash: Hash32
    """keccak256 of manifest.toml, byte for byte."""

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def dtypes(self) -> dict[str, str]:
        """Of the graph's inputs, by name."""
        return {tensor.name: tensor.dtype for tensor in self.manifest.inputs}

    @property
    def units(self) -> dict[str, str]:
        """What the rows of each output are: T tokens, F sequences or R requests."""
        return {tensor.name: str(tensor.shape[0]) for tensor in self.manifest.outputs}

    @property
    def max_input_bytes(self) -> int:
        return self.manifest.max_input_bytes

    @property
    def attribution(self) -> str:
        return self.manifest.attribution

    def info(self, model_id: Hash32) -> ModelInfo:
        """Facts about the bundle under the id it is registered by."""
        return ModelInfo(
            model_id=model_id,
            name=self.name,
            version=self.version,
            program_root=self.program_root,
            weights_root=self.weights_root,
            manifest_hash=self.manifest_hash,
            max_input_bytes=self.max_input_bytes,
            attribution=self.attribution,
        )


def load(path: Path) -> Bundle:
    """Load the bundle in a directory. Raises Misconfigured with the file at fault and what to do."""
    text = _read(path, MANIFEST, MAX_MANIFEST_BYTES)
    manifest = schema.parse(text, str(path / MANIFEST))
    if missing := [name for name in REQUIRED if name not in manifest.files]:
        raise Misconfigured(f"{path / MANIFEST}: [files] does not list {', '.join(missing)}. {RESTORE}")
    files = {name: _verified(path, name, digest) for name, digest in manifest.files.items()}
    if manifest.license.terms_hash != "0x" + keccak(files[LICENSE]).hex():
        raise Misconfigured(f"{path / MANIFEST}: license.terms_hash is not keccak256 of {LICENSE}. {RESTORE}")
    model = parse_model(path / MODEL, files[MODEL])
    _check_interface(path, manifest, model)
    return Bundle(
        path=path,
        manifest=manifest,
        model=files[MODEL],
        declared=read_declarations(model),
        golden=_golden(path / GOLDEN, files[GOLDEN]),
        program_root=program_root(model),
        weights_root=weights_root(model),
        manifest_hash=Hash32(keccak(text)),
    )


RESTORE: Final = "Restore the bundle from its publisher."


def _read(path: Path, name: str, limit: int) -> bytes:
    """A regular file inside the bundle, links not followed out of it."""
    file = path / name
    try:
        if not file.resolve().is_relative_to(path.resolve()) or Path(name).is_absolute():
            raise Misconfigured(f"{name} lies outside the bundle {path}: paths in [files] must stay inside. {RESTORE}")
        if (size := file.stat().st_size) > limit:
            raise Misconfigured(f"{file} has {size} bytes, limit {limit}. {RESTORE}")
        return file.read_bytes()
    except FileNotFoundError as error:
        raise Misconfigured(f"{file} does not exist. Check the model's path; `themis models list` shows it.") from error
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} cannot be read: {error}. Check its type and permissions.") from error


def _verified(path: Path, name: str, digest: str) -> bytes:
    content = _read(path, name, MAX_FILE_BYTES)
    if (found := hashlib.sha256(content).hexdigest()) != digest:
        raise Misconfigured(f"{path / name} has SHA-256 {found}, the manifest says {digest}. {RESTORE}")
    return content


def parse_model(file: Path, content: bytes) -> onnx.ModelProto:
    """Read a graph that is in the exact profile. Raises Misconfigured naming `file` and the first finding."""
    model = _decoded(file, content)
    if any(has_external_data(tensor) for tensor in model.graph.initializer):
        raise Misconfigured(f"{file} keeps weights in another file, which the roots would not cover. {RESTORE}")
    report = lint(model)
    if not report.exact:
        first = report.findings[0]
        raise Misconfigured(
            f"{file} is not in the exact profile ({len(report.findings)} findings): {first.node}: {first.reason}. "
            "Nodes would disagree about its answers: ask its publisher for an exact version."
        )
    return model


def read_model(file: Path) -> onnx.ModelProto:
    """Read any graph, whatever is in it. Raises Misconfigured for a file that holds none."""
    return _decoded(file, _read(file.parent, file.name, MAX_FILE_BYTES))


def _decoded(file: Path, content: bytes) -> onnx.ModelProto:
    try:
        return onnx.load_from_string(content)
    except DecodeError as error:
        raise Misconfigured(f"{file} is not an ONNX file: {error}. {RESTORE}") from error


def _check_interface(path: Path, manifest: Manifest, model: onnx.ModelProto) -> None:
    """The manifest's inputs, outputs and parameter count are the model's."""
    said, found = manifest.inputs, [tensor_schema(entry) for entry in model.graph.input]
    if said != found:
        raise Misconfigured(f"{path / MANIFEST}: [[inputs]] are not those of {MODEL}, which takes {found}. {RESTORE}")
    if strange := {size for tensor in found for size in tensor.shape if isinstance(size, str)} - DIMENSIONS:
        known = ", ".join(sorted(DIMENSIONS))
        raise Misconfigured(f"{path / MODEL} has inputs of size {', '.join(strange)}; nodes know {known}. {RESTORE}")
    names = [(output.name, output.dtype) for output in manifest.outputs]
    if names != [(output.name, output.dtype) for output in map(tensor_schema, model.graph.output)]:
        raise Misconfigured(f"{path / MANIFEST}: [[outputs]] are not those of {MODEL}. {RESTORE}")
    if manifest.moe.total_parameters != (count := parameters(model)):
        raise Misconfigured(f"{path / MANIFEST}: moe.total_parameters is not {count}, as in {MODEL}. {RESTORE}")


def tensor_schema(entry: onnx.ValueInfoProto) -> TensorSchema:
    """Describe a graph input or output as a manifest does."""
    kind = entry.type.tensor_type
    dtype: Any = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    shape = [size.dim_param or int(size.dim_value) for size in kind.shape.dim]
    return TensorSchema.model_construct(name=entry.name, dtype=dtype, shape=shape)


def _golden(file: Path, content: bytes) -> tuple[Golden, ...]:
    """Read a list of {input, code, output} in hex, code null where the input needs none."""
    try:
        golden = tuple(
            Golden(
                _bytes(entry["input"]),
                None if entry["code"] is None else _bytes(entry["code"]),
                _bytes(entry["output"]),
            )
            for entry in json.loads(content)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{file} is not a list of golden answers: {error!r}. {RESTORE}") from error
    if not golden:
        raise Misconfigured(f"{file} holds no golden answer, so this machine could not be checked. {RESTORE}")
    return golden


def _bytes(text: str | None) -> bytes:
    if text is None or not text.startswith("0x"):
        raise ValueError(f"{text!r} is not 0x-prefixed hex")
    return bytes.fromhex(text[2:])

"""Loads a model bundle from disk, and believes nothing that it has not recomputed."""

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import helper

from themis.bundles import hostile
from themis.bundles import manifest as schema
from themis.bundles.manifest import DIMENSIONS, GENERIC, Manifest, TensorSchema
from themis.core import jsontext
from themis.core.errors import Misconfigured
from themis.core.keccak import keccak
from themis.core.types import Hash32, ModelInfo
from themis.exact.declare import Declarations, read_declarations
from themis.exact.external import is_external
from themis.exact.lint import lint
from themis.exact.roots import parameters, program_root, weights_root

MANIFEST: Final = "manifest.toml"
MODEL: Final = "model.onnx"
GOLDEN: Final = "golden.json"
LICENSE: Final = "LICENSE"
CARD: Final = "MODEL_CARD.md"
TOKENIZER: Final = "tokenizer.json"
REQUIRED: Final = (MODEL, GOLDEN, LICENSE, CARD)
LOADED: Final = (MODEL, GOLDEN, LICENSE, TOKENIZER)
"""Files that are read into memory; others are hashed where they lie."""
MAX_MANIFEST_BYTES: Final = 64 * 1_024
MAX_FILE_BYTES: Final = 512 * 1_024**2
"""Of a file that is loaded."""
MAX_BUNDLE_BYTES: Final = 256 * 1_024**3
"""Of all files together: the largest open mixtures of experts take about 140 GB in 4 bits."""
MAX_FILES: Final = 1_024
RESTORE: Final = "Restore the bundle from its publisher."


@dataclass(frozen=True, slots=True)
class Golden:
    """One input with the answer every node must give."""

    input: bytes
    code: bytes | None
    output: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose digests and roots have been recomputed, and whose graph is exact where its manifest says so."""

    path: Path
    manifest: Manifest
    tokenizer: bytes | None
    """tokenizer.json, where the bundle has one."""
    declared: Declarations
    golden: tuple[Golden, ...]
    program_root: Hash32
    weights_root: Hash32
    manifest_hash: Hash32
    """keccak256 of manifest.toml, byte for byte."""
    rewritten: bytes | None = None
    """A graph derived from the file's, to be run in its place."""

    @property
    def source(self) -> Path | bytes:
        """What a session opens: from its file a graph takes memory once, and from bytes twice more."""
        return self.path / MODEL if self.rewritten is None else self.rewritten

    @property
    def model(self) -> bytes:
        """The graph as ONNX writes it. It may keep weights in other files of `path`."""
        return (self.path / MODEL).read_bytes() if self.rewritten is None else self.rewritten

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

    def info(self, model_id: Hash32) -> ModelInfo:
        """Facts about the bundle under the id it is registered by."""
        return ModelInfo(
            model_id=model_id,
            name=self.name,
            version=self.version,
            program_root=self.program_root,
            weights_root=self.weights_root,
            manifest_hash=self.manifest_hash,
            max_input_bytes=self.manifest.max_input_bytes,
            attribution=self.manifest.attribution,
            exact=self.manifest.exact,
            batched=self.manifest.preprocessing not in GENERIC,
        )


def load(path: Path) -> Bundle:
    """Load the bundle in a directory. Raises Misconfigured with the file at fault and what to do."""
    text = read(path, MANIFEST, MAX_MANIFEST_BYTES)
    manifest = schema.parse(text, str(path / MANIFEST))
    if missing := [name for name in REQUIRED if name not in manifest.files]:
        raise Misconfigured(f"{path / MANIFEST}: [files] does not list {', '.join(missing)}. {RESTORE}")
    files, sizes = _verified(path, manifest)
    if manifest.license.terms_hash != "0x" + keccak(files[LICENSE]).hex():
        raise Misconfigured(f"{path / MANIFEST}: license.terms_hash is not keccak256 of {LICENSE}. {RESTORE}")
    model = decoded(path / MODEL, files.pop(MODEL))
    check_model(path / MODEL, model, sizes, exact=manifest.exact)
    _check_interface(path, manifest, model)
    try:
        roots = program_root(model), weights_root(model, path)
    except ValueError as error:
        raise Misconfigured(f"{path / MODEL} has no identity: {error}. {RESTORE}") from error
    return Bundle(
        path=path,
        manifest=manifest,
        tokenizer=files.get(TOKENIZER),
        declared=read_declarations(model),
        golden=_golden(path / GOLDEN, files[GOLDEN]),
        program_root=roots[0],
        weights_root=roots[1],
        manifest_hash=Hash32(keccak(text)),
    )


def read(path: Path, name: str, limit: int) -> bytes:
    """A regular file inside the directory, links not followed out of it. Raises Misconfigured."""
    file, _ = _inside(path, name, limit)
    try:
        return file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error}. Check its type and permissions.") from error


def _inside(path: Path, name: str, limit: int) -> tuple[Path, int]:
    """A regular file inside the directory, and its size."""
    file = path / name
    try:
        if not file.resolve().is_relative_to(path.resolve()) or Path(name).is_absolute():
            raise Misconfigured(f"{name} lies outside the bundle {path}: paths in [files] must stay inside. {RESTORE}")
        found = file.stat()
    except FileNotFoundError as error:
        raise Misconfigured(f"{file} does not exist. Check the model's path; `themis models list` shows it.") from error
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} cannot be read: {error}. Check its type and permissions.") from error
    if not stat.S_ISREG(found.st_mode):
        raise Misconfigured(f"{file} cannot be read: it is no regular file. {RESTORE}")
    if found.st_size > limit:
        raise Misconfigured(f"{file} has {found.st_size} bytes, limit {limit}. {RESTORE}")
    return file, found.st_size


def size_of(path: Path, name: str) -> int:
    """Bytes of a regular file inside the directory that is not loaded. Raises Misconfigured."""
    return _inside(path, name, MAX_BUNDLE_BYTES)[1]


def _verified(path: Path, manifest: Manifest) -> tuple[dict[str, bytes], dict[str, int]]:
    """Contents of the files that are loaded, and sizes of all, once each has the digest its manifest says."""
    if len(manifest.files) > MAX_FILES:
        raise Misconfigured(f"{path / MANIFEST}: [files] lists {len(manifest.files)}, limit {MAX_FILES}. {RESTORE}")
    contents: dict[str, bytes] = {}
    sizes: dict[str, int] = {}
    for name, digest in manifest.files.items():
        file, sizes[name] = _inside(path, name, MAX_FILE_BYTES if name in LOADED else MAX_BUNDLE_BYTES)
        if sum(sizes.values()) > MAX_BUNDLE_BYTES:
            raise Misconfigured(f"{path} has more than {MAX_BUNDLE_BYTES} bytes. {RESTORE}")
        if name in LOADED:
            contents[name] = read(path, name, MAX_FILE_BYTES)
            found = hashlib.sha256(contents[name]).hexdigest()
        else:
            found = digest_of(file)
        if found != digest:
            raise Misconfigured(f"{file} has SHA-256 {found}, the manifest says {digest}. {RESTORE}")
    return contents, sizes


def digest_of(file: Path) -> str:
    """SHA-256 of a file of any size. Raises Misconfigured where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error}. Check its type and permissions.") from error


def parse_model(file: Path, content: bytes) -> onnx.ModelProto:
    """Read a graph that nodes may open and is exact. Raises Misconfigured naming the first finding."""
    model = decoded(file, content)
    check_model(file, model)
    return model


def check_model(
    file: Path, model: onnx.ModelProto, beside: Mapping[str, int] | None = None, *, exact: bool = True
) -> None:
    """Require a graph that nodes may open and, if it must be, is exact. Raises Misconfigured naming the first finding.

    `beside` has the sizes of the files in which the graph may keep weights, by path relative to it.
    """
    if reason := next(hostile.reasons(model, beside or {}), None):
        raise Misconfigured(f"{file} is not run: {reason}. Ask its publisher for another version.")
    if not exact:
        return
    if any(is_external(tensor) for tensor in model.graph.initializer):
        raise Misconfigured(f"{file} keeps weights in another file, which an exact model does not. {RESTORE}")
    report = lint(model)
    if not report.exact:
        first = report.findings[0]
        raise Misconfigured(
            f"{file} is not in the exact profile ({len(report.findings)} findings): {first.node}: {first.reason}. "
            "Nodes would disagree about its answers: ask its publisher for an exact version."
        )


def read_model(file: Path) -> onnx.ModelProto:
    """Read any graph, whatever is in it. Raises Misconfigured for a file that holds none."""
    return decoded(file, read(file.parent, file.name, MAX_FILE_BYTES))


def decoded(file: Path, content: bytes) -> onnx.ModelProto:
    """Parse an ONNX file, whatever is in it. Raises Misconfigured for bytes that are none."""
    try:
        return onnx.load_from_string(content)
    except DecodeError as error:
        raise Misconfigured(f"{file} is not an ONNX file: {error}. {RESTORE}") from error


def _check_interface(path: Path, manifest: Manifest, model: onnx.ModelProto) -> None:
    """The manifest's inputs, outputs and parameter count are the model's."""
    found = [tensor_schema(entry) for entry in graph_inputs(model)]
    if [_interface(tensor) for tensor in manifest.inputs] != [_interface(tensor) for tensor in found]:
        raise Misconfigured(f"{path / MANIFEST}: [[inputs]] are not those of {MODEL}, which takes {found}. {RESTORE}")
    generic = manifest.preprocessing in GENERIC
    sizes = {size for tensor in found for size in tensor.shape if isinstance(size, str)}
    if not generic and (strange := sizes - DIMENSIONS):
        known = ", ".join(sorted(DIMENSIONS))
        raise Misconfigured(f"{path / MODEL} has inputs of size {', '.join(strange)}; nodes know {known}. {RESTORE}")
    said = [_interface(tensor)[: None if generic else 2] for tensor in manifest.outputs]
    outputs = [tensor_schema(entry) for entry in model.graph.output]
    if said != [_interface(tensor)[: None if generic else 2] for tensor in outputs]:
        raise Misconfigured(f"{path / MANIFEST}: [[outputs]] are not those of {MODEL}. {RESTORE}")
    if manifest.moe and manifest.moe.total_parameters != (count := parameters(model)):
        raise Misconfigured(f"{path / MANIFEST}: moe.total_parameters is not {count}, as in {MODEL}. {RESTORE}")


def _interface(tensor: TensorSchema) -> tuple[Any, ...]:
    return tensor.name, tensor.dtype, tensor.shape


def graph_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What a caller must give: old files list weights among the inputs too."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [entry for entry in model.graph.input if entry.name not in weights]


def tensor_schema(entry: onnx.ValueInfoProto) -> TensorSchema:
    """Describe a graph input or output as a manifest does. A size that has no name gets its tensor's and axis'."""
    kind = entry.type.tensor_type
    dtype: Any = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    shape = [
        size.dim_param or (int(size.dim_value) if size.HasField("dim_value") else f"{entry.name}.{axis}")
        for axis, size in enumerate(kind.shape.dim)
    ]
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
            for entry in jsontext.parse(content)
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

"""A model as its makers publish it: a graph, and whatever lies beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import onnx

from themis.bundles import bundle, hostile
from themis.bundles.bundle import CARD, LICENSE, MANIFEST, MAX_FILE_BYTES, MODEL, TOKENIZER
from themis.core import jsontext
from themis.core.errors import Misconfigured
from themis.exact.external import is_external, place_of

CONFIGS: Final = ("config.json", "generation_config.json")
"""Later ones overrule earlier ones."""
MAX_TEXT_BYTES: Final = 4 * 1_024**2


@dataclass(frozen=True, slots=True)
class Foreign:
    """What was found. Nothing of it has been run."""

    folder: Path
    content: bytes
    """The ONNX file."""
    model: onnx.ModelProto
    weights: Mapping[str, int]
    """Sizes of the files beside it in which it keeps weights, by path."""
    tokenizer: bytes | None
    license: bytes
    card: bytes | None
    config: Mapping[str, Any]
    """What config.json and generation_config.json say."""


def graph_file(source: Path) -> Path:
    """The ONNX file of a path. Raises Misconfigured where there is none, or several."""
    if not source.is_dir():
        return source
    found = sorted(source.glob("*.onnx"))
    named = [file for file in found if file.name == MODEL] or found
    if len(named) != 1:
        raise Misconfigured(f"{source} holds {len(named)} ONNX files, none called {MODEL}: give the path of one")
    return named[0]


def total_size(source: Path) -> int:
    """Bytes of the graph and of all that lies beside it. Raises Misconfigured."""
    try:
        return sum(file.stat().st_size for file in graph_file(source).parent.iterdir() if file.is_file())
    except OSError as error:
        raise Misconfigured(f"{source} cannot be read: {error}. Correct the path.") from error


def inspect(source: Path, license_file: Path | None) -> Foreign:
    """Read a model. Raises Misconfigured for one that nodes must not open, or without a license."""
    file = graph_file(source)
    folder = file.parent
    if source.is_dir() and (source / MANIFEST).exists():
        raise Misconfigured(f"{source} is a bundle already: `themis models register {source}`")
    content = bundle.read(folder, file.name, MAX_FILE_BYTES)
    model = bundle.decoded(file, content)
    weights: dict[str, int] = {}
    for tensor in model.graph.initializer:
        if is_external(tensor):
            name = _location(file, tensor)
            if name not in weights:
                weights[name] = bundle.size_of(folder, name)
    if reason := next(hostile.reasons(model, weights), None):
        raise Misconfigured(f"{file} is not run: {reason}. Ask its publisher for another version.")
    beside = {name: _optional(folder, name) for name in (TOKENIZER, LICENSE, CARD, "README.md", *CONFIGS)}
    terms = bundle.read(license_file.parent, license_file.name, MAX_TEXT_BYTES) if license_file else beside[LICENSE]
    if terms is None:
        raise Misconfigured(f"{folder} has no {LICENSE}: give the model's terms with --license FILE")
    return Foreign(
        folder=folder,
        content=content,
        model=model,
        weights=weights,
        tokenizer=beside[TOKENIZER] if source.is_dir() else None,
        license=terms,
        card=(beside[CARD] or beside["README.md"]) if source.is_dir() else None,
        config=_config(folder, [beside[name] for name in CONFIGS]),
    )


def _location(file: Path, tensor: onnx.TensorProto) -> str:
    try:
        return place_of(tensor, 0).file
    except ValueError as error:
        raise Misconfigured(f"{file} is not run: weight {tensor.name}: {error}") from error


def _optional(folder: Path, name: str) -> bytes | None:
    if not (folder / name).exists():
        return None
    return bundle.read(folder, name, MAX_FILE_BYTES if name == TOKENIZER else MAX_TEXT_BYTES)


def _config(folder: Path, contents: list[bytes | None]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for content in contents:
        try:
            found = jsontext.parse(content or b"{}")
        except ValueError as error:
            raise Misconfigured(f"{folder}: {' or '.join(CONFIGS)} is not JSON: {error}. Restore it.") from error
        merged |= found if isinstance(found, dict) else {}
    return merged

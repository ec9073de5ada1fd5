"""Makes a bundle of a model from elsewhere: what it takes, whether it is exact, and what it answers here."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnxruntime as ort
from pydantic import ValidationError

from themis.adopt import foreign, recognize
from themis.adopt.foreign import Foreign
from themis.adopt.publish import ONNXRUNTIME_TESTED
from themis.adopt.trial import trial
from themis.bundles import bundle, manifest
from themis.bundles.bundle import CARD, GOLDEN, LICENSE, MANIFEST, MODEL, TOKENIZER, Bundle, graph_inputs, tensor_schema
from themis.bundles.manifest import FLOATS, TENSORS, TEXT, TOKENS, GenerationSchema, Manifest, TensorSchema
from themis.core.errors import Misconfigured
from themis.core.keccak import keccak
from themis.core.types import Hash32
from themis.engine import tensors
from themis.engine.engine import check_here
from themis.engine.reach import Reach
from themis.exact.declare import read_declarations
from themis.exact.lint import lint
from themis.exact.rules import RULES

MAX_INPUT_BYTES: Final = 24_640
"""The oracle takes no longer request."""
MAX_TEXT_BYTES: Final = 8_192
ANY_ID: Final = Hash32(bytes(32))


@dataclass(frozen=True, slots=True)
class Wishes:
    """What only the person who adds a model can say."""

    name: str
    version: str
    description: str
    spdx: str
    attribution: str
    license_file: Path | None
    probes: tuple[bytes, ...]
    """Requests that become the golden ones; none: some are made up."""
    max_new_tokens: int
    steps_per_unit: int
    chat: tuple[str, str] | None = None
    """What a decoder is told before and after a request's text."""
    text_answer: bool = False
    """A decoder's result is the hash of its tokens and their text, not the tokens."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of it."""

    exact: bool
    findings: tuple[str, ...]
    """Why it is not exact; nothing if it is."""
    golden: int
    """Requests with known answers."""
    margin: float | None
    """Of a decoder, see `decoder.Answer`."""
    bundle: Bundle
    """As it was loaded from where it was written."""


def adopt(source: Path, target: Path, wishes: Wishes) -> Adopted:
    """Write a bundle into a directory that is there and empty. Raises Misconfigured.

    Opens and runs what it is given: call it in `sandbox.confined`.
    """
    found = foreign.inspect(source, wishes.license_file)
    findings = _findings(found)
    try:
        draft = _manifest(found, wishes, exact=not findings)
    except ValidationError as error:
        raise manifest.misfit(error, str(source), "Change it, or what is said about it.") from error
    _copy(found, target)
    tried, problems = trial(_bundle(found, draft, target), wishes.probes)
    (target / GOLDEN).write_text(json.dumps([each.entry() for each in tried], indent=1) + "\n")
    (target / CARD).write_bytes(found.card or _card(draft, findings + problems).encode())
    files = sorted(
        {MODEL, GOLDEN, LICENSE, CARD, *found.weights, *([TOKENIZER] if draft.preprocessing == TEXT else [])}
    )
    digests = {name: bundle.digest_of(target / name) for name in files}
    (target / MANIFEST).write_text(manifest.render(draft.model_copy(update={"files": digests})))
    check_here(made := bundle.load(target))
    margins = [each.margin for each in tried if each.margin is not None]
    return Adopted(not findings, tuple(findings + problems), len(tried), min(margins, default=None), made)


def _findings(found: Foreign) -> list[str]:
    """Why the graph is not exact. What is wrong with a model as a whole does not hide its operators."""
    if found.weights:
        reasons = ["model: keeps weights in another file, which an exact model does not"]
    else:
        findings = lint(found.model).findings
        reasons = [f"{finding.node}: {finding.reason}" for finding in findings]
        if any(finding.node != "model" for finding in findings):
            return reasons
    nodes = found.model.graph.node
    strange = sorted(
        {node.op_type for node in nodes if node.domain not in ("", "ai.onnx") or node.op_type not in RULES}
    )
    return [*reasons, f"model: operators outside the exact profile: {', '.join(strange)}"] if strange else reasons


def _manifest(found: Foreign, wishes: Wishes, *, exact: bool) -> Manifest:
    """All but the digests of the files."""
    inputs, outputs = (
        [tensor_schema(entry) for entry in entries] for entries in (graph_inputs(found.model), found.model.graph.output)
    )
    generation = recognize.generation(inputs, outputs, found.config, wishes.max_new_tokens)
    if generation and exact:
        generation = _within_proof(generation, Reach(inputs, read_declarations(found.model)))
    if wishes.chat or wishes.text_answer:
        generation = _speaking(generation, found, wishes)
    preprocessing = TEXT if found.tokenizer else TOKENS if generation else TENSORS
    if generation is None:
        inputs, outputs = ([_on_grid(tensor, wishes.steps_per_unit) for tensor in some] for some in (inputs, outputs))
    minor = ".".join(ort.__version__.split(".")[:2])
    next_minor = f"{minor.split('.')[0]}.{int(minor.split('.')[1]) + 1}"
    low, below = ONNXRUNTIME_TESTED if exact else (f"{minor}.0", f"{next_minor}.0")
    return Manifest(
        name=wishes.name,
        version=wishes.version,
        description=wishes.description,
        attribution=wishes.attribution,
        exactness="exact" if exact else "tolerant",
        preprocessing=preprocessing,
        max_input_bytes=_max_input_bytes(preprocessing, inputs),
        runtime=manifest.RuntimeSchema(onnxruntime_min=low, onnxruntime_below=below),
        license=manifest.LicenseSchema(spdx=wishes.spdx, terms_hash="0x" + keccak(found.license).hex()),
        moe=recognize.mixture(found.model, found.config),
        generation=generation,
        files={},
        inputs=inputs,
        outputs=outputs,
    )


def _within_proof(generation: GenerationSchema, reach: Reach) -> GenerationSchema:
    """Config.json may promise a longer context than the graph is proven exact for."""
    covered = reach.context(generation)
    return generation.model_copy(update={"context": min(generation.context, covered or generation.context)})


def _speaking(generation: GenerationSchema | None, found: Foreign, wishes: Wishes) -> GenerationSchema:
    if generation is None or not found.tokenizer:
        raise Misconfigured("a chat template, or an answer as text, is for a decoder with a tokenizer.json beside it")
    chat = list(wishes.chat) if wishes.chat else None
    return generation.model_copy(update={"chat": chat, "answer": "text" if wishes.text_answer else None})


def _on_grid(tensor: TensorSchema, steps_per_unit: int) -> TensorSchema:
    return tensor.model_copy(update={"steps_per_unit": steps_per_unit}) if tensor.dtype in FLOATS else tensor


def _max_input_bytes(preprocessing: str, inputs: Sequence[TensorSchema]) -> int:
    if preprocessing != TENSORS:
        return MAX_TEXT_BYTES
    size = tensors.fixed_size(inputs)
    if size is not None and size > MAX_INPUT_BYTES:
        raise Misconfigured(f"one input of this model takes {size} bytes; the oracle takes {MAX_INPUT_BYTES}")
    return MAX_INPUT_BYTES if size is None else max(1, size)


def _copy(found: Foreign, target: Path) -> None:
    (target / MODEL).write_bytes(found.content)
    (target / LICENSE).write_bytes(found.license)
    if found.tokenizer:
        (target / TOKENIZER).write_bytes(found.tokenizer)
    for name in found.weights:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found.folder / name, target / name)


def _bundle(found: Foreign, draft: Manifest, path: Path) -> Bundle:
    """What a trial needs of a bundle; it has no identity yet."""
    return Bundle(
        path=path,
        manifest=draft,
        tokenizer=found.tokenizer,
        declared=read_declarations(found.model),
        golden=(),
        program_root=ANY_ID,
        weights_root=ANY_ID,
        manifest_hash=ANY_ID,
    )


def _card(draft: Manifest, findings: Sequence[str]) -> str:
    """What is known of a model that comes without a card."""
    lines = [f"# {draft.name} {draft.version}", "", draft.description, ""]
    lines += [f"Input: `{draft.preprocessing}`, up to {draft.max_input_bytes} bytes. Results are {draft.exactness}."]
    lines += ["", "Nothing is known of its training data, its accuracy or its limits: ask its makers.", ""]
    lines += ["Not exact, because:", "", *(f"* {finding}" for finding in findings)] if findings else []
    return "\n".join(lines).rstrip() + "\n"

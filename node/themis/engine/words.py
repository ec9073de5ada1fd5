"""Questions and answers as people read them, by what a manifest says of their bytes. Runs nothing of a stranger's."""

from typing import Final

import numpy as np

from themis.bundles.manifest import TENSORS, TEXT, TOKENS, Manifest
from themis.core.errors import Refused
from themis.core.spelling import shown
from themis.core.types import Address
from themis.engine import preprocess, tensors
from themis.engine.generic import HASH_BYTES, ID
from themis.evm import encode as evm
from themis.evm import report
from themis.evm.report import RiskClass
from themis.ports import Words

_SHOWN: Final = 64
"""Elements of a tensor, or token ids; there may be hundreds."""
_BPS: Final = np.dtype(">u2")


def of_question(manifest: Manifest, input_: bytes) -> Words:
    """What was asked."""
    if manifest.preprocessing == evm.PREPROCESSING:
        return _code(input_)
    if manifest.preprocessing == TEXT:
        return [("text", input_.decode(errors="replace"))]
    if manifest.preprocessing == TOKENS and len(input_) % ID.itemsize == 0:
        return [("tokens", _listed(np.frombuffer(input_, ID).tolist()))]
    what = "tensors" if manifest.preprocessing == TENSORS else "bytes"
    return [(what, f"{len(input_)} bytes")]


def of_answer(manifest: Manifest, output: bytes) -> Words:
    """What was answered; nothing where the bytes are no answer of such a model."""
    try:
        if manifest.preprocessing == evm.PREPROCESSING:
            return _report(output)
        if manifest.generation is not None:
            return _written(output, text=manifest.generation.answer is not None)
        if manifest.preprocessing in (TENSORS, TEXT, TOKENS):
            return [(name, _listed(values)) for name, values in tensors.as_json(output, manifest.outputs).items()]
        return [("scores", _listed([f"{bps / 100:.2f} %" for bps in np.frombuffer(output, _BPS).tolist()]))]
    except ValueError:
        return []


def _code(input_: bytes) -> Words:
    try:
        ref = preprocess.find(evm.PREPROCESSING).code_needed(input_)
    except Refused as refused:
        return [("no code", refused.detail)]
    if ref is None:
        return [("code", f"{len(input_)} bytes of bytecode")]
    return [("code of", shown(ref.address)), ("code hash", shown(ref.code_hash))]


def _report(output: bytes) -> Words:
    said = report.unpack(output)
    words = [("not known", each) for each in said.words]
    if said.implementation is not None:
        return [("points to", shown(Address(said.implementation))), *words]
    named = zip(RiskClass, said.scores_bps, strict=True)
    scores = [(risk.name.lower().replace("_", " "), f"{bps / 100:.2f} %") for risk, bps in named]
    read = ("code that was read", f"{said.coverage_bps / 100:.2f} %")
    return [*scores, read, ("worst at", f"program counter {said.program_counter}"), *words]


def _written(output: bytes, *, text: bool) -> Words:
    if not text:
        return [("tokens", _listed(np.frombuffer(output, ID).tolist()))]
    if len(output) < HASH_BYTES:
        return []
    return [("text", output[HASH_BYTES:].decode(errors="replace")), ("hash of the tokens", shown(output[:HASH_BYTES]))]


def _listed(values: list[object]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(map(str, values[:_SHOWN])) + more

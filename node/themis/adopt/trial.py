"""Tries a model on requests: what it answers, and whether it answers the same again, at other threads and as specified.

One session at a time: a large model fits this machine once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort

from themis.adopt import probes
from themis.bundles.bundle import Bundle
from themis.bundles.manifest import TEXT
from themis.core.errors import Misconfigured, Refused
from themis.engine import tensors
from themis.engine.generic import Generic
from themis.exact.interpret import Specified, interpret
from themis.exact.session import RUNTIME_ERRORS, SessionSettings, open_session

THREADS: Final = (1, 2)
MAX_ANSWERS: Final = 6
SPECIFIED_STEPS: Final = 2
"""Steps of a decoder's answer that are compared with the specification: question and cache, then one token."""
FAILURES: Final[tuple[type[Exception], ...]] = (Refused, *RUNTIME_ERRORS)


@dataclass(frozen=True, slots=True)
class Tried:
    """A request with its answer."""

    input: bytes
    output: bytes
    margin: float | None
    """Of a decoder, see `decoder.Answer`."""

    def entry(self) -> dict[str, Any]:
        """As golden.json keeps it."""
        known = {"input": "0x" + self.input.hex(), "code": None, "output": "0x" + self.output.hex()}
        return known | ({} if self.margin is None else {"margin": self.margin})


def trial(draft: Bundle, asked: Sequence[bytes]) -> tuple[list[Tried], list[str]]:
    """Answers to what was asked, or to requests that are made up; and when a tolerant model answered otherwise.

    Raises Misconfigured for a model that does not load, refuses, or is exact and yet answers otherwise.
    """
    reader = Generic(draft)
    if draft.manifest.preprocessing == TEXT:
        for text in probes.longest(draft.manifest.max_input_bytes):
            reader.ids(text)
    tried = _answers(draft, reader, asked)
    problems = [
        f"self-test: some answers differ {when}"
        for when, threads in (("when asked again", THREADS[0]), (f"at {THREADS[1]} threads", THREADS[1]))
        if _differs(draft, reader, threads, tried)
    ]
    if draft.manifest.exact and (problems or not _as_specified(draft, reader, tried)):
        raise Misconfigured(f"ONNX Runtime {ort.__version__} is not exact here: update it, or serve elsewhere")
    return tried, problems


def _answers(draft: Bundle, reader: Generic, asked: Sequence[bytes]) -> list[Tried]:
    session = _open(draft, THREADS[0])
    tried: list[Tried] = []
    refusals: list[str] = []
    for probe in asked or probes.probes(draft.manifest, draft.declared):
        margin = None
        try:
            if draft.manifest.generation:
                written = reader.generate(session, probe)
                output, margin = reader.written(written.tokens), written.margin
            else:
                output = reader.answer(session, probe)
        except FAILURES as error:
            refusals.append(f"{probe[:32].hex()}: {error}")
            continue
        # four digits: what follows differs between machines
        tried.append(Tried(probe, output, None if margin is None else float(f"{margin:.4g}")))
        if len(tried) == MAX_ANSWERS:
            break
    if not tried or (asked and refusals):
        first = refusals[0] if refusals else "everything that was made up"
        raise Misconfigured(f"the model refuses {first}. Give requests that it answers with --probe FILE.")
    return tried


def _differs(draft: Bundle, reader: Generic, threads: int, tried: Sequence[Tried]) -> bool:
    """Ask the same in another session, last request first."""
    session = _open(draft, threads)
    return any(reader.answer(session, each.input) != each.output for each in reversed(tried))


def _as_specified(draft: Bundle, reader: Generic, tried: Sequence[Tried]) -> bool:
    """Whether the executable specification of the graph gives the same."""
    model, outputs = onnx.load_from_string(draft.model), draft.manifest.outputs
    if draft.manifest.generation:
        return _writes_as_specified(draft, reader, model, min(tried, key=lambda each: len(each.input)))
    for each in tried:
        found = interpret(model, reader.feed(each.input))
        if tensors.encode([found[tensor.name] for tensor in outputs], outputs) != each.output:
            return False
    return True


def _writes_as_specified(draft: Bundle, reader: Generic, model: onnx.ModelProto, shortest: Tried) -> bool:
    """Whether a decoder's logits and caches are the specification's, bit for bit, at the first steps of an answer.

    The specification is slow, and a step's caches are the next one's inputs: a wrong bit shows at once.
    """
    ours, theirs = (
        list(islice(reader.steps(session, shortest.input), SPECIFIED_STEPS))
        for session in (_open(draft, THREADS[0]), Specified(model))
    )
    return len(ours) == len(theirs) and all(
        one.token == other.token and all(map(np.array_equal, [one.logits, *one.cache], [other.logits, *other.cache]))
        for one, other in zip(ours, theirs, strict=True)
    )


def _open(draft: Bundle, threads: int) -> ort.InferenceSession:
    try:
        return open_session(draft.source, SessionSettings(threads), folder=draft.path)
    except RUNTIME_ERRORS as error:
        raise Misconfigured(f"ONNX Runtime cannot load {draft.path}: {error}. It cannot be served.") from error

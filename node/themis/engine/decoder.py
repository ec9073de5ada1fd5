"""Greedy generation: the most likely next token, again and again, with a cache of keys and values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from themis.bundles.manifest import GenerationSchema, TensorSchema
from themis.core.errors import Reason, Refused

Arrays = list[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a decoder wrote."""

    tokens: tuple[int, ...]
    """Ids, the one that ended the answer included; none if the question fills the context."""
    margin: float
    """How far the chosen token was ahead of the second, at the closest step, in logits: what another machine's
    rounding would have to move to change the answer."""


def generate(
    session: ort.InferenceSession, schema: GenerationSchema, inputs: Sequence[TensorSchema], question: Sequence[int]
) -> Answer:
    """Answer a question of at least one token. Ties go to the lowest id.

    Raises Refused(INVALID_INPUT) for a question that fills the context, Refused(ENGINE_REFUSED) for logits that are
    not numbers, and what the session raises, for ids beyond its vocabulary too.
    """
    if not 0 < len(question) < schema.context:
        raise Refused(Reason.INVALID_INPUT, f"{len(question)} tokens; 1 to {schema.context - 1} fit")
    limit = min(schema.max_new_tokens, schema.context - len(question))
    written: list[int] = []
    cache, new, past, margin = empty_cache(schema, inputs), list(question), 0, np.inf
    while len(written) < limit:
        logits, cache = step(session, schema, new, past, cache)
        past += len(new)
        token, ahead = choose(logits)
        written.append(token)
        margin = min(margin, ahead)
        if token in schema.eos_ids:
            break
        new = [token]
    return Answer(tuple(written), float(margin))


def step(
    session: ort.InferenceSession, schema: GenerationSchema, new: Sequence[int], past: int, cache: Arrays
) -> tuple[NDArray[Any], Arrays]:
    """Run the graph on `new` tokens after `past` cached ones: logits of the next token, and the longer cache."""
    feed: dict[str, NDArray[Any]] = {schema.tokens: np.array([new], np.int64)}
    if schema.mask:
        feed[schema.mask] = np.ones((1, past + len(new)), np.int64)
    if schema.positions:
        feed[schema.positions] = np.arange(past, past + len(new))[None]
    feed |= {pair[0]: array for pair, array in zip(schema.cache, cache, strict=True)}
    logits, *longer = session.run([schema.logits, *(pair[1] for pair in schema.cache)], feed)
    return logits[0, -1], longer


def choose(logits: NDArray[Any]) -> tuple[int, float]:
    """The token with the highest logit, the lowest id of several, and how far it is ahead of the next."""
    if not np.isfinite(logits).all():
        raise Refused(Reason.ENGINE_REFUSED, "the model's logits are not numbers")
    token = int(np.argmax(logits))
    others = np.delete(logits, token)
    return token, float(logits[token]) - float(others.max(initial=-np.inf))


def empty_cache(schema: GenerationSchema, inputs: Sequence[TensorSchema]) -> Arrays:
    """No tokens yet: of the sizes that have names, the first axis' is 1 (one request) and any other is 0."""
    tensors = {tensor.name: tensor for tensor in inputs}
    arrays = []
    for name, _ in schema.cache:
        shape = [size if isinstance(size, int) else int(axis == 0) for axis, size in enumerate(tensors[name].shape)]
        arrays.append(np.zeros(shape, tensors[name].dtype))
    return arrays

"""Greedy generation: the most likely next token, again and again, with a cache of keys and values."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from themis.bundles.manifest import GenerationSchema, TensorSchema
from themis.core.errors import Reason, Refused
from themis.engine.reach import ENDLESS, Reach

Arrays = list[NDArray[Any]]


class Session(Protocol):
    """What runs a graph: ONNX Runtime, or the executable specification."""

    def run(self, output_names: list[str], input_feed: dict[str, NDArray[Any]], /) -> Arrays:
        """The named outputs, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a decoder wrote."""

    tokens: tuple[int, ...]
    """Ids, the one that ended the answer included."""
    margin: float
    """How far the chosen token was ahead of the second, at the closest step, in logits: what another machine's
    rounding would have to move to change the answer."""


@dataclass(frozen=True, slots=True)
class Step:
    """One token of an answer, and what it was chosen from."""

    token: int
    ahead: float
    """See `Answer.margin`."""
    logits: NDArray[Any]
    cache: Arrays


def generate(
    session: Session,
    schema: GenerationSchema,
    inputs: Sequence[TensorSchema],
    question: Sequence[int],
    reach: Reach = ENDLESS,
    *,
    keep: Callable[[list[int]], bool] = lambda _: True,
) -> Answer:
    """Answer a question. `keep` is told the answer after each token; False ends it before that token.

    Raises as `steps`.
    """
    written: list[int] = []
    margin = np.inf
    for each in steps(session, schema, inputs, question, reach):
        if not keep([*written, each.token]):
            break
        written.append(each.token)
        margin = min(margin, each.ahead)
    return Answer(tuple(written), float(margin))


def steps(
    session: Session,
    schema: GenerationSchema,
    inputs: Sequence[TensorSchema],
    question: Sequence[int],
    reach: Reach = ENDLESS,
) -> Iterator[Step]:
    """The tokens that answer a question of at least one token, as they are chosen. Ties go to the lowest id.

    Raises Refused(INVALID_INPUT) for a question that fills the context or leaves what the graph's proof covers,
    Refused(ENGINE_REFUSED) for logits that are not numbers, and what the session raises, for ids beyond its vocabulary
    too.
    """
    if not 0 < len(question) < schema.context:
        raise Refused(Reason.INVALID_INPUT, f"{len(question)} tokens; 1 to {schema.context - 1} fit")
    reach.require_known(schema, question)
    *before, new = pieces(schema, question, reach)
    cache, past = empty_cache(schema, inputs), 0
    for part in before:
        _, cache = step(session, schema, part, past, cache, reach=reach)
        past += len(part)
    for _ in range(min(schema.max_new_tokens, schema.context - len(question))):
        logits, cache = step(session, schema, new, past, cache, reach=reach)
        past += len(new)
        token, ahead = choose(logits)
        yield Step(token, ahead, logits, cache)
        if token in schema.eos_ids:
            return
        new = [token]


def pieces(schema: GenerationSchema, question: Sequence[int], reach: Reach) -> list[list[int]]:
    """In which a question is read, each in one run."""
    most = reach.piece(schema) or len(question)
    return [list(question[first : first + most]) for first in range(0, len(question), most)]


def step(
    session: Session,
    schema: GenerationSchema,
    new: Sequence[int],
    past: int,
    cache: Arrays,
    *,
    reach: Reach = ENDLESS,
) -> tuple[NDArray[Any], Arrays]:
    """Run the graph on `new` tokens after `past` cached ones: logits of the next token, and the longer cache."""
    feed: dict[str, NDArray[Any]] = {schema.tokens: np.array([new], np.int64)}
    if schema.mask:
        feed[schema.mask] = np.ones((1, past + len(new)), np.int64)
    if schema.positions:
        feed[schema.positions] = np.arange(past, past + len(new))[None]
    feed |= {pair[0]: array for pair, array in zip(schema.cache, cache, strict=True)}
    reach.check(feed)
    logits, *longer = session.run([schema.logits, *(pair[1] for pair in schema.cache)], feed)
    return logits[0, -1], longer


def choose(logits: NDArray[Any]) -> tuple[int, float]:
    """The token with the highest logit, the lowest id of several, and how far it is ahead of the next."""
    if not np.isfinite(logits).all():
        raise Refused(Reason.ENGINE_REFUSED, "the model's logits are not numbers")
    token = int(np.argmax(logits))
    others = np.delete(logits, token)
    return token, float(logits[token].item() - others.max().item()) if others.size else np.inf


def empty_cache(schema: GenerationSchema, inputs: Sequence[TensorSchema]) -> Arrays:
    """No tokens yet: of the sizes that have names, the first axis' is 1 (one request) and any other is 0."""
    tensors = {tensor.name: tensor for tensor in inputs}
    arrays = []
    for name, _ in schema.cache:
        shape = [size if isinstance(size, int) else int(axis == 0) for axis, size in enumerate(tensors[name].shape)]
        arrays.append(np.zeros(shape, tensors[name].dtype))
    return arrays

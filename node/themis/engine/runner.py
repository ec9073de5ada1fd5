"""One model, loaded and run in this process as its tuning says."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import onnxruntime as ort
from numpy.typing import NDArray

from themis.bundles.bundle import Bundle
from themis.core.errors import Misconfigured, Reason, Refused
from themis.engine import batch, preprocess
from themis.engine.generic import Generic, Hear, unheard
from themis.engine.preprocess import Sample
from themis.engine.tuning import Tuning
from themis.exact.session import RUNTIME_ERRORS, SessionSettings, open_session

Work = Sequence[tuple[bytes, bytes | None]]
"""Inputs, each with the code it refers to, if any."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model said to some requests, in their order."""

    outputs: list[bytes]
    tokens: int
    """Of all requests."""


class Answerer(Protocol):
    """A model that is ready to answer."""

    def answer(self, work: Work) -> Answers:
        """Raises Refused(INVALID_INPUT | ENGINE_REFUSED). May be called from several threads."""
        ...

    def close(self) -> None:
        """Let go of what it holds; nothing is asked afterwards."""
        ...


class Runner:
    """Prepares, runs and renders here."""

    def __init__(self, bundle: Bundle, tuning: Tuning) -> None:
        """Raises Misconfigured for a model that ONNX Runtime cannot load."""
        self._bundle = bundle
        self._bounds = batch.Bounds(tuning.run_requests, tuning.run_tokens, tuning.spread)
        self._preprocessing = preprocess.find(bundle.manifest.preprocessing)
        self._session = _opened(bundle, tuning)

    def answer(self, work: Work) -> Answers:
        samples = [self._preprocessing.prepare(input_, code) for input_, code in work]
        order = sorted(range(len(samples)), key=lambda index: max(samples[index].lengths))
        groups = self._groups([samples[index] for index in order])
        outputs = dict(zip(order, chain.from_iterable(map(self._run, groups)), strict=True))
        tokens = sum(sum(sample.lengths) for sample in samples)
        return Answers([outputs[index] for index in range(len(samples))], tokens)

    def rehearse(self, work: Work) -> Callable[[], None]:
        """The model's part alone: laid out once, and run once, for a shape's first run is slower; then at will."""
        samples = [self._preprocessing.prepare(input_, code) for input_, code in work]
        feeds = [self._feed(group) for group in self._groups(sorted(samples, key=lambda sample: max(sample.lengths)))]
        names = list(self._bundle.units)

        def run() -> None:
            for feed in feeds:
                self._session.run(names, feed)

        run()
        return run

    def close(self) -> None:
        """Nothing is held beyond memory."""

    def _groups(self, samples: Sequence[Sample]) -> Iterator[list[Sample]]:
        return batch.batches(samples, self._bundle.declared.extents, self._bounds)

    def _feed(self, group: Sequence[Sample]) -> dict[str, NDArray[Any]]:
        return batch.collate(group, self._bundle.dtypes, self._bundle.declared)

    def _run(self, group: Sequence[Sample]) -> list[bytes]:
        bundle = self._bundle
        feed = self._feed(group)
        try:
            results = self._session.run(list(bundle.units), feed)
        except RUNTIME_ERRORS as error:
            raise Refused(Reason.ENGINE_REFUSED, str(error)) from error
        return batch.take_apart(group, bundle.units, dict(zip(bundle.units, results, strict=True)))


class OneByOne:
    """A model that takes one request a run, as `Generic` reads it."""

    def __init__(self, bundle: Bundle, tuning: Tuning) -> None:
        """Raises Misconfigured for a model that ONNX Runtime cannot load."""
        self._reader = Generic(bundle, tuning.piece)
        self._reader.open()
        self._session = _opened(bundle, tuning)

    def answer(self, work: Work) -> Answers:
        return Answers([self.stream(input_, unheard) for input_, _ in work], len(work))

    def stream(self, input_: bytes, hear: Hear) -> bytes:
        """One answer; `hear` is told what a decoder has written. Raises Refused."""
        try:
            return self._reader.answer(self._session, input_, hear)
        except RUNTIME_ERRORS as error:
            raise Refused(Reason.ENGINE_REFUSED, str(error)) from error

    def rehearse(self, work: Work) -> Callable[[], None]:
        """Whole answers: of a decoder's, the model is nearly all."""

        def run() -> None:
            self.answer(work)

        return run

    def close(self) -> None:
        """Nothing is held beyond memory."""


def _opened(bundle: Bundle, settings: SessionSettings) -> ort.InferenceSession:
    try:
        return open_session(bundle.source, settings, folder=bundle.path)
    except RUNTIME_ERRORS as error:
        raise Misconfigured(f"ONNX Runtime cannot load {bundle.path}: {error}. Restore the bundle.") from error

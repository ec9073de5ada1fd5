"""Runs one request and commits to all that was computed. Called in a process of its own: see `sandbox`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import onnx
from numpy.typing import NDArray

from themis.bundles.bundle import Bundle
from themis.bundles.manifest import GENERIC
from themis.core.errors import Reason, Refused
from themis.engine import batch, preprocess, tensors
from themis.engine.generic import Generic
from themis.exact import kept, program, trace
from themis.exact.session import RUNTIME_ERRORS
from themis.exact.trace import Header, Trace

Arrays = Mapping[str, NDArray[Any]]

NO_TRACE: Final[tuple[type[Exception], ...]] = (*RUNTIME_ERRORS, ValueError)
"""The last where a shape of this run has no trace."""


def traced(bundle: Bundle, input_: bytes, code: bytes | None, file: Path | None = None) -> tuple[Trace, bytes]:
    """The trace of an exact model's run, and the answer that follows from it; with a file, it is kept there.

    Raises Refused, and OSError where there is no room for the file.
    """
    feed, render = _prepared(bundle, input_, code)
    model = onnx.load_from_string(bundle.model)
    graph = program.read(model)
    names = {word: name for name, word in graph.outputs.items()}
    headers, outputs = [], {}
    try:
        run = trace.tensors(model, graph, feed)
        for header, array in ((trace.commit(*each), each[1]) for each in run) if file is None else kept.keep(file, run):
            headers.append(header)
            if header.word in names:
                outputs[names[header.word]] = array
    except NO_TRACE as error:
        raise Refused(Reason.ENGINE_REFUSED, str(error)) from error
    return Trace(tuple(headers)), render(outputs)


def runs(bundle: Bundle, input_: bytes) -> tuple[list[Trace], bytes]:
    """The traces of all runs with which an exact decoder answers, and the answer, which follows from them.

    Raises Refused.
    """
    reader, recorder = Generic(bundle), _Recorder(onnx.load_from_string(bundle.model))
    reader.open()
    try:
        return recorder.traces, reader.answer(recorder, input_)
    except NO_TRACE as error:
        raise Refused(Reason.ENGINE_REFUSED, str(error)) from error


class _Recorder:
    """As a session, whose runs leave traces."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model, self._program = model, program.read(model)
        self.traces: list[Trace] = []

    def run(self, output_names: list[str], input_feed: dict[str, NDArray[Any]], /) -> list[NDArray[Any]]:
        words = {name: self._program.outputs[name] for name in output_names}
        headers: list[Header] = []
        found: dict[int, NDArray[Any]] = {}
        for word, array in trace.tensors(self._model, self._program, input_feed):
            headers.append(trace.commit(word, array))
            found |= {word: array} if word in words.values() else {}
        self.traces.append(Trace(tuple(headers)))
        return [found[words[name]] for name in output_names]


def _prepared(
    bundle: Bundle, input_: bytes, code: bytes | None
) -> tuple[dict[str, NDArray[Any]], Callable[[Arrays], bytes]]:
    """The graph's inputs for one request alone, and how its outputs become an answer."""
    manifest = bundle.manifest
    if manifest.preprocessing not in GENERIC:
        sample = preprocess.find(manifest.preprocessing).prepare(input_, code)
        (alone,) = batch.batches([sample], bundle.declared.extents)
        return batch.collate(alone, bundle.dtypes, bundle.declared), sample.render
    reader = Generic(bundle)
    return reader.feed(input_), lambda found: tensors.encode(
        [found[t.name] for t in manifest.outputs], manifest.outputs
    )

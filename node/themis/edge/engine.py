"""The Engine port on ONNX Runtime: many requests in one run, the same bytes as one at a time."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from themis.core.errors import Misconfigured, Reason, Refused
from themis.core.types import CodeRef, Hash32, ModelInfo
from themis.edge import batch, preprocess
from themis.edge.bundle import Bundle
from themis.edge.generic import Generic
from themis.edge.manifest import GENERIC, RuntimeSchema
from themis.edge.preprocess import Preprocessing, Sample
from themis.exact import selftest
from themis.exact.session import open_session

RUNTIME_ERRORS: Final[tuple[type[Exception], ...]] = tuple(
    value for value in vars(ort_errors).values() if isinstance(value, type) and issubclass(value, Exception)
)
"""ONNX Runtime's exceptions have no common base, and versions add some."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    info: ModelInfo
    bundle: Bundle
    reader: Preprocessing | Generic
    session: ort.InferenceSession


class OnnxEngine:
    """Holds one session per model. `infer` may be called from several threads."""

    def __init__(self, bundles: Mapping[Hash32, Bundle], threads: int) -> None:
        """Check this machine, and every model on its golden answers. Raises Misconfigured when a bit is off."""
        selftest.check(threads)
        self._loaded = {model_id: _open(model_id, bundle, threads) for model_id, bundle in bundles.items()}
        for model_id in self._loaded:
            self._check_golden(model_id)

    def models(self) -> Mapping[Hash32, ModelInfo]:
        return {model_id: loaded.info for model_id, loaded in self._loaded.items()}

    def code_needed(self, model_id: Hash32, input_: bytes) -> CodeRef | None:
        loaded = self._find(model_id)
        if len(input_) > (limit := loaded.bundle.max_input_bytes):
            raise Refused(Reason.INVALID_INPUT, f"{len(input_)} bytes; {loaded.info.name} takes up to {limit}")
        if isinstance(loaded.reader, Generic):
            loaded.reader.check(input_)
            return None
        return loaded.reader.code_needed(input_)

    def infer(self, model_id: Hash32, work: Sequence[tuple[bytes, bytes | None]]) -> list[bytes]:
        loaded = self._find(model_id)
        for input_, _ in work:
            self.code_needed(model_id, input_)
        try:
            if isinstance(loaded.reader, Generic):
                return [loaded.reader.answer(loaded.session, input_) for input_, _ in work]
            return _in_batches(loaded, [loaded.reader.prepare(input_, code) for input_, code in work])
        except RUNTIME_ERRORS as error:
            raise Refused(Reason.ENGINE_REFUSED, str(error)) from error

    def _find(self, model_id: Hash32) -> _Loaded:
        if model_id not in self._loaded:
            raise Refused(Reason.UNKNOWN_MODEL, f"0x{model_id.hex()} is not served here")
        return self._loaded[model_id]

    def _check_golden(self, model_id: Hash32) -> None:
        bundle, reader = self._loaded[model_id].bundle, self._loaded[model_id].reader
        found = self.infer(model_id, [(golden.input, golden.code) for golden in bundle.golden])
        agrees = reader.agrees if isinstance(reader, Generic) else operator.eq
        for index, (golden, output) in enumerate(zip(bundle.golden, found, strict=True)):
            if not agrees(golden.output, output):
                raise Misconfigured(
                    f"{bundle.name} answers golden input {index} with 0x{output.hex()}, its publisher got "
                    f"0x{golden.output.hex()}. Do not serve it: update themis-oracle or restore {bundle.path}."
                )


def supported(version: str, span: RuntimeSchema) -> bool:
    """Whether an ONNX Runtime version such as 1.32.0 or 1.33.0.dev1 lies in the span."""
    return _numbers(span.onnxruntime_min) <= _numbers(version) < _numbers(span.onnxruntime_below)


def _numbers(version: str) -> list[int]:
    return ([int(part) for part in version.split(".")[:3] if part.isdigit()] + [0, 0])[:3]


def _open(model_id: Hash32, bundle: Bundle, threads: int) -> _Loaded:
    span = bundle.manifest.runtime
    if not supported(ort.__version__, span):
        raise Misconfigured(
            f"{bundle.name} was tested with ONNX Runtime {span.onnxruntime_min} to below {span.onnxruntime_below}; "
            f"this is {ort.__version__}. Install one in that range."
        )
    reader = Generic(bundle) if bundle.manifest.preprocessing in GENERIC else _rows(bundle)
    try:
        session = open_session(bundle.model, threads, folder=bundle.path)
    except RUNTIME_ERRORS as error:
        raise Misconfigured(f"ONNX Runtime cannot load {bundle.path}: {error}. Restore the bundle.") from error
    return _Loaded(bundle.info(model_id), bundle, reader, session)


def _rows(bundle: Bundle) -> Preprocessing:
    """The preprocessing of a model that takes many requests as rows of one run."""
    preprocessing = preprocess.find(bundle.manifest.preprocessing)
    unknown = bundle.dtypes.keys() - preprocessing.inputs - batch.LAYOUT
    if strange := ", ".join(sorted(unknown | (preprocessing.outputs ^ bundle.units.keys()))):
        raise Misconfigured(
            f"{bundle.path}: model and preprocessing {bundle.manifest.preprocessing} disagree about {strange}. "
            "Restore the bundle, or update themis-oracle."
        )
    return preprocessing


def _in_batches(loaded: _Loaded, samples: Sequence[Sample]) -> list[bytes]:
    order = sorted(range(len(samples)), key=lambda index: max(samples[index].lengths))
    groups = batch.batches([samples[index] for index in order], loaded.bundle.declared.extents)
    outputs = dict(zip(order, chain.from_iterable(_run(loaded, group) for group in groups), strict=True))
    return [outputs[index] for index in range(len(samples))]


def _run(loaded: _Loaded, group: Sequence[Sample]) -> list[bytes]:
    bundle = loaded.bundle
    feed = batch.collate(group, bundle.dtypes, bundle.declared)
    results = loaded.session.run(list(bundle.units), feed)
    return batch.take_apart(group, bundle.units, dict(zip(bundle.units, results, strict=True)))

"""The Engine port on ONNX Runtime: many requests in one run, the same bytes as one at a time."""

import operator
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Final

import onnxruntime as ort

from themis.bundles.bundle import MODEL, Bundle, parse_model
from themis.bundles.manifest import GENERIC, RuntimeSchema
from themis.core.errors import Misconfigured, Reason, Refused
from themis.core.types import CodeRef, Hash32, ModelInfo
from themis.engine import batch, preprocess, words
from themis.engine.abreast import Abreast
from themis.engine.afar import STEP, Afar, Machines
from themis.engine.apart import Apart, Limits
from themis.engine.crew import Crew
from themis.engine.generic import Generic, Hear, Heard
from themis.engine.kept import Kept
from themis.engine.preprocess import Preprocessing
from themis.engine.runner import Answerer, OneByOne, Runner, Work
from themis.engine.tuning import DEFAULTS, Tuning, differences, untuned
from themis.evm import encode as evm
from themis.exact import selftest
from themis.exact.rewrite import rewrite
from themis.ports import Words

UNTIL_TOLD: Final = Limits()
Opener = Callable[[Bundle, Tuning, Limits], Answerer]
"""Loads a model."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One call of `infer`."""

    requests: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Loaded:
    info: ModelInfo
    bundle: Bundle
    reader: Preprocessing | Generic
    tuning: Tuning
    answerer: Answerer


class OnnxEngine:
    """Holds each model as its tuning says. `infer` may be called from several threads."""

    def __init__(
        self,
        bundles: Mapping[Hash32, Bundle],
        threads: int,
        tunings: Mapping[Hash32, Tuning] | None = None,
        now_s: Callable[[], float] = time.perf_counter,
        limits: Limits = UNTIL_TOLD,
        *,
        machines: Machines | None = None,
    ) -> None:
        """Check this machine, and every model on its golden answers. Raises Misconfigured when a bit is off.

        Models without a tuning run with the defaults on so many threads; strangers' graphs within the limits. All of
        them run on other machines where there are some: raises Unavailable where these do not answer.
        """
        self._limits = limits
        self._open: Opener = machines.opened if machines else open_model
        self._elsewhere = machines is not None
        plain = {model_id: untuned(bundle, threads) for model_id, bundle in bundles.items()}
        self._plain = {model_id: replace(each, step=STEP) for model_id, each in plain.items()} if machines else plain
        chosen = {
            **self._plain,
            **{model_id: each for model_id, each in (tunings or {}).items() if model_id in bundles},
        }
        for count in sorted({threads, *(tuning.threads for tuning in chosen.values())}):
            selftest.check(count)
        self._loaded: dict[Hash32, _Loaded] = {}
        with ExitStack() as opened:
            opened.callback(self.close)
            for model_id, bundle in bundles.items():
                self._loaded[model_id] = self._load(bundle.info(model_id), bundle, chosen[model_id])
            opened.pop_all()
        self.observe: Callable[[Hash32, Work, Timing], None] = lambda *_: None
        """Told about each call of `infer`, in its thread."""
        self._now_s = now_s
        self._kept = Kept()

    def models(self) -> Mapping[Hash32, ModelInfo]:
        return {model_id: loaded.info for model_id, loaded in self._loaded.items()}

    def tuned(self) -> Mapping[Hash32, str]:
        return {
            model_id: differences(self._plain[model_id], loaded.tuning)
            for model_id, loaded in self._loaded.items()
            if loaded.tuning != self._plain[model_id]
        }

    def restarts(self) -> Mapping[Hash32, int]:
        return {
            model_id: loaded.answerer.restarts if isinstance(loaded.answerer, Abreast) else 0
            for model_id, loaded in self._loaded.items()
        }

    def tunings(self) -> Mapping[Hash32, Tuning]:
        """How each model runs now."""
        return {model_id: loaded.tuning for model_id, loaded in self._loaded.items()}

    def step(self) -> int:
        return max((loaded.tuning.step for loaded in self._loaded.values()), default=DEFAULTS.step)

    def answerer(self, model_id: Hash32) -> Answerer:
        """The model as it runs now."""
        return self._find(model_id).answerer

    def opened(self, model_id: Hash32, tuning: Tuning) -> Answerer:
        """The model as it would run another way. Raises Misconfigured when a bit is off. To be closed."""
        loaded = self._find(model_id)
        return self._load(loaded.info, loaded.bundle, tuning).answerer

    def retune(self, model_id: Hash32, tuning: Tuning) -> None:
        """Run a model another way from the next call on. Raises Misconfigured, and changes nothing, when a bit is off.

        Not while another thread asks this model.
        """
        old = self._find(model_id)
        self._loaded[model_id] = self._load(old.info, old.bundle, tuning)
        old.answerer.close()

    def elsewhere(self) -> bool:
        return self._elsewhere

    def close(self) -> None:
        """End worker processes, and what other machines are asked."""
        for loaded in self._loaded.values():
            loaded.answerer.close()

    def code_needed(self, model_id: Hash32, input_: bytes) -> CodeRef | None:
        loaded = self._find(model_id)
        if len(input_) > (limit := loaded.bundle.manifest.max_input_bytes):
            raise Refused(Reason.INVALID_INPUT, f"{len(input_)} bytes; {loaded.info.name} takes up to {limit}")
        return loaded.reader.code_needed(input_)

    def in_words(self, model_id: Hash32, input_: bytes, output: bytes | None) -> tuple[Words, Words]:
        manifest = self._find(model_id).bundle.manifest
        return words.of_question(manifest, input_), [] if output is None else words.of_answer(manifest, output)

    def infer(self, model_id: Hash32, work: Work) -> list[bytes]:
        loaded = self._find(model_id)
        for input_, _ in work:
            self.code_needed(model_id, input_)
        if not reads_code(loaded.bundle):
            return self._run(loaded, work)
        known = self._kept.find(model_id, work)
        new = list(dict.fromkeys(each for each, output in zip(work, known, strict=True) if output is None))
        found = dict(zip(new, self._run(loaded, new), strict=True)) if new else {}
        self._kept.keep(model_id, new, list(found.values()))
        return [found[each] if output is None else output for each, output in zip(work, known, strict=True)]

    def stream(self, model_id: Hash32, input_: bytes, hear: Hear) -> bytes:
        loaded = self._find(model_id)
        if loaded.info.batched or not isinstance(loaded.answerer, Abreast | Afar):
            return self.infer(model_id, [(input_, None)])[0]
        self.code_needed(model_id, input_)
        heard, start_s = Heard(input_, hear), self._now_s()
        output = loaded.answerer.stream(input_, heard)
        self.observe(model_id, [(input_, None)], Timing(1, heard.tokens, self._now_s() - start_s))
        return output

    def _run(self, loaded: _Loaded, work: Work) -> list[bytes]:
        start_s = self._now_s()
        answers = loaded.answerer.answer(work)
        self.observe(loaded.info.model_id, work, Timing(len(work), answers.tokens, self._now_s() - start_s))
        return answers.outputs

    def _load(self, info: ModelInfo, bundle: Bundle, tuning: Tuning) -> _Loaded:
        with ExitStack() as opened:
            answerer = opened.enter_context(closing(self._open(bundle, tuning, self._limits)))
            check_golden(bundle, answerer)
            opened.pop_all()
        return _Loaded(info, bundle, reader_of(bundle), tuning, answerer)

    def _find(self, model_id: Hash32) -> _Loaded:
        if model_id not in self._loaded:
            raise Refused(Reason.UNKNOWN_MODEL, f"0x{model_id.hex()} is not served here")
        return self._loaded[model_id]


def supported(version: str, span: RuntimeSchema) -> bool:
    """Whether an ONNX Runtime version such as 1.32.0 or 1.33.0.dev1 lies in the span."""
    return _numbers(span.onnxruntime_min) <= _numbers(version) < _numbers(span.onnxruntime_below)


def _numbers(version: str) -> list[int]:
    return ([int(part) for part in version.split(".")[:3] if part.isdigit()] + [0, 0])[:3]


def reads_code(bundle: Bundle) -> bool:
    """Whether a model's answers are about code alone, and exact: asked about the same code, it says the same."""
    return bundle.manifest.exact and bundle.manifest.preprocessing == evm.PREPROCESSING


def reader_of(bundle: Bundle) -> Preprocessing | Generic:
    """What reads a model's requests. Raises Misconfigured."""
    id_ = bundle.manifest.preprocessing
    return Generic(bundle) if id_ in GENERIC else preprocess.find(id_)


def is_tunable(bundle: Bundle) -> bool:
    """Whether a model can run in more than one way: exact, and a decoder, or with many requests as rows of one run."""
    rows = bundle.manifest.preprocessing not in GENERIC
    return bundle.manifest.exact and (rows or bundle.manifest.generation is not None)


def open_model(bundle: Bundle, tuning: Tuning, limits: Limits = UNTIL_TOLD) -> Answerer:
    """Load a model as a tuning says. Raises Misconfigured for one that cannot be run here, or is not exact rewritten.

    The registered file stays as it is: a rewritten graph is derived from it anew each time, and linted. A stranger's
    graph runs in a process of its own, or in several.
    """
    derived = _rewritten(bundle, tuning)
    if bundle.manifest.preprocessing in GENERIC:
        with ExitStack() as started:
            workers = [started.enter_context(closing(Apart(derived, tuning, limits))) for _ in range(limits.abreast)]
            started.pop_all()
        return Abreast(workers)
    return Runner(derived, tuning) if tuning.processes == 1 else Crew(derived, tuning)


def open_runner(bundle: Bundle, tuning: Tuning) -> Runner | OneByOne:
    """As `open_model`, in this process whatever the tuning says."""
    derived = _rewritten(bundle, tuning)
    return OneByOne(derived, tuning) if bundle.manifest.preprocessing in GENERIC else Runner(derived, tuning)


def check_golden(bundle: Bundle, answerer: Answerer) -> None:
    """Raises Misconfigured when an answer is not the publisher's, bit for bit."""
    try:
        found = answerer.answer([(golden.input, golden.code) for golden in bundle.golden]).outputs
    except Refused as refused:
        raise Misconfigured(f"{bundle.name} refuses a golden input: {refused}. Do not serve it.") from refused
    agrees = Generic(bundle).agrees if bundle.manifest.preprocessing in GENERIC else operator.eq
    for index, (golden, output) in enumerate(zip(bundle.golden, found, strict=True)):
        if not agrees(golden.output, output):
            raise Misconfigured(
                f"{bundle.name} answers golden input {index} with 0x{output.hex()}, its publisher got "
                f"0x{golden.output.hex()}. Do not serve it: update themis-oracle or restore {bundle.path}."
            )


def check_here(bundle: Bundle) -> None:
    """Check a stranger's graph as a node does, in this process: in one that may die. Raises as OnnxEngine."""
    selftest.check(DEFAULTS.threads)
    _check_runtime(bundle)
    check_golden(bundle, OneByOne(bundle, untuned(bundle)))


def _rewritten(bundle: Bundle, tuning: Tuning) -> Bundle:
    """A bundle that can be run here, its graph as the tuning wants it."""
    _check_runtime(bundle)
    if bundle.manifest.preprocessing not in GENERIC:
        _check_preprocessing(bundle)
    if not tuning.rewrites:
        return bundle
    model = rewrite(bundle.model, tuning.rewrites)
    parse_model(bundle.path / f"{MODEL}, rewritten by {', '.join(tuning.rewrites)},", model)
    return replace(bundle, rewritten=model)


def _check_runtime(bundle: Bundle) -> None:
    span = bundle.manifest.runtime
    if not supported(ort.__version__, span):
        raise Misconfigured(
            f"{bundle.name} was tested with ONNX Runtime {span.onnxruntime_min} to below {span.onnxruntime_below}; "
            f"this is {ort.__version__}. Install one in that range."
        )


def _check_preprocessing(bundle: Bundle) -> None:
    preprocessing = preprocess.find(bundle.manifest.preprocessing)
    unknown = bundle.dtypes.keys() - preprocessing.inputs - batch.LAYOUT
    if strange := ", ".join(sorted(unknown | (preprocessing.outputs ^ bundle.units.keys()))):
        raise Misconfigured(
            f"{bundle.path}: model and preprocessing {bundle.manifest.preprocessing} disagree about {strange}. "
            "Restore the bundle, or update themis-oracle."
        )

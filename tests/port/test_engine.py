"""The `Engine` port: one suite, on the fake and on both kinds of real models; then what only these can get wrong."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import ray_cluster
from tests.fakes import MODEL, FakeEngine
from themis.bundles import bundle
from themis.bundles.bundle import Golden
from themis.bundles.manifest import RuntimeSchema
from themis.core.errors import Broken, Misconfigured, Reason, Refused
from themis.core.types import Address, CodeRef, Draft, Hash32
from themis.engine import batch, preprocess
from themis.engine.afar import Machines
from themis.engine.crew import Crew
from themis.engine.engine import OnnxEngine, open_model, open_runner, supported
from themis.engine.preprocess import Sample
from themis.engine.runner import Answers, Runner
from themis.engine.tuning import Tuning
from themis.evm.encode import PREPROCESSING
from themis.exact import selftest
from themis.exact.rewrite import REWRITES
from themis.exact.session import RUNTIME_ERRORS
from themis.ports import Engine

MODELS: Final = Path(__file__).parents[2] / "models"
SELFTEST: Final = bundle.load(MODELS / "selftest-moe")
ID: Final = Hash32(b"\x07" * 32)
UNKNOWN: Final = Hash32(b"\x99" * 32)
REAL: Final = OnnxEngine({ID: SELFTEST}, threads=1)
WRITER: Final = bundle.load(MODELS / "olmoe-tiny")
DECODER: Final = OnnxEngine({ID: WRITER}, threads=1)


@dataclass(frozen=True, slots=True)
class Case:
    engine: Engine
    model_id: Hash32
    inputs: Sequence[bytes]


ON_RAY: Final = [pytest.param(f"{kind} on Ray", marks=ray_cluster.NEEDS_RAY) for kind in ("rows", "decoder")]


@pytest.fixture(params=["fake", "rows", "decoder", *ON_RAY])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    inputs = [b"a", b"bb", b"ccc"]
    match request.param:
        case "fake":
            yield Case(FakeEngine(), MODEL, inputs)
        case "rows" | "decoder" as kind:
            yield Case(REAL if kind == "rows" else DECODER, ID, inputs)
        case on_ray:
            found = SELFTEST if on_ray.startswith("rows") else WRITER
            url = request.getfixturevalue("machines").url
            with closing(OnnxEngine({ID: found}, 1, machines=Machines(url))) as engine:
                yield Case(engine, ID, inputs)


def test_says_what_it_serves(case: Case) -> None:
    (found,) = case.engine.models().items()
    assert found[0] == found[1].model_id == case.model_id
    assert found[1].max_input_bytes > 0


def test_a_question_and_its_answer_are_told_in_words(case: Case) -> None:
    (output,) = case.engine.infer(case.model_id, [(case.inputs[0], None)])
    question, answer = case.engine.in_words(case.model_id, case.inputs[0], output)
    assert question
    assert answer
    assert case.engine.in_words(case.model_id, case.inputs[0], None) == (question, [])
    for said in (b"\xff", b"\xff" * 33):  # whatever a stranger put there
        case.engine.in_words(case.model_id, said, said)


def test_nothing_had_to_be_started_again(case: Case) -> None:
    assert case.engine.restarts() == {case.model_id: 0}


def test_gives_the_bytes_that_this_machine_gives(case: Case) -> None:
    """Wherever it runs: inputs of all lengths, in a number that takes part of every replica."""
    (info,) = case.engine.models().values()
    here = {SELFTEST.name: REAL, WRITER.name: DECODER}.get(info.name, FakeEngine())
    work = [(bytes(range(first, 128)), None) for first in range(0, 120, 3 if info.batched else 40)]
    assert case.engine.infer(case.model_id, work) == here.infer(case.model_id, work)


def test_answers_in_order_and_the_same_every_time(case: Case) -> None:
    work = [(input_, None) for input_ in case.inputs]
    together = case.engine.infer(case.model_id, work)
    assert together == [case.engine.infer(case.model_id, [one])[0] for one in work]
    assert case.engine.infer(case.model_id, work[::-1]) == together[::-1]
    assert len(set(together)) == len(work)


def test_says_what_it_writes_and_answers_the_same(case: Case) -> None:
    """Each draft goes on from the one before; what reads rows says nothing before its answer."""
    heard: list[Draft] = []
    (output,) = case.engine.infer(case.model_id, [(case.inputs[2], None)])
    assert case.engine.stream(case.model_id, case.inputs[2], heard.append) == output
    assert [len(draft.tokens) for draft in heard] == list(range(1, len(heard) + 1))
    assert all(after.tokens[:-1] == draft.tokens for draft, after in pairwise(heard))
    assert bool(heard) == (case.engine.models()[case.model_id].name != SELFTEST.name)


def test_refuses_a_model_it_does_not_have(case: Case) -> None:
    for ask in (lambda: case.engine.code_needed(UNKNOWN, b"a"), lambda: case.engine.infer(UNKNOWN, [(b"a", None)])):
        with pytest.raises(Refused) as caught:
            ask()
        assert caught.value.reason == Reason.UNKNOWN_MODEL


def test_refuses_an_empty_input(case: Case) -> None:
    with pytest.raises(Refused) as caught:
        case.engine.code_needed(case.model_id, b"")
    assert caught.value.reason == Reason.INVALID_INPUT


def test_needs_no_code_for_plain_input(case: Case) -> None:
    assert case.engine.code_needed(case.model_id, case.inputs[0]) is None


# What follows is about OnnxEngine alone.


@settings(max_examples=30, deadline=None)
@given(inputs=st.lists(st.binary(min_size=1, max_size=256), min_size=1, max_size=24))
def test_a_batch_gives_what_single_requests_give(inputs: list[bytes]) -> None:
    together = REAL.infer(ID, [(input_, None) for input_ in inputs])
    assert together == [REAL.infer(ID, [(input_, None)])[0] for input_ in inputs]
    assert all(len(output) == 32 for output in together)


def test_threads_do_not_change_answers() -> None:
    work = [(bytes(range(first, 256)), None) for first in range(0, 250, 11)]
    assert OnnxEngine({ID: SELFTEST}, threads=2).infer(ID, work) == REAL.infer(ID, work)


def test_answers_are_the_golden_ones() -> None:
    for golden in SELFTEST.golden:
        assert REAL.infer(ID, [(golden.input, golden.code)]) == [golden.output]


def test_an_input_beyond_the_limit_is_refused() -> None:
    with pytest.raises(Refused, match=r"257 bytes; selftest-moe takes up to 256") as caught:
        REAL.infer(ID, [(b"a", None), (bytes(257), None)])
    assert caught.value.reason == Reason.INVALID_INPUT


def test_golden_answers_that_differ_stop_the_start() -> None:
    wrong = Golden(b"a", None, bytes(32))
    with pytest.raises(Misconfigured, match=r"golden input 6 with 0x[0-9a-f]{64}.*Do not serve it"):
        OnnxEngine({ID: replace(SELFTEST, golden=(*SELFTEST.golden, wrong))}, 1)


def test_a_failing_self_test_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "GOLDEN", dict.fromkeys(selftest.GOLDEN, ""))
    with pytest.raises(Misconfigured, match="self-test of exact arithmetic"):
        OnnxEngine({}, 1)


def test_an_untested_runtime_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "__version__", "1.33.0")
    with pytest.raises(Misconfigured, match=r"tested with ONNX Runtime 1\.20\.0 to below 1\.33\.0; this is 1\.33\.0"):
        OnnxEngine({ID: SELFTEST}, 1)


@pytest.mark.parametrize(
    ("version", "lies_inside"),
    [
        ("1.19.9", False),
        ("1.20", True),
        ("1.20.0", True),
        ("1.32.1", True),
        ("1.33.0", False),
        ("1.33.0.dev2", False),
        ("2.0.0", False),
    ],
)
def test_version_spans(version: str, lies_inside: bool) -> None:
    span = RuntimeSchema(onnxruntime_min="1.20.0", onnxruntime_below="1.33.0")
    assert supported(version, span) is lies_inside


def test_an_unknown_preprocessing_stops_the_start() -> None:
    manifest = SELFTEST.manifest.model_copy(update={"preprocessing": "bytes/9"})
    with pytest.raises(Misconfigured, match=r"'bytes/9' is unknown \(known: bytes/1.*Update"):
        OnnxEngine({ID: replace(SELFTEST, manifest=manifest)}, 1)


def test_a_model_that_its_preprocessing_does_not_fit_stops_the_start() -> None:
    renamed = [tensor.model_copy(update={"name": "scores"}) for tensor in SELFTEST.manifest.outputs]
    manifest = SELFTEST.manifest.model_copy(update={"outputs": renamed})
    with pytest.raises(Misconfigured, match="preprocessing bytes/1 disagree about scores, scores_bps"):
        OnnxEngine({ID: replace(SELFTEST, manifest=manifest)}, 1)


def test_several_threads_may_ask_at_once() -> None:
    work = [(bytes([first]) * (1 + first), None) for first in range(64)]
    expected = [REAL.infer(ID, [one])[0] for one in work]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: REAL.infer(ID, [one])[0], work)) == expected


def test_a_model_that_does_not_load_stops_the_start() -> None:
    with pytest.raises(Misconfigured, match="cannot load"):
        OnnxEngine({ID: replace(SELFTEST, rewritten=SELFTEST.model[:1_000])}, 1)


def test_a_failure_inside_the_run_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_bounds(samples: Sequence[Sample], *_: object) -> object:
        feed = collate(samples, *_)  # type: ignore[arg-type]
        return feed | {"place": feed["place"] + 10_000}

    collate = batch.collate
    monkeypatch.setattr(batch, "collate", out_of_bounds)
    with pytest.raises(Refused) as caught:
        REAL.infer(ID, [(b"a", None)])
    assert caught.value.reason == Reason.ENGINE_REFUSED


def sample(*lengths: int) -> Sample:
    total = sum(lengths)
    tokens, grams = selftest.features(bytes(total))
    return Sample({"tokens": tokens, "grams": grams}, lengths, lambda _: b"")


def test_batches_keep_within_extents_and_memory() -> None:
    extents = {"T": 100, "F": 4, "L": 50}
    groups = [len(group) for group in batch.batches([sample(10)] * 9, extents)]
    assert groups == [4, 4, 1]
    assert [len(group) for group in batch.batches([sample(50)] * 5, extents)] == [2, 2, 1]
    wide = {"T": 10**9, "F": 10**9, "L": 10**9}
    assert [len(group) for group in batch.batches([sample(250)] * 9, wide)] == [4, 4, 1]
    assert [len(group) for group in batch.batches([sample(1_000)] * 2, wide)] == [1, 1]


def test_models_without_padding_share_a_run_by_tokens_alone() -> None:
    assert [len(group) for group in batch.batches([sample(250)] * 9, {"T": 2_000})] == [8, 1]


def test_every_token_knows_where_its_sequence_begins() -> None:
    dtypes = {"first": "int64", "owner": "int64"}
    feed = batch.collate([sample(2, 3), sample(1)], dtypes, SELFTEST.declared)
    assert feed["first"].tolist() == [0, 0, 2, 2, 2, 5]
    assert feed["owner"].tolist() == [0, 0, 1]


def test_a_request_beyond_the_extents_is_refused() -> None:
    with pytest.raises(Refused, match="too large for the model: L = 60, limit 50") as caught:
        list(batch.batches([sample(10), sample(60)], {"T": 100, "F": 4, "L": 50}))
    assert caught.value.reason == Reason.INVALID_INPUT


def test_values_outside_the_declared_ranges_are_refused() -> None:
    bad = replace(sample(3), arrays={**sample(3).arrays, "tokens": sample(3).arrays["tokens"] + 256})
    with pytest.raises(Refused, match=r"tokens leaves the declared range 0\.\.255"):
        batch.collate([bad], SELFTEST.dtypes, SELFTEST.declared)


def test_missing_rows_are_a_bug() -> None:
    with pytest.raises(Broken, match="output y has 2 rows for R = 1"):
        batch.take_apart([sample(3)], {"y": "R"}, {"y": selftest.features(b"ab")[0]})


EVM: Final = preprocess.find(PREPROCESSING)
CODE: Final = bytes.fromhex("6080604052348015600e575f80fd5b50")


def test_64_bytes_name_deployed_code() -> None:
    target, code_hash = b"\x42" * 20, b"\x17" * 32
    reference = bytes(12) + target + code_hash
    assert EVM.code_needed(reference) == CodeRef(Address(target), Hash32(code_hash))
    assert EVM.code_needed(b"\x60" * 64) is None, "64 bytes that are no padded address are code"
    assert EVM.code_needed(CODE) is None
    assert EVM.prepare(reference, CODE).arrays["tokens"].tolist() == EVM.prepare(CODE, None).arrays["tokens"].tolist()


@pytest.mark.parametrize(
    ("input_", "code"),
    [(b"", None), (bytes(24_577), None), (bytes(12) + b"\x42" * 52, None), (bytes(12) + b"\x42" * 52, bytes(24_577))],
)
def test_unusable_code_is_refused(input_: bytes, code: bytes | None) -> None:
    with pytest.raises(Refused) as caught:
        EVM.prepare(input_, code)
    assert caught.value.reason == Reason.INVALID_INPUT


def test_a_sample_of_code_is_consistent() -> None:
    found = EVM.prepare(CODE, None)
    assert min(found.lengths) >= 1
    assert len(found.arrays["tokens"]) == len(found.arrays["grams"]) == sum(found.lengths)
    scores = found.arrays["tokens"][:, None].repeat(7, 1) * 0 + 17
    assert found.render({"scores_bps": scores})[:14] == (17).to_bytes(2, "big") * 7


def test_the_engine_knows_the_errors_of_the_runtime() -> None:
    assert {"Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException"} <= {
        error.__name__ for error in RUNTIME_ERRORS
    }


# Tuned.

TUNINGS: Final = {
    "threads": Tuning(threads=2, lanes=2, level="all", spinning=False),
    "memory": Tuning(arena=False, patterns=False, prepacking=False, level="extended"),
    "rewritten": Tuning(rewrites=tuple(REWRITES), level="basic"),
    "small runs": Tuning(run_requests=3, run_tokens=100, spread=1.5),
    "processes": Tuning(processes=2, rewrites=("unguarded",)),
}


@pytest.mark.parametrize("tuning", TUNINGS.values(), ids=TUNINGS)
def test_tunings_do_not_change_answers(tuning: Tuning) -> None:
    work = [(bytes(range(first, 256)), None) for first in range(0, 250, 11)]
    engine = OnnxEngine({ID: SELFTEST}, 1, {ID: tuning})
    try:
        assert engine.tunings() == {ID: tuning}
        assert engine.infer(ID, work) == REAL.infer(ID, work)
        assert engine.infer(ID, work[:1]) == REAL.infer(ID, work[:1])
    finally:
        engine.close()


def test_workers_refuse_as_the_engine_does() -> None:
    crew = open_model(SELFTEST, Tuning(processes=2))
    try:
        with pytest.raises(Refused) as caught:
            crew.answer([(b"a", None), (bytes(257), None)])
        assert caught.value.reason == Reason.INVALID_INPUT
        assert crew.answer([(b"a", None)]).outputs == REAL.infer(ID, [(b"a", None)])
    finally:
        crew.close()


def test_workers_end_with_the_process_that_started_them() -> None:
    """SIGKILL of a node leaves no worker behind, though nobody tells it to go."""
    script = (
        "import os, signal, sys\n"
        "from tests.port.test_engine import SELFTEST, Tuning, open_model\n"
        "crew = open_model(SELFTEST, Tuning(processes=2))\n"
        "crew.answer([(b'a', None), (b'b', None)])\n"
        "print(*(worker.pid for worker in crew.workers), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    workers = [int(pid) for pid in done.stdout.split()]
    assert workers
    give_up = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() and _runs(pid) for pid in workers):
        assert time.monotonic() < give_up
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether a process still does something; one that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_dead_worker_stops_the_node() -> None:
    crew = Crew(SELFTEST, Tuning(processes=2))
    crew.answer([(b"a", None)])
    for worker in crew.workers:
        worker.kill()
    with pytest.raises(Broken, match="a worker process of selftest-moe died"):
        crew.answer([(b"a", None)] * 8)
    crew.close()


def test_an_engine_is_retuned_between_calls() -> None:
    engine, seen = OnnxEngine({ID: SELFTEST}, 1), []
    engine.observe = lambda model_id, work, timing: seen.append((model_id, len(work), timing.requests, timing.tokens))
    assert engine.step() == 16
    before = engine.infer(ID, [(b"abc", None), (b"de", None)])
    engine.retune(ID, Tuning(step=32, level="basic"))
    assert engine.infer(ID, [(b"abc", None), (b"de", None)]) == before
    assert engine.step() == 32
    assert seen == [(ID, 2, 2, 5)] * 2


def test_a_tuning_that_gives_other_bits_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = OnnxEngine({ID: SELFTEST}, 1)
    answers = engine.infer(ID, [(b"abc", None)])
    monkeypatch.setattr(Runner, "answer", lambda *_: Answers([bytes(32)] * len(SELFTEST.golden), 1))
    with pytest.raises(Misconfigured, match="Do not serve it"):
        engine.retune(ID, Tuning(level="basic"))
    monkeypatch.undo()
    assert engine.tunings() == {ID: Tuning()}
    assert engine.infer(ID, [(b"abc", None)]) == answers


def test_runs_keep_within_the_bounds_of_a_tuning() -> None:
    wide = {"T": 10**9}
    samples = [sample(n) for n in (10, 10, 12, 30, 40, 200)]

    def runs(bounds: batch.Bounds) -> list[int]:
        return [len(group) for group in batch.batches(samples, wide, bounds)]

    assert runs(batch.FREE) == [6]
    assert runs(batch.Bounds(requests=4)) == [4, 2]
    assert runs(batch.Bounds(tokens=62)) == [4, 1, 1], "one request may be larger alone"
    assert runs(batch.Bounds(spread=1.5)) == [3, 2, 1]


def test_padding_buckets_hold_similar_lengths() -> None:
    found = open_runner(SELFTEST, Tuning(spread=2.0)).answer([(bytes(n), None) for n in (200, 1, 2, 100, 3)])
    assert found.outputs == REAL.infer(ID, [(bytes(n), None) for n in (200, 1, 2, 100, 3)])
    assert found.tokens == 306

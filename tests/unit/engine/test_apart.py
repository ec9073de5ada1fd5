"""What a request can do to the process that runs it, it does to that process alone, and once."""

import resource
import signal
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from tests import foreign_models as foreign
from themis.adopt.adopt import Wishes, adopt
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.core.errors import Misconfigured, Reason, Refused, Unavailable
from themis.core.types import Draft
from themis.engine import apart
from themis.engine.apart import Apart, Limits
from themis.engine.crew import Crew
from themis.engine.sandbox import confined
from themis.engine.tuning import Tuning

UNTUNED = Tuning(arena=False)
SHORT = Limits(seconds=3.0, memory_bytes=256 * 1_024**2)


def made(path: Path, graph: onnx.ModelProto, probe: bytes) -> Bundle:
    target = path / "bundle"
    target.mkdir(parents=True)
    adopt(
        foreign.source(path / "source", graph),
        target,
        Wishes("m", "1.0.0", "Of a test.", "MIT", "Built with it", None, (probe,), 16, 10_000),
    )
    return bundle.load(target)


@pytest.mark.parametrize(
    ("graph", "harmless", "harmful", "said"),
    [
        (foreign.quotient, struct.pack(">ii", 6, 3), struct.pack(">ii", -(2**31), -1), "SIGFPE"),
        (foreign.long_range, struct.pack(">q", 5), struct.pack(">q", 2**40), "memory"),
        (foreign.long_range, struct.pack(">q", 5), struct.pack(">q", 2**26), "memory"),
        (foreign.padded, struct.pack(">qq", 5, 5), struct.pack(">qq", 2**40, 0), "memory"),
        (foreign.one_hot, struct.pack(">q", 5), struct.pack(">q", 2**40), "memory"),
        (foreign.endless, struct.pack(">q", 3), struct.pack(">q", 1_000), r"more than 3 s \(engine.request_seconds\)"),
    ],
    ids=["SIGFPE", "range of 8 TB", "range of 512 MB", "pad", "one-hot", "endless"],
)
def test_a_harmful_request_is_refused_and_others_are_answered(
    tmp_path: Path, graph: object, harmless: bytes, harmful: bytes, said: str
) -> None:
    assert callable(graph)
    model = Apart(made(tmp_path, graph(), harmless), UNTUNED, SHORT)
    try:
        before = model.answer([(harmless, None)])
        with pytest.raises(Refused) as caught:
            model.answer([(harmful, None)])
        assert caught.value.reason == Reason.ENGINE_REFUSED
        caught.match(f"(?i){said}|alloc")
        assert model.answer([(harmless, None)]) == before
        assert Limits().memory_bytes > SHORT.memory_bytes
    finally:
        model.close()


def test_a_worker_that_died_unasked_costs_nobody_a_request(tmp_path: Path) -> None:
    harmless = struct.pack(">ii", 6, 3)
    model = Apart(made(tmp_path, foreign.quotient(), harmless), UNTUNED, SHORT)
    try:
        assert model.restarts == 0
        model.worker.kill()
        model.worker.join()
        assert model.answer([(harmless, None)]).outputs == [struct.pack(">i", 2)]
        assert model.restarts == 1
    finally:
        model.close()


def test_where_no_process_starts_a_model_is_unavailable_and_answers_when_one_does(
    tmp_path: Path,
) -> None:
    probe = struct.pack(">ii", 6, 3)
    found = made(tmp_path, foreign.quotient(), probe)
    with closing(Apart(found, UNTUNED, SHORT)) as model:
        before = model.answer([(probe, None)])
        model.worker.kill()
        model.worker.join()
        with no_more_files():
            with pytest.raises(Unavailable, match="starts no process"):
                model.answer([(probe, None)])
            with pytest.raises(Unavailable, match="starts no process"):
                Apart(found, UNTUNED, SHORT)
            with pytest.raises(Unavailable, match="starts no process"):
                Crew(found, Tuning(processes=2))
            with pytest.raises(Unavailable, match="starts no process"):
                confined(len, b"", file=tmp_path, size_bytes=0)
        assert model.answer([(probe, None)]) == before


@contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_worker_is_ended_while_it_is_at_work_and_says_that_the_node_stops(tmp_path: Path) -> None:
    model = Apart(made(tmp_path, foreign.endless(), struct.pack(">q", 3)), UNTUNED, Limits())
    ending = threading.Timer(1.0, model.close)
    ending.start()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="the node stops"):
        model.answer([(struct.pack(">q", 1_000), None)])
    assert time.monotonic() - started < Limits().seconds
    ending.join()
    assert model.worker.exitcode == -signal.SIGKILL


def test_a_model_that_does_not_load_is_named(tmp_path: Path) -> None:
    good = made(tmp_path, foreign.quotient(), struct.pack(">ii", 6, 3))

    with pytest.raises(Misconfigured, match="ONNX Runtime cannot load"):
        Apart(replace(good, rewritten=good.model[:40]), UNTUNED, SHORT)


@pytest.mark.parametrize(
    "draft",
    [Draft((), ""), Draft((7, 2**31), "a é"), Draft(tuple(range(256)), "x" * 5_000)],
    ids=["nothing", "some", "long"],
)
def test_drafts_come_over_as_they_are(draft: Draft) -> None:
    assert apart._draft(apart._told(draft)) == draft


@pytest.mark.parametrize("said", [b"", b"\xff" * 3, b"\xff" * 40, b"\0\0\0\1\0", b"\0\0\0\0\xc3"])
def test_whatever_a_worker_says_is_a_draft(said: bytes) -> None:
    assert len(apart._draft(said).tokens) <= len(said)


def test_a_worker_that_talks_for_ever_is_ended_in_time(tmp_path: Path) -> None:
    """What it says in between gives it no more time."""
    model = Apart(made(tmp_path, foreign.quotient(), struct.pack(">ii", 6, 3)), UNTUNED, Limits(seconds=0.5))
    try:
        model.answer([(struct.pack(">ii", 6, 3), None)])
        old, talker = model._line, Talker()
        model._line = talker  # type: ignore[assignment]
        with pytest.raises(Refused, match="more than 0.5 s"):
            model.stream(b"", lambda _: None)
        assert talker.said > 10
        old.close()
    finally:
        model.close()


class Talker:
    """A connection to a worker that only ever says drafts."""

    def __init__(self) -> None:
        self.said = 0

    def poll(self, seconds: float) -> bool:
        time.sleep(min(seconds, 0.01))
        return seconds > 0

    def recv_bytes(self, _: int) -> bytes:
        self.said += 1
        return b"D\0\0\0\0again"

    def send_bytes(self, _: bytes) -> None:
        pass

    def close(self) -> None:
        pass

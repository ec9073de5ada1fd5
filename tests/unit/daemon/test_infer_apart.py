"""Requests to a stranger's model: marked before they run, run once, and in nobody's way."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_kit import Bench, Killed
from themis.core.errors import Reason, Refused, Unavailable
from themis.core.job import State
from themis.core.types import Hash32
from themis.daemon.infer import Infer, InferApart
from themis.daemon.supervisor import Supervisor


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "node.db")
    bench.engine.batched = False
    yield bench
    bench.store.close()


def lane(bench: Bench) -> InferApart:
    (info,) = bench.engine.models().values()
    return InferApart(bench.node, info)


def queued(bench: Bench, *inputs: bytes) -> list[Hash32]:
    ids = [bench.chain.ask(each) for each in inputs]
    bench.see()
    while bench.judge.step():
        pass
    return ids


def test_a_request_is_marked_before_it_runs(bench: Bench) -> None:
    (id_,) = queued(bench, b"a")
    marked = []

    def look(_: bytes) -> bool:
        marked.append(bench.job(id_).started)
        return False

    bench.engine.refuse = look
    assert lane(bench).step()
    assert marked == [True]
    job = bench.job(id_)
    assert (job.state, job.started) == (State.COMPUTED, False)
    assert [entry.fact for entry in bench.store.history(job.id)] == ["Seen", "Accepted", "Started", "Computed"]


def test_what_ended_a_node_never_runs_again(bench: Bench) -> None:
    deadly, other = queued(bench, b"deadly", b"other")
    bench.life.left = 0  # of what comes after the mark was written
    with pytest.raises(Killed):
        lane(bench).step()
    bench.restart()
    runs = bench.engine.runs
    again = lane(bench)
    assert again.step()
    assert again.step()
    assert bench.engine.runs == runs + 1, "the other one"
    job = bench.job(deadly)
    assert (job.state, job.reason) == (State.CLOSED, Reason.ENGINE_REFUSED)
    assert job.detail == "the node ended while this ran: it is not run again"
    assert bench.job(other).state is State.COMPUTED


def test_what_is_refused_is_closed_for_good(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (id_,) = queued(bench, b"a")
    bench.engine.refuse = lambda _: True
    assert lane(bench).step()
    assert not lane(bench).step()
    job = bench.job(id_)
    assert (job.state, job.reason, job.detail) == (State.CLOSED, Reason.ENGINE_REFUSED, "refused")


def test_a_request_whose_process_the_node_ended_runs_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (id_,) = queued(bench, b"a")

    def stopped(*_: object) -> list[bytes]:
        raise Unavailable("the node stops")

    with monkeypatch.context() as patch:
        patch.setattr(bench.engine, "infer", stopped)
        with pytest.raises(Unavailable):
            lane(bench).step()
    assert not bench.job(id_).started
    bench.restart()
    assert lane(bench).step()
    assert bench.job(id_).state is State.COMPUTED


def test_a_request_that_waited_too_long_does_not_run(bench: Bench) -> None:
    (id_,) = queued(bench, b"a")
    bench.wait(10_000)
    assert lane(bench).step()
    assert bench.engine.runs == 0
    assert bench.job(id_).reason is Reason.EXPIRED


def test_the_loop_of_other_models_leaves_it_alone(bench: Bench) -> None:
    (id_,) = queued(bench, b"a")
    assert not Infer(bench.node).step()
    assert bench.job(id_).state is State.QUEUED


class _Hanging:
    """A loop that waits for a process until it is ended."""

    name = "hanging"

    def __init__(self) -> None:
        self.entered, self.ended = threading.Event(), threading.Event()

    def step(self) -> bool:
        self.entered.set()
        self.ended.wait(60)
        raise Refused(Reason.ENGINE_REFUSED) if not self.ended.is_set() else Unavailable("the node stops")


def test_a_node_that_is_told_to_stop_waits_for_nobody_long(bench: Bench) -> None:
    loops = [_Hanging(), _Hanging()]
    supervisor = Supervisor(bench.node, loops, poll_interval_s=1.0, let_go=loops[0].ended.set)

    def stop() -> None:
        for loop in loops:
            loop.entered.wait(60)
        supervisor.stop()

    threading.Thread(target=stop).start()
    started = time.monotonic()
    supervisor.run()
    assert time.monotonic() - started < 8
    assert loops[0].ended.is_set()
    loops[1].ended.set()


def test_on_other_machines_requests_run_side_by_side_and_are_not_marked(bench: Bench) -> None:
    """What ends a node is none of them: they are asked again."""
    bench.engine.afar = True
    ids = queued(bench, b"a", b"b", b"c")
    together = threading.Barrier(3)

    def meet(_: bytes) -> bool:
        together.wait(10)
        return any(bench.job(id_).started for id_ in ids)

    bench.engine.refuse = meet
    assert lane(bench).step()
    assert [bench.job(id_).state for id_ in ids] == [State.COMPUTED] * 3
    assert not lane(bench).step()


def test_one_that_no_machine_answers_delays_no_other(bench: Bench) -> None:
    bench.engine.afar = True
    ids = queued(bench, b"a", b"lost", b"c")

    def lose(input_: bytes) -> bool:
        if input_ == b"lost":
            raise Unavailable("no replica answers")
        return False

    bench.engine.refuse = lose
    with pytest.raises(Unavailable, match="no replica answers"):
        lane(bench).step()
    assert [bench.job(id_).state for id_ in ids] == [State.COMPUTED, State.QUEUED, State.COMPUTED]
    bench.engine.refuse = lambda _: False
    assert lane(bench).step()
    assert bench.job(ids[1]).state == State.COMPUTED


def test_on_other_machines_a_model_that_is_away_stops_no_other(bench: Bench) -> None:
    """Those that read rows share a loop here, and have one each there."""
    bench.engine.batched, bench.engine.afar = True, True
    ids = queued(bench, b"a", b"b")
    assert not Infer(bench.node).step()
    (info,) = bench.engine.models().values()
    own = Infer(bench.node, info)
    assert own.name == "infer fake 0x" + info.model_id[:4].hex()
    assert own.step()
    assert [bench.job(id_).state for id_ in ids] == [State.COMPUTED] * 2


def test_two_requests_run_side_by_side_where_the_operator_says_so(bench: Bench) -> None:
    """They meet inside the model; the third comes after them."""
    ids = queued(bench, b"a", b"b", b"c")
    (info,) = bench.engine.models().values()
    met, seen = threading.Barrier(2), list[bytes]()

    def look(input_: bytes) -> bool:
        seen.append(input_)
        if len(seen) < 3:
            met.wait(10)
        return False

    bench.engine.refuse = look
    loop = InferApart(bench.node, info, 2)
    assert loop.step()
    assert sorted(seen) == [b"a", b"b"]
    assert loop.step()
    assert not loop.step()
    assert [bench.job(id_).state for id_ in ids] == [State.COMPUTED] * 3

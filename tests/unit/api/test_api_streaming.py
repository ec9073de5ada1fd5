"""What a decoder writes is told while it writes; streams end by themselves, and a reader who leaves costs nothing."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api_kit import UNREACHABLE
from tests.daemon_kit import Bench
from tests.patience import until
from themis.api import streaming
from themis.api.access import LOOPBACK_NAMES
from themis.api.app import create
from themis.api.reading import Reading
from themis.api.server import Server
from themis.config import ApiConfig
from themis.core.job import State
from themis.core.types import Draft, Hash32
from themis.daemon.infer import InferApart
from themis.daemon.live import MOST, Live

Event = tuple[str, dict[str, Any]]


class Scene:
    """A node with a queued request to a decoder."""

    def __init__(self, path: Path) -> None:
        self.bench = Bench(path)
        self.bench.engine.batched = False
        self.id = self.bench.chain.ask(b"abc")
        self.bench.see()
        while self.bench.judge.step():
            pass
        self.server = Server(ApiConfig(port=0))
        app = create(Reading(self.bench.node, {}, {}, 0.0), *UNREACHABLE, hosts=LOOPBACK_NAMES, token=None)
        self.server.start(app)

    @property
    def url(self) -> str:
        return f"{self.server.url}/v1/jobs/0x{self.id.hex()}/stream"

    def infer(self) -> None:
        (info,) = self.bench.engine.models().values()
        assert InferApart(self.bench.node, info).step()

    def write(self, *tokens: int) -> None:
        self.bench.node.live.hear(self.id, Draft(tokens, "x" * len(tokens)))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "db")
    yield made
    made.server.stop()
    made.bench.store.close()


def events(lines: Iterator[str]) -> Iterator[Event]:
    for line in lines:
        if line.startswith("event: "):
            yield line.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))


def test_each_draft_is_told_before_the_answer_is_known(scene: Scene) -> None:
    with httpx.stream("GET", scene.url, timeout=60) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-store"
        found = events(reply.iter_lines())
        for count in (1, 2, 3):
            scene.write(*range(count))
            assert next(found) == ("draft", {"tokens": list(range(count)), "text": "x" * count})
            assert scene.bench.job(scene.id).state is State.QUEUED
        scene.infer()
        assert next(found) == ("draft", {"tokens": [97, 98, 99], "text": "abc"})
        name, end = next(found)
        answer = scene.bench.job(scene.id).answer
        assert answer
        assert (name, end["state"], end["output"]) == ("end", "computed", "0x" + answer.output.hex())
        assert next(found, None) is None


def test_a_late_reader_gets_all_at_once(scene: Scene) -> None:
    scene.infer()
    found = list(events(iter(httpx.get(scene.url, timeout=60).text.splitlines())))
    assert [name for name, _ in found] == ["draft", "end"]
    assert found[0][1]["text"] == "abc"


def test_a_request_that_is_refused_ends_with_its_reason(scene: Scene) -> None:
    scene.bench.engine.refuse = lambda _: True
    scene.infer()
    ((name, end),) = events(iter(httpx.get(scene.url, timeout=60).text.splitlines()))
    assert (name, end["state"], end["reason"], end["output"]) == ("end", "closed", "engine_refused", None)


def test_unknown_requests_are_a_problem(scene: Scene) -> None:
    reply = httpx.get(f"{scene.server.url}/v1/jobs/0x000000/stream")
    assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")


def test_readers_who_leave_make_room(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "MAX_STREAMS", 2)
    scene.write(1)
    with httpx.stream("GET", scene.url) as one, httpx.stream("GET", scene.url) as two:
        reading = [events(each.iter_lines()) for each in (one, two)]
        assert [next(each)[0] for each in reading] == ["draft", "draft"]
        refused = httpx.get(scene.url)
        assert refused.status_code == 503
        assert "2 streams are open" in refused.json()["detail"]
        del reading
    scene.infer()
    until(lambda: httpx.get(scene.url, timeout=60).status_code, lambda status: status == 200)


def test_a_stream_is_not_endless(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "MAX_STREAM_S", 0.3)
    monkeypatch.setattr(streaming, "QUIET_S", 0.1)
    said = httpx.get(scene.url, timeout=60).text
    assert ": waiting\n\n" in said
    ((name, end),) = events(iter(said.splitlines()))
    assert (name, end["state"]) == ("end", "queued")


def test_a_stopping_node_waits_for_no_reader(scene: Scene) -> None:
    scene.write(1)
    with httpx.stream("GET", scene.url, timeout=60) as reply:
        found = events(reply.iter_lines())
        assert next(found)[0] == "draft"
        started_s = time.monotonic()
        stopping = threading.Thread(target=scene.server.stop)
        stopping.start()
        assert [(name, end["state"]) for name, end in found] == [("end", "queued")]
        stopping.join()
        assert time.monotonic() - started_s < 4
        assert not scene.server._thread.is_alive()


def test_only_the_last_drafts_are_kept() -> None:
    live = Live()
    ids = [Hash32(bytes([0] * 30) + number.to_bytes(2, "big")) for number in range(MOST + 1)]
    for id_ in ids:
        live.hear(id_, Draft((1,), "a"))
    assert live.draft(ids[0]) is None
    assert all(live.draft(id_) for id_ in ids[1:])

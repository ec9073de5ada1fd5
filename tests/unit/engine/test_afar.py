"""Models on other machines, here servers that fail in every way: each request is answered or refused all the same."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

from themis.bundles import bundle
from themis.core.errors import Misconfigured, Reason, Refused, Unavailable
from themis.core.spelling import cluster, shown
from themis.core.types import Draft, Hash32
from themis.engine import wire
from themis.engine.afar import STEP, Machines, addresses
from themis.engine.engine import OnnxEngine

MODELS: Final = Path(__file__).parents[3] / "models"
ID: Final = Hash32(b"\x07" * 32)
SELFTEST: Final = bundle.load(MODELS / "selftest-moe")
WRITER: Final = bundle.load(MODELS / "olmoe-tiny")
LOCAL: Final = OnnxEngine({ID: SELFTEST}, 1)
WORK: Final = [(bytes([first]) * (1 + first), None) for first in range(100)]

Fault = Callable[["_Answers"], bool]
"""Does something in the place of an answer; False: answer after all."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    manifest = SELFTEST.manifest_hash
    drafts: tuple[Draft, ...] = ()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.faults: list[Fault] = []
        self.asked: list[int] = []
        self.lock = threading.Lock()


class _Answers(BaseHTTPRequestHandler):
    """A replica with the real engine in it."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        work = wire.read_question(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.asked.append(len(work))
            fault = self.server.faults.pop(0) if self.server.faults else None
        if fault is not None and fault(self):
            return
        try:
            said = wire.answered(LOCAL.infer(ID, work))
        except Refused as refused:
            said = wire.refused(refused)
        drafts = b"".join(map(wire.drafted, self.server.drafts)) if wire.DRAFTS in self.path else b""
        self.reply(drafts + said)

    def reply(self, body: bytes, status: int = 200, manifest: str | None = None, length: int | None = None) -> bool:
        self.send_response(status)
        self.send_header(wire.MANIFEST, manifest or shown(self.server.manifest))
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        return True

    def vanish(self) -> bool:
        self.close_connection = True
        return True

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def servers() -> Iterator[list[_Server]]:
    made = [_Server(), _Server()]
    for each in made:
        threading.Thread(target=each.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    for each in made:
        each.shutdown()
        each.server_close()


def url(*servers: _Server) -> str:
    return "ray://" + ",".join(f"127.0.0.1:{each.server_port}" for each in servers)


@pytest.fixture
def engine(servers: list[_Server]) -> Iterator[OnnxEngine]:
    engine = OnnxEngine({ID: SELFTEST}, 1, machines=Machines(url(*servers), patience_s=5))
    for each in servers:
        each.asked.clear()
    yield engine
    engine.close()


def test_answers_are_those_of_this_machine_in_their_order(engine: OnnxEngine, servers: list[_Server]) -> None:
    assert engine.infer(ID, WORK) == LOCAL.infer(ID, WORK)
    assert [sum(each.asked) > 0 for each in servers] == [True, True], "both take part"
    assert sum(sum(each.asked) for each in servers) == len(WORK), "nothing was asked twice"
    assert max(servers[0].asked) == 8
    assert engine.step() == STEP
    assert engine.elsewhere()
    assert not LOCAL.elsewhere()
    assert engine.restarts() == {ID: 0}


FAULTS: Final[dict[str, Fault]] = {
    "a replica died": lambda answers: answers.reply(b"Internal Server Error", 500),
    "too busy": lambda answers: answers.reply(b"", 503),
    "not deployed": lambda answers: answers.reply(b"", 404),
    "the connection closes": lambda answers: answers.vanish(),
    "the reply breaks off": lambda answers: answers.reply(b'{"outp', length=1_000) and answers.vanish(),
    "the reply is empty": lambda answers: answers.reply(b""),
    "the reply has no end": lambda answers: answers.reply(wire.drafted(Draft((1,), "a"))),
    "another model": lambda answers: answers.reply(wire.answered([bytes(32)]), manifest=shown(ID)),
    "no JSON": lambda answers: answers.reply(b"<html>\n"),
    "deep JSON": lambda answers: answers.reply(b"[" * 100_000 + b"\n"),
    "other JSON": lambda answers: answers.reply(b'{"outputs": ["00"]}\n'),
    "too few outputs": lambda answers: answers.reply(b'{"outputs": []}\n'),
    "an unknown reason": lambda answers: answers.reply(b'{"refused": "whim", "detail": ""}\n'),
    "more than is read": lambda answers: answers.reply((b" " * 2**20 + b"\n") * 20),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_is_no_answer_is_asked_again(engine: OnnxEngine, servers: list[_Server], fault: Fault) -> None:
    for each in servers:
        each.faults += [fault] * 2
    assert engine.infer(ID, WORK) == LOCAL.infer(ID, WORK)
    assert [each.faults for each in servers] == [[], []], "each was met"


def test_one_machine_is_enough(engine: OnnxEngine, servers: list[_Server]) -> None:
    servers[0].shutdown()
    servers[0].server_close()
    assert engine.infer(ID, WORK) == LOCAL.infer(ID, WORK)
    begun_s = time.monotonic()
    assert engine.infer(ID, WORK) == LOCAL.infer(ID, WORK)
    assert time.monotonic() - begun_s < 2, "the one that is gone is asked last"


def test_what_is_refused_is_refused_once(engine: OnnxEngine, servers: list[_Server]) -> None:
    def refuse(answers: _Answers) -> bool:
        return answers.reply(wire.refused(Refused(Reason.ENGINE_REFUSED, "it took more than 1 s")))

    for each in servers:
        each.faults.append(refuse)
    with pytest.raises(Refused, match="it took more than 1 s") as caught:
        engine.infer(ID, WORK[:1])
    assert caught.value.reason is Reason.ENGINE_REFUSED
    assert sum(len(each.asked) for each in servers) == 1


def test_where_nobody_answers_that_is_said(engine: OnnxEngine, servers: list[_Server]) -> None:
    for each in servers:
        each.faults += [lambda answers: answers.reply(b"", 404)] * 100
    with pytest.raises(Unavailable, match=r"no replica at ray://.* answers \(.*`themis config ray`"):
        engine.infer(ID, WORK[:1])


def test_a_node_that_stops_waits_for_nobody(engine: OnnxEngine, servers: list[_Server]) -> None:
    held = threading.Event()
    for each in servers:
        each.faults.append(lambda _: held.wait(30))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(engine.infer, ID, WORK[:1])
        while not any(each.asked for each in servers):
            time.sleep(0.01)
        engine.close()
        with pytest.raises(Unavailable, match="the node stops"):
            asked.result(timeout=10)
    with pytest.raises(Unavailable, match="the node stops"):
        engine.infer(ID, WORK[:1])
    held.set()


def test_machines_that_answer_otherwise_are_not_served_from(servers: list[_Server]) -> None:
    golden = replace(SELFTEST.golden[0], output=bytes(32))
    with pytest.raises(Misconfigured, match="selftest-moe answers golden input 0 with .*Do not serve it"):
        OnnxEngine({ID: replace(SELFTEST, golden=(golden,))}, 1, machines=Machines(url(*servers)))


def test_what_a_decoder_writes_is_heard(servers: list[_Server]) -> None:
    with_words = replace(WRITER, golden=(), manifest_hash=SELFTEST.manifest_hash)
    engine = OnnxEngine({ID: with_words}, 1, machines=Machines(url(*servers)))
    for each in servers:
        each.drafts = (Draft((5,), "a"), Draft((5, 7), "ab"))
    heard: list[Draft] = []
    assert engine.stream(ID, b"abc", heard.append) == LOCAL.infer(ID, [(b"abc", None)])[0]
    assert heard == [Draft((5,), "a"), Draft((5, 7), "ab")]
    engine.close()


def test_urls_name_one_machine_or_several() -> None:
    assert addresses("ray://a") == ["http://a:8000"]
    several = addresses(cluster(" ray://a:80,10.0.0.2,[::1]:9/ "))
    assert several == ["http://a:80", "http://10.0.0.2:8000", "http://[::1]:9"]


UNFIT: Final = ("http://a", "ray://", "ray://a,,b", "ray://a:port", "ray://a/b", "ray://me@a", "a", "")
NO_QUESTIONS: Final = (
    b"",
    b"[]",
    b"{}",
    b"[1]",
    b'[["0x00"]]',
    b'[["00", null]]',
    b'[["0x0", null]]',
    b'[["0x00", 1]]',
)


@pytest.mark.parametrize("text", UNFIT)
def test_other_urls_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        cluster(text)


@pytest.mark.parametrize("body", NO_QUESTIONS)
def test_a_question_is_read_as_it_was_put_or_not_at_all(body: bytes) -> None:
    work = [(b"a", None), (b"", b"code")]
    assert wire.read_question(wire.question(work)) == work
    with pytest.raises(ValueError, match="."):
        wire.read_question(body)

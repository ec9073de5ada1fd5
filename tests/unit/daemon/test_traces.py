"""What each request went through, as OpenTelemetry spans: made from the store when it is over, sent to a collector."""

import socket
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.daemon_kit import Bench
from tests.fakes import CHAIN_ID, MODEL, OPERATOR, ORACLE_ADDRESS, REQUESTER
from themis import config
from themis.core.errors import Misconfigured
from themis.core.job import State
from themis.core.spelling import shown
from themis.core.types import Address, Denial, Hash32
from themis.daemon import assemble

WHY = "NOT RUN for want of OpenTelemetry (`pip install '.[otel]'`): traces of requests"
traces: Any = pytest.importorskip("themis.daemon.traces", exc_type=ImportError, reason=WHY)
PLACE = {"chain_id": CHAIN_ID, "oracle": ORACLE_ADDRESS, "operator": OPERATOR}
NOBODY = Address(b"\x66" * 20)


@pytest.fixture
def memory() -> Any:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    return InMemorySpanExporter()


@pytest.fixture
def told(memory: Any) -> Iterator[Any]:
    found = traces.Traces(memory, **PLACE)
    yield found
    found.close()


@pytest.fixture
def bench(tmp_path: Path, told: Any) -> Bench:
    found = Bench(tmp_path / "db")
    object.__setattr__(found.node, "trace", told.tell)
    return found


def spans(told: Any, memory: Any) -> list[Any]:
    told._provider.force_flush()
    return list(memory.get_finished_spans())


def test_a_trace_leads_from_the_log_to_the_receipt(bench: Bench, told: Any, memory: Any) -> None:
    id_ = bench.chain.ask()
    begun_s = bench.clock.now
    bench.work()
    assert spans(told, memory) == [], "nothing is told of what is not over"
    bench.wait(3)
    bench.mine()
    bench.settle.step()
    *stages, root = spans(told, memory)
    assert root.name == "request"
    assert [span.name for span in stages] == ["judged", "computed", "sent", "mined", "final"]
    assert {span.context.trace_id for span in (*stages, root)} == {int.from_bytes(id_[:16], "big")}
    assert {span.parent.span_id for span in stages} == {root.context.span_id}
    assert root.parent is None
    assert (root.start_time, root.end_time) == (int(begun_s * 1e9), int((begun_s + 3) * 1e9))
    ends = [root.start_time, *(span.end_time for span in stages)]
    assert [span.start_time for span in stages] == ends[:-1], "each begins where the one before it ends"
    assert ends[-1] == root.end_time
    job = bench.job(id_)
    assert job.mined_at
    said = root.attributes
    assert said["themis.request_id"] == shown(id_)
    assert said["themis.model_id"] == shown(MODEL)
    assert said["themis.requester"] == shown(REQUESTER)
    assert said["themis.transaction"] == shown(job.mined_at.tx_hash)
    assert said["themis.gas_used"] > 0
    assert said["themis.state"] == "done"
    assert root.resource.attributes["service.name"] == "themis"
    assert root.resource.attributes["themis.operator"] == shown(OPERATOR)


def test_a_refused_request_says_why(bench: Bench, told: Any, memory: Any) -> None:
    bench.chain.denials[NOBODY] = Denial("AuthorizationRequired", "version=1")
    id_ = bench.chain.ask(requester=NOBODY)
    bench.work()
    (root,) = spans(told, memory)
    assert root.attributes["themis.reason"] == "unlicensed_requester"
    assert root.context.trace_id == int.from_bytes(id_[:16], "big")
    assert [event.name for event in root.events] == ["Closed"]


def test_a_crash_takes_nothing_from_a_trace(bench: Bench, told: Any, memory: Any) -> None:
    bench.chain.ask()
    bench.work()
    bench.restart()
    object.__setattr__(bench.node, "trace", told.tell)
    bench.mine()
    bench.settle.step()
    assert [span.name for span in spans(told, memory)][-1] == "request"
    assert len(spans(told, memory)) == 6


class Collector(BaseHTTPRequestHandler):
    heard: list[tuple[str, bytes]] = []  # noqa: RUF012 (a test's)

    def do_POST(self) -> None:
        self.heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_collector_hears_it_over_http(tmp_path: Path) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        sender = traces.over_http(f"http://127.0.0.1:{server.server_port}/")(**PLACE)
        bench = Bench(tmp_path / "db")
        object.__setattr__(bench.node, "trace", sender.tell)
        bench.chain.ask(model_id=Hash32(b"\x77" * 32))
        bench.work()
        sender.close()
        server.shutdown()
    ((path, body),) = Collector.heard
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    (root,) = resource.scope_spans[0].spans
    assert root.name == "request"


@pytest.mark.parametrize("listens", [False, True])
def test_a_collector_that_is_away_or_silent_holds_nobody_up(tmp_path: Path, *, listens: bool) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        sender = traces.over_http(f"http://127.0.0.1:{silent.getsockname()[1]}")(**PLACE)
        bench = Bench(tmp_path / "db")
        object.__setattr__(bench.node, "trace", sender.tell)
        bench.chain.ask()
        bench.work()
        bench.mine()
        bench.settle.step()
        assert bench.store.counts().by_state[State.DONE] == 1
        begun_s = time.monotonic()
        sender.close()
        assert time.monotonic() - begun_s < 6, "SIGTERM ends a node within 8 s"


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "themis.daemon.traces", None)
    (tmp_path / "config.toml").write_text(
        f'[chain]\nrpc_url = "http://127.0.0.1:1"\nchain_id = 1\noracle = "{shown(ORACLE_ADDRESS)}"\n'
        '[traces]\nurl = "http://127.0.0.1:4318"\n'
    )
    with pytest.raises(Misconfigured, match=r"pip install 'themis-oracle\[otel\]'"):
        assemble._traces(config.load(tmp_path), OPERATOR)

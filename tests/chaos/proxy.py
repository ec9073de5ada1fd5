"""A JSON-RPC proxy on loopback that stands between a node and its chain, and does to the answers what a fault says."""

import http.client
import json
import select
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

UPSTREAM_TIMEOUT_S: Final = 60
BATCH: Final = 100

Call = Mapping[str, Any]
"""One JSON-RPC request object."""
Answer = dict[str, Any]
"""One JSON-RPC response object."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the client gets: bytes under an HTTP status."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class HangUp(Exception):  # noqa: N818 (an order, not an error)
    """The connection is closed without a word."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the client asked in one HTTP request."""

    calls: Sequence[Call]
    is_batch: bool
    upstream: Callable[[Sequence[Call]], list[Answer]]
    """Asks the chain: the answers in the order of the calls."""
    lifted: threading.Event
    """Set as soon as another fault is chosen: what hangs lets go."""

    def ask(self) -> list[Answer]:
        return self.upstream(self.calls)

    def reply(self, answers: Sequence[Any]) -> Reply:
        """The answers as JSON-RPC wants them: a list for a batch, an object for a single call."""
        return Reply(json.dumps(list(answers) if self.is_batch else answers[0]).encode())


Fault = Callable[[Question], Reply]


def calm(question: Question) -> Reply:
    """No fault at all."""
    return question.reply(question.ask())


class Proxy:
    """Forwards to a chain under the fault that is chosen at the moment, and counts what it is asked."""

    def __init__(self, target: str) -> None:
        self.netloc = urlsplit(target).netloc
        self._local = threading.local()
        self._fault: Fault = calm
        self._lifted = threading.Event()
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()
        """Calls by method; a batch counts each of its own."""
        self.requests = 0
        """HTTP requests."""
        self.url = ""
        self.heads_after_s: float | None = None
        """How much later a WebSocket passes on what is said on it; None: there is none here."""

    def choose(self, fault: Fault) -> None:
        """From now on; what the last fault keeps waiting goes on."""
        with self._lock:
            self._fault = fault
            lifted, self._lifted = self._lifted, threading.Event()
        lifted.set()

    def answer(self, body: bytes) -> Reply:
        asked = json.loads(body)
        calls = asked if isinstance(asked, list) else [asked]
        with self._lock:
            fault, lifted = self._fault, self._lifted
            self.requests += 1
            self.calls.update(call["method"] for call in calls)
        return fault(Question(calls, isinstance(asked, list), self.ask, lifted))

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Results from the chain itself, past every fault. Raises RuntimeError with what it complains of."""
        results: list[Any] = []
        for first in range(0, len(calls), BATCH):
            asked = [
                {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
                for number, (method, params) in enumerate(calls[first : first + BATCH])
            ]
            for answer in self.ask(asked):
                if "error" in answer:
                    raise RuntimeError(answer["error"]["message"])
                results.append(answer["result"])
        return results

    def leave(self) -> None:
        """The thread that calls asks nothing more."""
        if (connection := getattr(self._local, "connection", None)) is not None:
            connection.close()
            self._local.connection = None

    def ask(self, calls: Sequence[Call]) -> list[Answer]:
        if not calls:
            return []
        found = json.loads(self._post(json.dumps(list(calls)).encode()))
        by_id = {answer["id"]: answer for answer in found}
        return [by_id[call["id"]] for call in calls]

    def _post(self, body: bytes) -> bytes:
        for last in (False, True):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = http.client.HTTPConnection(self.netloc, timeout=UPSTREAM_TIMEOUT_S)
                self._local.connection = connection
            try:
                connection.request("POST", "/", body, {"Content-Type": "application/json"})
                read: bytes = connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self._local.connection = None
                if last:
                    raise
            else:
                return read
        raise AssertionError


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: ClassVar[Proxy]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            reply = self.proxy.answer(body)
        except (HangUp, OSError, http.client.HTTPException):
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def do_GET(self) -> None:
        """A WebSocket, where there is one: passed on as it is."""
        if (after_s := self.proxy.heads_after_s) is None or self.headers.get("Upgrade", "").lower() != "websocket":
            self.send_error(404)
            return
        self.close_connection = True
        host, _, port = self.proxy.netloc.partition(":")
        with socket.create_connection((host, int(port)), UPSTREAM_TIMEOUT_S) as chain:
            chain.sendall(f"{self.requestline}\r\n{self.headers}".encode())
            _pass_on(self.connection, chain, after_s)

    def finish(self) -> None:
        self.proxy.leave()
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the parent's name)
        """Quiet."""


def _pass_on(one: socket.socket, other: socket.socket, after_s: float) -> None:
    """Until one of them hangs up."""
    peers = {one: other, other: one}
    while True:
        for ready in select.select(list(peers), [], [])[0]:
            said = ready.recv(2**16)
            if not said:
                return
            time.sleep(after_s)
            peers[ready].sendall(said)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away, as killed nodes do, are nobody's fault."""


@contextmanager
def serving(target: str, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy before the chain at `target`; with `tls` at https://localhost."""
    proxy = Proxy(target)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    port = server.server_address[1]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    proxy.url = f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}"
    try:
        yield proxy
    finally:
        proxy.choose(calm)
        server.shutdown()
        server.server_close()
        thread.join()
        proxy.leave()

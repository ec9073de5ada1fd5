"""An endpoint that lies: an HTTP server on loopback whose every reply the test decides."""

import json
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Asked = list[dict[str, Any]]
"""The calls of one HTTP request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back. A body that is not bytes is written as JSON."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Liar:
    """`say` gets the calls of a request, one or a batch of them; `asked` keeps them."""

    url: str
    say: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    """Of the last request; names in lower case."""

    @property
    def methods(self) -> list[str]:
        """Of all calls, in order."""
        return [call["method"] for calls in self.asked for call in calls]


def honest(calls: Asked, results: Callable[[str, Sequence[Any]], Any]) -> Reply:
    """The reply of an endpoint that says what is true; an exception's text is its refusal."""
    replies = []
    for call in calls:
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": call["id"]}
        try:
            reply["result"] = results(call["method"], call["params"])
        except ValueError as refusal:
            reply["error"] = {"code": -32000, "message": str(refusal)}
        replies.append(reply)
    return Reply(replies if len(calls) > 1 else replies[0])


@contextmanager
def lying(say: Callable[[Asked], Reply], tls: ssl.SSLContext | None = None) -> Iterator[Liar]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            liar.connections += 1

        def do_POST(self) -> None:
            liar.headers = {name.lower(): value for name, value in self.headers.items()}
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls = said if isinstance(said, list) else [said]
            liar.asked.append(calls)
            reply = liar.say(calls)
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def handle(self) -> None:
            with suppress(OSError):  # who hangs up in the middle has heard enough
                super().handle()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    liar = Liar(f"http://127.0.0.1:{server.server_port}", say)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

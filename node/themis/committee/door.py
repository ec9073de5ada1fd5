"""A door that is open for a moment: while no node runs, a check says hello there to whoever tries its endpoint."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final

from themis.committee.gate import Barred, Gate, Numbers, seal
from themis.committee.post import HELLO
from themis.committee.wire import Hello, hello_bytes
from themis.core.committee import Forum
from themis.ports import Signer

_PATIENCE_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Host:
    """Who says hello, and to whom it listens."""

    signer: Signer
    forum: Forum
    gate: Gate
    numbers: Numbers
    hello: Hello


@contextmanager
def ajar(host: Host, address: tuple[str, int]) -> Iterator[None]:
    """Listen meanwhile. Where somebody listens already, it is the node itself, which answers as well."""

    class Answering(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S

        def do_POST(self) -> None:
            sender = host.gate.look({name.lower(): value for name, value in self.headers.items()}, b"")
            if self.path != HELLO or isinstance(sender, Barred):
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)  # the node that starts here refuses nobody
                return
            body = hello_bytes(host.hello)
            self.send_response(HTTPStatus.OK)
            envelope = seal(host.signer, host.forum, sender, host.numbers.next(), body)
            headers = {"content-type": "application/json", "content-length": str(len(body))}
            for name, value in (headers | envelope.headers(host.forum)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody asked."""

    try:
        server = HTTPServer(address, Answering)
    except OSError:
        yield
        return
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="door", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

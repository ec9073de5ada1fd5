"""A node of fakes that has done some work, with its API on a real port."""

from pathlib import Path
from typing import Any

import httpx

from tests.api_kit import UNREACHABLE
from tests.daemon_kit import Bench
from themis.api.app import create
from themis.api.reading import Reading
from themis.api.server import Server
from themis.chain.endpoints import EndpointState
from themis.config import ApiConfig
from themis.core.types import Address, Denial
from themis.daemon.supervisor import Health

NOBODY = Address(b"\x66" * 20)
HOSTS = frozenset({"127.0.0.1"})
BIG_LANE = 2**64 - 1
ENDPOINTS = [
    EndpointState("http://one", True, 100, 0, 0.0, 0.012, 9, 0, 100, ""),  # noqa: FBT003 (fit)
    EndpointState("http://two", False, 97, 3, 0.4, 0.5, 10, 4, 1, "HTTP status 503"),  # noqa: FBT003
]


class Scene:
    """A node that has answered one request, refused one and has one to look at."""

    def __init__(self, path: Path, explorer_url: str | None = None) -> None:
        self.bench = bench = Bench(path)
        bench.chain.denials[NOBODY] = Denial("AuthorizationRequired", "version=1")
        self.done = bench.chain.ask(lane=BIG_LANE)
        self.closed = bench.chain.ask(requester=NOBODY)
        bench.work()
        bench.mine()
        bench.settle.step()
        self.seen = bench.chain.ask(b"later")
        bench.see()
        self.health = {loop.name: Health(bench.clock.now) for loop in bench.loops}
        self.endpoints = ENDPOINTS[:1]
        reading = Reading(
            bench.node, self.health, {"eth_getLogs": 7, "eth_call": 3}, 900.0, lambda: self.endpoints, explorer_url
        )
        self.server = Server(ApiConfig(port=0))
        self.server.start(create(reading, *UNREACHABLE, hosts=HOSTS, token=None))
        self.client = httpx.Client(base_url=self.server.url)

    def close(self) -> None:
        self.client.close()
        self.server.stop()
        self.bench.store.close()

    def get(self, path: str) -> Any:
        reply = self.client.get(path)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "application/json"
        return reply.json()

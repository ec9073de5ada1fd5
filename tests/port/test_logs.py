"""Reading past logs from an endpoint that answers only so much at once: an HTTP server that refuses the rest."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from themis.chain.client import OracleClient
from themis.chain.contracts import ORACLE
from themis.chain.logs import DEEP, LogReader
from themis.chain.rpc import Rpc, RpcError
from themis.chain.transport import Said, TimedOut
from themis.core.span import LONGEST
from themis.core.types import Address

QUERY = {"address": "0x" + "0a" * 20, "topics": []}
ORACLE_ADDRESS = Address(b"\x0a" * 20)


class Endpoint:
    """A chain of `head` blocks with a log in each of some, and an endpoint to it that limits ranges and logs."""

    def __init__(self, head: int, logged: set[int], *, blocks: int, logs: int = 10**9, status: int = 200) -> None:
        self.head = head
        self.logged = logged
        self.asked: list[tuple[int, int]] = []
        self.refused = 0
        self._blocks, self._logs, self._status = blocks, logs, status

    def answer(self, method: str, params: list[Any]) -> tuple[int, dict[str, Any]]:
        if method == "eth_blockNumber":
            return 200, {"result": hex(self.head)}
        first, last = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
        found = [block for block in sorted(self.logged) if first <= block <= last]
        if last - first >= self._blocks or len(found) > self._logs:
            self.refused += 1
            return self._status, {"error": {"code": -32005, "message": "query exceeds limits"}}
        self.asked.append((first, last))
        return 200, {"result": [_withdrawn(block) for block in found]}


def _withdrawn(block: int) -> dict[str, Any]:
    """A raw log as an endpoint gives it: somebody withdrew as many wei as its block has a number."""
    indexed = [ORACLE.topic("Withdrawn"), bytes(32), b"\x0b".rjust(32, b"\0")]
    return {
        "address": QUERY["address"],
        "topics": [f"0x{topic.hex()}" for topic in indexed],
        "data": f"0x{bytes(32).hex()}{block.to_bytes(32, 'big').hex()}",
        "blockNumber": hex(block),
        "blockHash": "0x" + "01" * 32,
        "logIndex": "0x0",
        "transactionHash": "0x" + "02" * 32,
        "removed": False,
    }


@contextmanager
def served(endpoint: Endpoint) -> Iterator[Rpc]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = endpoint.answer(call["method"], call["params"])
            body = json.dumps({"jsonrpc": "2.0", "id": call["id"]} | said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Rpc(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def blocks_of(raws: list[Any]) -> list[int]:
    return [int(raw["blockNumber"], 16) for raw in raws]


@pytest.mark.parametrize("status", [200, 400, 408, 413, 504])
@pytest.mark.parametrize("limit", [1, 7, 100, LONGEST])
def test_ranges_fit_the_limit_and_leave_nothing_out(limit: int, status: int) -> None:
    head = min(60 * limit, 50_000)
    logged = {5, 6, head // 2, head - 1, head}
    endpoint = Endpoint(head, logged, blocks=limit, status=status)
    with served(endpoint) as rpc:
        assert blocks_of(LogReader(rpc).read(QUERY, 5)) == sorted(logged)
    ends = [last for _, last in endpoint.asked]
    assert [first for first, _ in endpoint.asked] == [5, *(last + 1 for last in ends[:-1])], "no gap, nothing twice"
    assert ends[-1] == head
    assert endpoint.refused <= 15 + len(ends) // 4


def test_progress_is_told_range_by_range() -> None:
    endpoint, told = Endpoint(5_000, {7}, blocks=1_000), list[tuple[int, int]]()
    with served(endpoint) as rpc:
        LogReader(rpc, lambda block, head: told.append((block, head))).read(QUERY, 1)
    assert told == [(last, 5_000) for _, last in endpoint.asked]
    assert len(told) > 1


def test_where_there_is_no_limit_one_call_does() -> None:
    endpoint = Endpoint(20_000_000, {1, 19_999_999}, blocks=10**9)
    with served(endpoint) as rpc:
        assert blocks_of(LogReader(rpc).read(QUERY, 0)) == [1, 19_999_999]
    assert endpoint.asked == [(0, 20_000_000)]


def test_many_logs_in_few_blocks_are_read_in_short_ranges() -> None:
    logged = set(range(500, 600))
    endpoint = Endpoint(100_000, logged, blocks=10_000, logs=8)
    with served(endpoint) as rpc:
        assert blocks_of(LogReader(rpc).read(QUERY, 0)) == sorted(logged)


def test_what_is_deep_is_read_once() -> None:
    endpoint = Endpoint(1_000, {10, 999}, blocks=10**9)
    with served(endpoint) as rpc:
        reader = LogReader(rpc)
        assert blocks_of(reader.read(QUERY, 0)) == [10, 999]
        endpoint.head += 5
        endpoint.logged = {10, 998, 1_005}  # a reorganization has moved the one near the head
        assert blocks_of(reader.read(QUERY, 0)) == [10, 998, 1_005]
        assert blocks_of(reader.read(QUERY, 11)) == [998, 1_005]
    assert endpoint.asked == [(0, 1_000), (1_000 - DEEP, 1_005), (11, 1_005)]


def test_an_endpoint_that_refuses_a_single_block_is_given_up() -> None:
    endpoint = Endpoint(1_000, set(), blocks=0)
    with served(endpoint) as rpc, pytest.raises(RpcError, match="query exceeds limits"):
        LogReader(rpc).read(QUERY, 0)
    assert endpoint.refused < 15


def test_ranges_that_take_too_long_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint lets the connection run into its timeout."""
    endpoint = Endpoint(20_000, {5, 19_999}, blocks=10**9)
    with served(endpoint) as rpc:
        transport = rpc.endpoints[0]._transport
        post = transport.post

        def slow(body: bytes, timeout_s: float) -> Said:
            call = json.loads(body)
            if call["method"] == "eth_getLogs":
                query = call["params"][0]
                if int(query["toBlock"], 16) - int(query["fromBlock"], 16) > 6_000:
                    raise TimedOut("too slow")
            return post(body, timeout_s)

        monkeypatch.setattr(transport, "post", slow)
        assert blocks_of(LogReader(rpc).read(QUERY, 0)) == [5, 19_999]
    assert len(endpoint.asked) > 1


def test_an_endpoint_that_is_behind_the_start_has_none() -> None:
    with served(Endpoint(3, {2}, blocks=10)) as rpc:
        assert LogReader(rpc).read(QUERY, 5) == []


def test_a_client_reads_the_oracles_history_in_ranges() -> None:
    endpoint = Endpoint(5_000, {7, 4_000}, blocks=1_000)
    with served(endpoint) as rpc:
        found = OracleClient(rpc, 1, ORACLE_ADDRESS).history(("Withdrawn",), 1)
    assert [(at.block_number, log.values["amount"]) for log, at in found] == [(7, 7), (4_000, 4_000)]

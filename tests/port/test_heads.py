"""The WebSocket that wakes the watcher: a real one on loopback, honest, silent, of another chain, broken off."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from demo import chains
from themis.chain.heads import Heads
from themis.core.errors import Unavailable

CHAIN_ID = 7


@dataclass(slots=True)
class Speaker:
    url: str
    connections: list[ServerConnection] = field(default_factory=list)
    subscribed: threading.Event = field(default_factory=threading.Event)

    def tell(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.connections[-1].send(text)


def results(**by_method: Any) -> Callable[[str], Any]:
    known = {"eth_chainId": hex(CHAIN_ID), "eth_subscribe": "0x1"} | by_method
    return known.__getitem__


@contextmanager
def speaking(say: Callable[[str], Any]) -> Iterator[Speaker]:
    speaker = Speaker("")

    def handle(connection: ServerConnection) -> None:
        speaker.connections.append(connection)
        for text in connection:
            call = json.loads(text)
            connection.send(json.dumps({"jsonrpc": "2.0", "id": call["id"]} | said(say(call["method"]))))
            if call["method"] == "eth_subscribe":
                speaker.subscribed.set()

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        speaker.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        try:
            yield speaker
        finally:
            server.shutdown()
            thread.join()


def said(result: Any) -> dict[str, Any]:
    return {"error": {"code": -32601, "message": str(result)}} if isinstance(result, Exception) else {"result": result}


HEAD = {"jsonrpc": "2.0", "method": "eth_subscription", "params": {"subscription": "0x1", "result": {"number": "0x2"}}}


def test_a_new_block_wakes_and_nothing_else_does() -> None:
    with speaking(results()) as speaker:
        heads = Heads(speaker.url, CHAIN_ID)
        assert not heads.wait(0.05)
        noises: tuple[Any, ...] = ("no JSON", [], {"method": "eth_other"}, "[" * 5_000)
        for noise in noises:
            speaker.tell(noise)
            assert not heads.wait(5)
        speaker.tell(HEAD)
        assert heads.wait(5)
        assert not heads.wait(0.05)
        heads.close()


@pytest.mark.parametrize(
    ("say", "why"),
    [
        (results(eth_chainId="0x8"), "serves chain '0x8', not 7: correct chain.ws_url"),
        (results(eth_subscribe=ValueError("no such method")), "tells of no new blocks .eth_subscribe.: use another"),
        (results(eth_subscribe=None), "tells of no new blocks"),
    ],
)
def test_one_that_does_not_serve_us_is_named(say: Callable[[str], Any], why: str) -> None:
    with speaking(say) as speaker, pytest.raises(Unavailable, match=why):
        Heads(speaker.url, CHAIN_ID).wait(0)


def test_nobody_there_is_named_without_the_path() -> None:
    url = f"ws://127.0.0.1:{chains.free_port()}/secret"
    with pytest.raises(Unavailable, match=r"cannot be opened .*: correct chain.ws_url, or leave it out") as met:
        Heads(url, CHAIN_ID).wait(0)
    assert "secret" not in str(met.value)


def test_what_breaks_off_is_connected_again() -> None:
    with speaking(results()) as speaker:
        heads = Heads(speaker.url, CHAIN_ID)
        assert not heads.wait(0.05)
        speaker.connections[-1].close()
        with pytest.raises(Unavailable, match="broke off .*: connecting again"):
            heads.wait(5)
        assert not heads.wait(0.05)
        speaker.tell(HEAD)
        assert heads.wait(5)
        heads.close()


def test_anvil_tells_of_its_blocks() -> None:
    with chains.start() as chain:
        heads = Heads(chain.rpc_url.replace("http", "ws"), chain.chain_id)
        assert not heads.wait(0.05)
        chain.rpc("evm_mine")
        assert heads.wait(10)
        heads.close()

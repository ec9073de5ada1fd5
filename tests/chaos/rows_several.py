"""Rows: several endpoints and a quorum, a WebSocket beside them, and a rescan for what an endpoint has withheld."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from eth_utils.crypto import keccak

from demo import chains
from tests.chaos import faults
from tests.chaos.backends import apart
from tests.chaos.proxy import Fault, Proxy, calm, serving
from tests.chaos.stage import Stage, must
from tests.chaos.table import row
from tests.forking import THEMIS

KIND = "several"


@contextmanager
def _beside(stage: Stage, number: int = 1, quorum: int = 1, **more: str) -> Iterator[list[Proxy]]:
    """The node runs with more endpoints than the one that the row spoils."""
    opened = [serving(stage.world.chain.rpc_url) for _ in range(number)]
    proxies = [each.__enter__() for each in opened]
    try:
        urls = json.dumps([proxy.url for proxy in proxies])
        lines = [f"rpc_urls = {urls}", f"quorum = {quorum}", *(f'{key} = "{value}"' for key, value in more.items())]
        file = stage.home / "config.toml"
        file.write_text(file.read_text().replace("[chain]", "\n".join(["[chain]", *lines]), 1))
        stage.start()
        yield proxies
    finally:
        stage.kill()
        for each in opened:
            each.__exit__(None, None, None)


def _stays(stage: Stage, fault: Fault, *, number: int = 1, quorum: int = 1) -> None:
    """The first endpoint fails and stays so: all is answered all the same, and status says which one it is."""
    with _beside(stage, number, quorum):
        stage.ask(8)
        stage.all_answered()
        stage.choose(fault)
        stage.ask(16)
        stage.all_answered(30)
        found = stage.get("/v1/status")["endpoints"]
        must(len(found) == number + 1, f"status shows {len(found)} endpoints")
        must(found[0]["errors"] > 0, "status does not show that the first one fails")
        stage.final = stage.tally()


@row("the first of two endpoints is gone", KIND, started=False)
def first_gone(stage: Stage) -> None:
    _stays(stage, faults.gone)


@row("the first of two endpoints hangs", KIND, started=False)
def first_hangs(stage: Stage) -> None:
    _stays(stage, faults.hanging)


@row("the first of three endpoints hangs, two must agree", KIND, brief=True, started=False)
def one_hangs_of_three(stage: Stage) -> None:
    _stays(stage, faults.hanging, number=2, quorum=2)


@row("the first of three endpoints lies about licenses, two must agree", KIND, started=False)
def one_lies(stage: Stage) -> None:
    """It says that nobody may use the model, and that there is no code: nothing is closed for it."""
    unknown = faults.reverted(keccak(b"UnknownModel(bytes32)")[:4] + stage.model_id)
    with _beside(stage, 2, 2):
        stage.choose(faults.of({"eth_call"}, unknown))
        stage.ask(16)
        stage.all_answered(45)
        stage.final = stage.tally()


@row("the first of two endpoints changes to another chain", KIND, started=False)
def first_elsewhere(stage: Stage) -> None:
    with chains.start(settings=chains.Settings(chain_id=99)) as other, _beside(stage):
        other.rpc("anvil_mine", hex(100))
        aside = Proxy(other.rpc_url)
        stage.ask(4)
        stage.choose(lambda question: question.reply(aside.ask(question.calls)))
        stage.ask(12)
        stage.all_answered(60)
        stage.until(lambda: "serves chain 99" in stage.alerts(), "an alert that names the other chain", 30)
        stage.final = stage.tally()


@row("three endpoints 0, 2 and 5 blocks behind, two must agree", KIND, started=False)
def behind_each_other(stage: Stage) -> None:
    with _beside(stage, 2, 2) as proxies:
        stage.interval(1)
        for proxy, lag in zip((stage.proxy, *proxies), (5, 0, 2), strict=True):
            proxy.choose(apart(lag))
        for _ in range(6):
            stage.ask(4)
            time.sleep(1)
        stage.all_answered(90)
        stage.final = stage.tally()


@row("answers are broadcast to all: the first one takes and forgets them", KIND, started=False)
def broadcast(stage: Stage) -> None:
    with _beside(stage):
        stage.choose(faults.swallowing({"eth_sendRawTransaction"}))
        stage.ask(12)
        stage.all_answered(30)
        stage.final = stage.tally()


@row("requests whose logs were never shown are found by a rescan", KIND, brief=True)
def rescanned(stage: Stage) -> None:
    """An endpoint says `[]`, also by hash, until the blocks are deeper than any is read again."""
    stage.ask(2)
    stage.all_answered()
    stage.choose(faults.of({"eth_getLogs"}, faults.result([])))
    stage.ask(6)
    stage.all_mined()
    head = int(stage.chain.rpc("eth_blockNumber"), 16)
    for _ in range(20):
        stage.mine()
        time.sleep(0.1)
    stage.until(lambda: stage.get("/v1/status")["recorded_block"] >= head + 20, "the blocks are passed", 30)
    time.sleep(2)
    stage.heal()
    stage.ask(2)
    stage.all_mined()
    stage.until(lambda: len(stage.open_ids()) <= 6, "what is asked later is answered", 30)
    must(len(stage.open_ids()) == 6, "the endpoint hid nothing")
    stage.end()
    line = [*THEMIS, "--home", str(stage.home), "rescan", "--from", str(head - 10), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    must(done.returncode == 0, f"it ended with {done.returncode}: {done.stderr[-200:]}")
    must(json.loads(done.stdout)["new"] == 6, f"it found {done.stdout}")
    stage.start()
    stage.all_answered()


def _ws(stage: Stage) -> str:
    return stage.world.chain.rpc_url.replace("http", "ws")


@row("a WebSocket wakes the node long before its poll", KIND, brief=True, started=False, poll_interval_s=60)
def woken(stage: Stage) -> None:
    with _beside(stage, 0, ws_url=_ws(stage)):
        for _ in range(3):
            time.sleep(2)
            stage.ask(4)
            stage.all_answered(20)
        stage.final = stage.tally()


@row("a WebSocket that nobody answers on: polled, and said", KIND, started=False)
def unheard(stage: Stage) -> None:
    with _beside(stage, 0, ws_url=f"ws://127.0.0.1:{chains.free_port()}"):
        stage.until(lambda: "WebSocket" in stage.alerts(), "an alert that names the WebSocket", 20)
        stage.ask(8)
        stage.all_answered()
        stage.final = stage.tally()


@row("an endpoint that is healed is asked again", KIND, started=False)
def healed(stage: Stage) -> None:
    with _beside(stage):
        stage.choose(faults.hanging)
        stage.ask(4)
        stage.all_answered(30)
        stage.choose(calm)
        before = stage.proxy.requests
        stage.until(lambda: stage.proxy.requests > before + 5, "the first one is asked again", 60)
        stage.ask(4)
        stage.all_answered()
        stage.final = stage.tally()

"""Rows: reorganizations, clocks, and another chain behind the endpoint."""

import random
import sys
import time

from demo import chains
from tests.chaos import faults
from tests.chaos.proxy import Fault, Proxy, Question, Reply
from tests.chaos.stage import Stage
from tests.chaos.table import row

KIND = "chain"
DAY_S = 86_400


def _moved(stage: Stage, depth: int) -> None:
    """Blocks with requests and their answers are replaced by empty ones. Two requests of three come back."""
    stage.hold()
    before = int(stage.chain.rpc("eth_blockNumber"), 16)
    asked = stage.tally().asked
    again = stage.send([stage.new_request() for _ in range(3)])
    stage.mine()
    stage.until(lambda: _mined_answers(stage) == asked + 3, "the requests are answered, a block at a time")
    stage.mine(max(0, before + depth - int(stage.chain.rpc("eth_blockNumber"), 16)))
    stage.chain.rpc("anvil_reorg", int(stage.chain.rpc("eth_blockNumber"), 16) - before, [])
    stage.nonce = 0
    stage.send(again[:2])
    stage.release()
    stage.since_s = time.monotonic()


def _mined_answers(stage: Stage) -> int:
    stage.mine()
    return stage.tally().answered


def _reorgs(stage: Stage, *depths: int) -> None:
    stage.mine(70)
    for depth in depths:
        _moved(stage, depth)
        stage.ask(2)
        stage.all_answered(60)


@row("reorganizations of 1, 2 and 3 blocks that move requests and answers", KIND)
def shallow(stage: Stage) -> None:
    _reorgs(stage, 1, 2, 3)


@row("reorganizations of 10 blocks", KIND)
def middle(stage: Stage) -> None:
    _reorgs(stage, 10, 10)


@row("reorganizations of 32 and 64 blocks", KIND)
def deep(stage: Stage) -> None:
    _reorgs(stage, 32, 64)


@row("reorganizations while the endpoint fails one request in four", KIND)
def reorganized_and_flaky(stage: Stage) -> None:
    stage.choose(faults.sometimes(faults.gone, 0.25))
    _reorgs(stage, 1, 5)


@row("the chain's clock jumps a day ahead", KIND)
def chain_ahead(stage: Stage) -> None:
    stage.ask(3)
    stage.all_answered()
    stage.chain.rpc("evm_increaseTime", DAY_S)
    stage.mine()
    stage.ask(5)
    stage.all_answered()


@row("the chain's clock lags the host's by a day", KIND, settings=chains.Settings(timestamp_s=int(time.time()) - DAY_S))
def chain_behind(stage: Stage) -> None:
    stage.ask(5)
    stage.all_answered()


FAKED = """
import sys, time
real, jump = time.time, [0.0]
def jumped():
    try:
        jump[0] = float(open(sys.argv[0]).read() or 0)
    except (OSError, ValueError):
        pass
    return real() + jump[0]
sys.argv[0] = sys.argv.pop(1)
time.time = jumped
from themis.cli import main
main()
"""


def _host_jumps(stage: Stage, *jumps_s: float) -> None:
    """The node's own clock, by a file it reads: time.time is what it goes by."""
    file = stage.home / "jump"
    file.write_text("0")
    stage.start(command=(sys.executable, "-c", FAKED, str(file)))
    for jump_s in jumps_s:
        stage.ask(3)
        file.write_text(str(jump_s))
        stage.ask(3)
        stage.all_answered(60)


@row("the host's clock jumps an hour ahead", KIND, started=False)
def host_ahead(stage: Stage) -> None:
    _host_jumps(stage, 3_600)


@row("the host's clock jumps an hour back, and again", KIND, started=False)
def host_back(stage: Stage) -> None:
    _host_jumps(stage, -3_600, 0, -DAY_S)


def _elsewhere(other: str, share: float) -> Fault:
    """One request in so many goes to another chain."""
    chance = random.Random(3)  # noqa: S311 (no secret)
    aside = Proxy(other)

    def fault(question: Question) -> Reply:
        return question.reply(aside.ask(question.calls) if chance.random() < share else question.ask())

    return fault


@row("one request in ten goes to another chain", KIND)
def another_chain(stage: Stage) -> None:
    with chains.start(settings=chains.Settings(chain_id=99)) as other:
        other.rpc("anvil_mine", hex(200))
        stage.choose(_elsewhere(other.rpc_url, 0.1))
        for _ in range(10):
            stage.ask(4)
            time.sleep(0.5)
        time.sleep(5)
        stage.heal()
        stage.all_answered()


@row("all requests go to another chain for 5 s", KIND)
def another_chain_wholly(stage: Stage) -> None:
    with chains.start(settings=chains.Settings(chain_id=99)) as other:
        other.rpc("anvil_mine", hex(200))
        stage.ask(4)
        stage.choose(_elsewhere(other.rpc_url, 1))
        stage.ask(4)
        time.sleep(5)
        stage.heal()
        stage.all_answered()

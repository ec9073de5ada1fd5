"""Rows: what an endpoint leaves out without saying so."""

import time
from collections.abc import Callable

from tests.chaos import faults
from tests.chaos.backends import Ages, apart, late_logs
from tests.chaos.proxy import Fault, Question, Reply
from tests.chaos.stage import Stage, must
from tests.chaos.table import row
from themis.chain.contracts import ORACLE

KIND = "absence"
FULFILLED = "0x" + ORACLE.topic("Fulfilled").hex()


def _bursts(stage: Stage, number: int, size: int = 5, pause_s: float = 0.3) -> None:
    for _ in range(number // size):
        stage.ask(size)
        time.sleep(pause_s)


def _late(stage: Stage, fault: Callable[[Ages], Fault], number: int) -> None:
    """The head is fresh, the logs are not. A restart at the end finds nothing that the node missed."""
    with Ages(stage.chain).kept() as ages:
        stage.choose(fault(ages))
        _bursts(stage, number)
        stage.all_answered(60)


@row("logs 0.1 s behind the head", KIND)
def late_slightly(stage: Stage) -> None:
    _late(stage, lambda ages: late_logs(lambda number: ages.is_younger(number, 0.1)), 60)


@row("logs 0.7 s behind the head", KIND)
def late(stage: Stage) -> None:
    _late(stage, lambda ages: late_logs(lambda number: ages.is_younger(number, 0.7)), 60)


@row("the logs of one block in five 3 s late", KIND)
def late_at_times(stage: Stage) -> None:
    _late(stage, lambda ages: late_logs(lambda number: number % 5 == 0 and ages.is_younger(number, 3)), 100)


def _backends(stage: Stage, *lags: int) -> None:
    stage.interval(1)
    stage.choose(apart(*lags))
    for _ in range(10):
        stage.ask(5)
        time.sleep(1)
    stage.all_answered(90)


@row("two backends a block apart", KIND)
def a_block_apart(stage: Stage) -> None:
    _backends(stage, 0, 1)


@row("backends 0, 1 and 3 blocks apart", KIND)
def three_backends(stage: Stage) -> None:
    _backends(stage, 0, 1, 3)


@row("lag of 5 blocks, then a jump to the head", KIND)
def lag_and_jump(stage: Stage) -> None:
    stage.mine(8)
    for lag in (5, 0, 5, 0):
        stage.choose(apart(lag))
        stage.ask(4)
        time.sleep(1)
    stage.heal()
    stage.all_answered()


def _settled(stage: Stage) -> None:
    stage.until(lambda: stage.get("/v1/status")["jobs"]["sending"] == 0, "every answer counts as sent and mined", 45)


@row("the log of our own answer comes 3 s late", KIND)
def own_log_late(stage: Stage) -> None:
    with Ages(stage.chain).kept() as ages:
        stage.choose(late_logs(lambda number: ages.is_younger(number, 3), {FULFILLED}))
        _bursts(stage, 20)
        stage.all_answered(45)
        _settled(stage)


@row("the log of our own answer never comes: 300 requests", KIND)
def own_log_never(stage: Stage) -> None:
    stage.choose(late_logs(lambda _: True, {FULFILLED}))
    _bursts(stage, 300, 50, 1)
    stage.all_answered(90)
    _settled(stage)


def _cut_off(question: Question) -> Reply:
    """A third of the logs of a range, without an error."""
    answers = question.ask()
    for call, answer in zip(question.calls, answers, strict=True):
        if call["method"] == "eth_getLogs" and "blockHash" not in call["params"][0] and "result" in answer:
            answer["result"] = answer["result"][: len(answer["result"]) // 3]
    return question.reply(answers)


@row("a range's logs cut off after a third", KIND, started=False)
def cut_off(stage: Stage) -> None:
    stage.ask(6)
    stage.mine(100)
    stage.ask(6)
    stage.choose(_cut_off)
    stage.start()
    stage.all_answered(45)


def _one_block_hidden(stage: Stage) -> int:
    head = int(stage.chain.rpc("eth_blockNumber"), 16)
    stage.ask(1)
    return head + 1


@row("one block's logs are never told", KIND)
def never_told(stage: Stage) -> None:
    """Nothing can be answered that nobody tells; but it must be known, and all else goes on."""
    hidden = _one_block_hidden(stage)
    stage.choose(late_logs(lambda number: number == hidden))
    stage.ask(5)
    time.sleep(15)
    stage.heal()
    stage.all_answered(45)


@row("receipts are null for 10 s", KIND)
def no_receipts(stage: Stage) -> None:
    stage.choose(faults.of({"eth_getTransactionReceipt", "eth_getBlockReceipts"}, faults.result(None)))
    stage.ask(8)
    time.sleep(10)
    stage.heal()
    stage.all_answered()
    must(stage.tally().twice == 0, "an answer was paid for twice")

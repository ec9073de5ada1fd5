"""Rows: orders, which no block holds before they are answered: the node's word is all that they have."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.chaos import faults, orders
from tests.chaos.stage import FEE_WEI, REQUEST_FEE_WEI, REQUEST_GAS, Stage, must
from tests.chaos.table import row
from themis.chain.contracts import ORACLE
from themis.core.types import ETHER

KIND = "orders"
DEARER_WEI = 50 * 10**9
"""A tip that brings a transaction before the operator's."""


def _killed(stage: Stage, times: int) -> None:
    chance = random.Random(7)  # noqa: S311 (no secret)
    for _ in range(times):
        open_ = orders.bring_new(stage, 6)
        stage.ask(2)
        time.sleep(chance.uniform(0, 0.3))
        stage.kill()
        stage.start()
        orders.bring(stage, open_)
    stage.all_answered(120)


@row("3 SIGKILLs with orders open, each of which is brought again", KIND, brief=True)
def killed(stage: Stage) -> None:
    _killed(stage, 3)


@row("20 SIGKILLs with orders open, each of which is brought again", KIND)
def killed_often(stage: Stage) -> None:
    _killed(stage, 20)


@row("orders while the endpoint fails one request in four", KIND)
def flaky(stage: Stage) -> None:
    stage.world.deposit(30 * FEE_WEI)
    made = orders.signed(stage, 30)
    stage.choose(faults.sometimes(faults.gone, 0.25))
    orders.bring(stage, made, within_s=120)
    stage.all_answered(120)


@row("answers to orders are lost: the endpoint says yes and forgets", KIND)
def stolen(stage: Stage) -> None:
    stage.choose(faults.swallowing({"eth_sendRawTransaction"}))
    orders.bring_new(stage, 6)
    time.sleep(3)
    stage.heal()
    stage.all_answered()


@row("the blocks with the answers to orders leave the chain", KIND)
def reorganized(stage: Stage) -> None:
    for depth in (1, 3):
        stage.mine(5)
        stage.world.deposit(4 * FEE_WEI)
        made = orders.signed(stage, 4)
        stage.hold()
        before = int(stage.chain.rpc("eth_blockNumber"), 16)
        answered = stage.tally().answered
        orders.bring(stage, made)
        stage.until(lambda answered=answered: _answered(stage) == answered + 4, "the orders are answered")
        stage.mine(max(0, before + depth - int(stage.chain.rpc("eth_blockNumber"), 16)))
        stage.chain.rpc("anvil_reorg", int(stage.chain.rpc("eth_blockNumber"), 16) - before, [])
        stage.release()
        stage.since_s = time.monotonic()
        stage.all_answered(60)


def _answered(stage: Stage) -> int:
    stage.mine()
    return stage.tally().answered


def _ahead_of_the_answers(stage: Stage, calls: Sequence[bytes], number: int) -> None:
    """The requester's transactions come into the block before the answers that are in the pool."""
    operator = "0x" + stage.world.operator.address.hex()
    stage.until(
        lambda: len(stage.chain.rpc("txpool_content")["pending"].get(operator, {})) >= number,
        f"{number} answers in the pool",
    )
    sent = {
        "from": "0x" + stage.world.requester.address.hex(),
        "to": "0x" + stage.world.client.oracle.hex(),
        "value": "0x0",
        "gas": hex(REQUEST_GAS),
        "maxFeePerGas": hex(REQUEST_FEE_WEI),
        "maxPriorityFeePerGas": hex(DEARER_WEI),
    }
    stage.send([sent | {"data": "0x" + each.hex()} for each in calls])
    stage.release()
    stage.since_s = time.monotonic()


@row("orders canceled when their answers are in the pool", KIND, brief=True)
def canceled(stage: Stage) -> None:
    stage.world.deposit(4 * FEE_WEI)
    made = orders.signed(stage, 4)
    before = stage.tally().closed
    stage.hold()
    orders.bring(stage, made)
    cancels = [ORACLE.call("cancelOrder", lane, 1) for lane in orders.lanes(made)[:2]]
    _ahead_of_the_answers(stage, cancels, 4)
    stage.all_over()
    must(stage.tally().closed - before == 2, f"{stage.tally().closed - before} of 4 were closed, 2 were canceled")


@row("the deposit is taken back when the answers are in the pool", KIND)
def taken_back(stage: Stage) -> None:
    world = stage.world
    world.deposit(6 * FEE_WEI)
    made = orders.signed(stage, 6)
    stage.hold()
    orders.bring(stage, made)
    calls = [ORACLE.call("withdrawDeposit", ETHER, 4 * FEE_WEI, world.requester.address)]
    _ahead_of_the_answers(stage, calls, 6)
    stage.all_over()
    found = stage.tally()
    must(
        (found.answered, found.closed) == (2, 4), f"{found.answered} are answered and {found.closed} closed, of 2 and 4"
    )
    orders.bring_new(stage, 2)
    stage.all_over()
    must(stage.tally().answered == 4, "orders that a new deposit pays for are not answered")


@row("200 orders at once, in 24 connections", KIND)
def many(stage: Stage) -> None:
    stage.world.deposit(200 * FEE_WEI)
    made = orders.signed(stage, 200)
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda pair: orders.bring(stage, dict([pair]), 120), made.items()))
    stage.ask(2)
    stage.all_answered(120)

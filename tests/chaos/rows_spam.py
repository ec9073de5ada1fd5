"""Rows: requests the node may not or cannot serve, in masses; fees that do not pay; grants that end."""

import os
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from tests.chaos.stage import Stage, must
from tests.chaos.table import row
from tests.world import FEES
from themis.core.types import Role, UseClass

KIND = "masses"
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Use:
    """What the node has used up to now."""

    cpu_s: float
    resident_mb: float
    rpc_calls: int


def use(stage: Stage) -> Use:
    assert stage.process is not None
    proc = Path(f"/proc/{stage.process.pid}")
    ticks = proc.joinpath("stat").read_text().rsplit(")", 1)[1].split()[11:13]
    resident = next(line for line in proc.joinpath("status").read_text().splitlines() if line.startswith("VmRSS"))
    return Use(sum(map(int, ticks)) / TICKS, int(resident.split()[1]) / 1024, stage.proxy.calls.total())


def _mass(stage: Stage, number: int, **changes: object) -> None:
    """So many requests, a hundred in two blocks: a block for each takes Anvil minutes."""
    stage.hold()
    for _ in range(number // 100):
        stage.ask(100, **changes)
        stage.mine(2)
    stage.release()
    stage.all_mined()


def _flat(stage: Stage, number: int, **changes: object) -> None:
    """The second half of a mass costs no more than the first, and honest requests between are answered."""
    uses = [use(stage)]
    for _ in range(2):
        _mass(stage, number // 2, **changes)
        stage.ask(2)
        stage.all_over(180)
        uses.append(use(stage))
    first, second = (
        (after.cpu_s - before.cpu_s, after.rpc_calls - before.rpc_calls) for before, after in pairwise(uses)
    )
    must(second[0] <= 1.5 * first[0] + 1, f"CPU: {first[0]:.1f} s, then {second[0]:.1f} s")
    must(second[1] <= 1.5 * first[1] + 50, f"RPC calls: {first[1]}, then {second[1]}")
    grown = uses[2].resident_mb - uses[1].resident_mb
    must(grown <= 32, f"memory grew by {grown:.0f} MB in the second half")


@row("5,000 requests without an inference: wrong input", KIND)
def invalid(stage: Stage) -> None:
    _flat(stage, 5_000, input_=b"")


@row("5,000 requests below the fee", KIND, config="[fees]\nmin_fee_wei = 1000")
def cheap(stage: Stage) -> None:
    _flat(stage, 5_000, fee_wei=1)
    found = stage.tally()
    must(found.closed >= 5_000, f"only {found.closed} were closed")


@row("5,000 requests whose time is over when they are seen", KIND)
def late(stage: Stage) -> None:
    """They are mined while the node is away."""
    stage.kill()
    _mass(stage, 5_000, window_s=120)
    stage.chain.rpc("evm_increaseTime", 600)
    stage.mine()
    stage.start()
    stage.ask(4)
    stage.all_over(180)
    must(stage.tally().answered == 4, f"{stage.tally().answered} were answered")


@row("payment while the operator's grant ends", KIND)
def grant_ends(stage: Stage) -> None:
    world = stage.world
    world.grant(stage.model_id, world.operator.address, Role.OPERATOR, seq=2, quota=5)
    stage.ask(12)
    stage.all_over()
    found = stage.tally()
    must(found.answered <= 5, f"{found.answered} answers on a grant for 5")
    must(found.answered + found.closed == found.asked, "some are neither answered nor closed")


@row("payment in a token while the operator's grant ends", KIND)
def grant_ends_for_tokens(stage: Stage) -> None:
    """The quota counts answers, whatever they are paid in."""
    world = stage.world
    token = world.token()
    world.client.transact(world.operator, FEES, "serve", stage.model_id, token, 1, 0)
    world.grant(stage.model_id, world.operator.address, Role.OPERATOR, seq=2, quota=5)
    stage.ask(6, token=token, fee_wei=700)
    stage.ask(6)
    stage.all_over()
    found = stage.tally()
    must(1 <= found.answered <= 5, f"{found.answered} answers on a grant for 5")
    must(found.answered + found.closed == found.asked == 12, "some are neither answered nor closed")


@row("nothing at a loss: a fee below the gas", KIND, config='[fees]\npolicy = "refuse"')
def at_a_loss(stage: Stage) -> None:
    stage.ask(5, fee_wei=1)
    stage.ask(5)
    stage.all_over()
    found = stage.tally()
    must((found.answered, found.closed) == (5, 5), f"answered {found.answered}, closed {found.closed}")


@row("another class of use than the license has", KIND)
def other_class(stage: Stage) -> None:
    stage.ask(5, use_class=UseClass.RESEARCH)
    stage.ask(5)
    stage.all_over()


@row("idle for 20 s: few calls", KIND, poll_interval_s=0.5)
def idle(stage: Stage) -> None:
    stage.ask(2)
    stage.all_answered()
    time.sleep(5)
    before = stage.proxy.requests
    time.sleep(20)
    asked = stage.proxy.requests - before
    must(asked <= 20 * 5, f"{asked} HTTP requests in 20 s with a poll of 0.5 s")

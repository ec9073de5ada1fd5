"""`make soak`: many requests to one node over half an hour, with a fault at random every few seconds."""

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from tests.chaos import faults
from tests.chaos.backends import apart
from tests.chaos.proxy import Fault, calm
from tests.chaos.report import SOAK, tell
from tests.chaos.rows_spam import use
from tests.chaos.stage import FEE_WEI, Stage, must, staged
from themis.chain.contracts import ORACLE
from themis.core.types import ETHER

BATCH: Final = 20
PHASES: Final = 6
PERCENTS: Final = (50, 95, 99, 100)
LAST_WAIT_S: Final = 300
LOOK_S: Final = 0.05
GWEI: Final = 10**9


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault of the soak: for how long, and what it does."""

    name: str
    seconds: float
    fault: Fault = calm
    act: Callable[[Stage], None] | None = None
    restarts: bool = False


def _restart(stage: Stage) -> None:
    stage.kill()
    stage.start()


def _end(stage: Stage) -> None:
    stage.end(within_s=60)
    stage.start()


def _spike(stage: Stage) -> None:
    stage.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(30 * GWEI))


TROUBLES: Final = (
    Trouble("down", 3, faults.gone),
    Trouble("hangs", 4, faults.hanging),
    Trouble("502", 2, faults.status(502)),
    Trouble("429 at times", 6, faults.sometimes(faults.status(429, b"", Retry_After="1"), 0.25)),
    Trouble("HTML at times", 5, faults.sometimes(faults.html, 0.3)),
    Trouble("cut JSON at times", 5, faults.sometimes(faults.cut, 0.3)),
    Trouble("reversed batches", 5, faults.reversed_batch),
    Trouble("backends 0 and 2 blocks apart", 6, apart(0, 2)),
    Trouble("lost yes", 4, faults.when({"eth_sendRawTransaction"}, faults.lost_yes)),
    Trouble("swallowed broadcasts", 2, faults.swallowing({"eth_sendRawTransaction"})),
    Trouble("null nonces", 3, faults.of({"eth_getTransactionCount"}, faults.result(None))),
    Trouble("SIGKILL", 0, act=_restart, restarts=True),
    Trouble("SIGTERM", 0, act=_end, restarts=True),
    Trouble("fee spike", 0, act=_spike),
)


@dataclass(slots=True)
class Watch:
    """When each request was mined and answered, by the clock of who asks."""

    stage: Stage
    asked_s: dict[str, float] = field(default_factory=dict)
    answered_s: dict[str, float] = field(default_factory=dict)
    answers: int = 0
    next_block: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def kept(self) -> Iterator["Watch"]:
        """Looking in a thread of its own: times do not depend on what else is done."""
        thread = threading.Thread(target=self._look_on, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _look_on(self) -> None:
        while not self._over.wait(LOOK_S):
            self.look()
        self.stage.proxy.leave()

    def look(self) -> None:
        world = self.stage.world
        head = int(self.stage.chain.rpc("eth_blockNumber"), 16)
        if head < self.next_block:
            return
        query = {"address": "0x" + world.client.oracle.hex(), "fromBlock": hex(self.next_block), "toBlock": hex(head)}
        now_s, requested, fulfilled = (
            time.monotonic(),
            *("0x" + ORACLE.topic(e).hex() for e in ("Requested", "Fulfilled")),
        )
        (logs,) = self.stage.proxy.batch([("eth_getLogs", [query])])
        for log in logs:
            kind, id_ = log["topics"][0], log["topics"][1] if len(log["topics"]) > 1 else ""
            if kind == requested:
                self.asked_s[id_] = now_s
            elif kind == fulfilled:
                self.answered_s[id_] = now_s
                self.answers += 1
        self.next_block = head + 1


@dataclass(slots=True)
class Troubles:
    """Chooses a fault now and then, and ends it."""

    stage: Stage
    chance: random.Random
    next_s: float
    restart_until_s: float
    """From then on the node lives in one process, so that its memory can be watched."""
    calm_at_s: float = 0.0
    met: Counter[str] = field(default_factory=Counter)
    _acting: threading.Thread | None = None

    def step(self) -> bool:
        """True when a fault has just ended."""
        now_s = time.monotonic()
        if self._acting is not None and self._acting.is_alive():
            return False
        must(self.stage.alive(), f"the node ended after {dict(self.met)}: {self.stage.log()[-2_000:]}")
        ended = now_s >= self.calm_at_s > 0
        if ended:
            self.stage.heal()
            self.calm_at_s = 0.0
        if now_s >= self.next_s:
            trouble = self.chance.choice([t for t in TROUBLES if not t.restarts or now_s < self.restart_until_s])
            self.met[trouble.name] += 1
            self.stage.choose(trouble.fault)
            if trouble.act is not None:
                self._acting = threading.Thread(target=trouble.act, args=(self.stage,), daemon=True)
                self._acting.start()
            self.calm_at_s = now_s + trouble.seconds
            self.next_s = self.calm_at_s + self.chance.uniform(3, 12)
        return ended

    def end(self) -> None:
        if self._acting is not None:
            self._acting.join()
        self.stage.heal()


def soak(stage: Stage, requests: int, seconds: float, seed: int) -> dict[str, Any]:
    """Ask evenly, trouble at random, and wait until all is over. What was counted and measured."""
    begun_s = time.monotonic()
    chance = random.Random(seed)  # noqa: S311 (no secret)
    troubles = Troubles(stage, chance, begun_s + 5, begun_s + seconds * 0.4)
    memory: list[tuple[float, float]] = []
    before, asked = _owed(stage), 0
    with Watch(stage, next_block=stage.world.start_block).kept() as watch:
        while asked < requests:
            due = min(requests, int((time.monotonic() - begun_s) / seconds * requests) + BATCH)
            if due - asked >= BATCH or due == requests:
                stage.ask(min(due - asked, 5 * BATCH))
                asked += min(due - asked, 5 * BATCH)
            stage.unmined()
            if troubles.step():
                memory.append((time.monotonic() - begun_s, use(stage).resident_mb))
            time.sleep(0.05)
        troubles.end()
        stage.all_mined(LAST_WAIT_S)
        give_up_s = time.monotonic() + LAST_WAIT_S
        while len(watch.answered_s) < requests and time.monotonic() < give_up_s:
            time.sleep(0.1)
    found = stage.tally()
    return {
        "requests": requests,
        "seconds": round(time.monotonic() - begun_s, 1),
        "troubles": dict(troubles.met),
        "asked": found.asked,
        "answered": found.answered,
        "closed": found.closed,
        "lost": found.lost,
        "twice": found.twice,
        "balances_exact": _owed(stage) - before == found.answered * FEE_WEI,
        "memory_mb_first_last": [round(memory[0][1], 1), round(memory[-1][1], 1)] if memory else [],
        "memory_mb_per_10_000": _slope(memory, requests / seconds),
        "phases": _phases(watch, begun_s, seconds),
    }


def _phases(watch: Watch, begun_s: float, seconds: float) -> list[dict[str, float]]:
    phases: list[list[str]] = [[] for _ in range(PHASES)]
    for id_, at_s in watch.asked_s.items():
        phases[min(PHASES - 1, int((at_s - begun_s) / seconds * PHASES))].append(id_)
    return [_percentiles(watch, ids) for ids in phases]


def _owed(stage: Stage) -> int:
    """What the contract owes operator and licensor: what lies in their till, before anybody collects."""
    world = stage.world
    return sum(world.client.read("tillOf", ETHER, stage.model_id, world.operator.address))


def _slope(memory: Sequence[tuple[float, float]], per_s: float) -> float:
    """Megabytes per 10,000 requests, by least squares over the second half."""
    half = memory[len(memory) // 2 :]
    if len(half) < 3:
        return 0.0
    slope = statistics.linear_regression([at for at, _ in half], [size for _, size in half]).slope
    return round(slope / per_s * 10_000, 2)


def _percentiles(watch: Watch, ids: Sequence[str]) -> dict[str, float]:
    taken = sorted(watch.answered_s[id_] - watch.asked_s[id_] for id_ in ids if id_ in watch.answered_s)
    if not taken:
        return {"requests": len(ids)}
    return {"requests": len(ids)} | {
        f"p{percent}_s": round(taken[min(len(taken) - 1, len(taken) * percent // 100)], 2)
        for percent in (50, 95, 99, 100)
    }


def told(found: dict[str, Any]) -> str:
    """Markdown."""
    exact = "exact" if found["balances_exact"] else "**NOT exact**"
    sums = (
        f"{found['requests']:,} requests in {found['seconds']:,.0f} s, {sum(found['troubles'].values())} faults: "
        f"{found['answered']:,} answered, {found['lost']} lost, {found['twice']} answered twice, balances {exact}; "
        f"memory {found['memory_mb_per_10_000']:+g} MB per 10,000 requests in the second half."
    )
    lines = [
        sums,
        "",
        "| part | requests | p50 | p95 | p99 | longest |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for number, phase in enumerate(found["phases"], 1):
        times = " | ".join(f"{phase.get(f'p{percent}_s', 0):g} s" for percent in PERCENTS)
        lines.append(f"| {number} | {phase['requests']:,} | {times} |")
    return "\n".join(lines)


def main(line: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(line)
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as directory,
        staged(Path(directory), poll_interval_s=0.5) as stage,
    ):
        found = soak(stage, asked.requests, 60 * asked.minutes, asked.seed)
    SOAK.write_text(json.dumps(found, indent=1) + "\n")
    tell("soak", told(found))
    Console(width=120, markup=False, highlight=False).print(told(found))
    sound = not found["lost"] and not found["twice"] and found["balances_exact"]
    return 0 if sound and found["answered"] == found["asked"] else 1


if __name__ == "__main__":
    sys.exit(main())

"""Speed of a node as `themis init` leaves it, beside what the chain itself takes. Each on a fresh chain.

What was measured before (at 3f554ce, on this kind of machine) and the goals of issue 10 stand beside each figure.
"""

import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import onnxruntime
from rich.console import Console
from rich.table import Table

from benchmarks import anvil_rate, growth
from benchmarks.track import RISK, SELFTEST, Reading, Track, laid, start
from benchmarks.trips import Stopwatch, in_a_row

RESULTS: Final = Path(__file__).with_name("requests.json")
WARM_UP: Final = 20
SEQUENTIAL: Final = 30
AWAY_S: Final = 0.05
STALL_S: Final = 5.0
GROWN: Final = (100_000, 1_000_000)
ROUNDS: Final = 3
"""Rates are medians of so many fresh chains."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report."""

    name: str
    before: str
    goal: str
    now: float
    unit: str
    holds: bool | None = None
    """None where there is no goal."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst on a fresh chain."""

    per_s: float
    cpu_ms: float
    """CPU time of the node per request, all threads, without what inference took by the clock."""
    rpc_calls: float
    lost: int


@contextmanager
def fresh(bundle: Path, *, block_s: int | None = None, away_s: float | None = None) -> Iterator[Track]:
    """A warm node on a chain of its own."""
    with (
        tempfile.TemporaryDirectory() as directory,
        laid(bundle, Path(directory), away_s=away_s) as track,
        start(track),
    ):
        track.burst(WARM_UP)
        if block_s is not None:
            track.world.chain.rpc("evm_setAutomine", False)  # noqa: FBT003 (the RPC's parameter)
            track.world.chain.rpc("evm_setIntervalMining", block_s)
        yield track


def burst(track: Track, number: int) -> Burst:
    before = Reading.take(track.pid, track.url)
    wall_s, lost = track.burst(number)
    after = Reading.take(track.pid, track.url)
    cpu_s = after.cpu_s - before.cpu_s - (after.inference_s - before.inference_s)
    return Burst(
        round((number - lost) / wall_s, 1),
        round(1_000 * cpu_s / number, 2),
        round((after.rpc_calls - before.rpc_calls) / number, 2),
        lost,
    )


def bursts(bundle: Path, number: int, block_s: int | None = None) -> Burst:
    """The median of some, by rate."""
    found = []
    for _ in range(ROUNDS):
        with fresh(bundle, block_s=block_s) as track:
            found.append(burst(track, number))
    found.sort(key=lambda each: each.per_s)
    return found[len(found) // 2]


def latencies(away_s: float = 0.0) -> tuple[float, float, float]:
    """Median and 95th percentile of milliseconds above inference, and the median of round trips in a row.

    Requests come at moments that have nothing to do with the node's polling.
    """
    chance = random.Random(2)  # noqa: S311 (no secret)
    watch = Stopwatch(away_s)
    with fresh(SELFTEST, away_s=away_s) as track:
        track.proxy.choose(watch)
        before = Reading.take(track.pid, track.url)
        found, trips = [], []
        for _ in range(SEQUENTIAL):
            time.sleep(chance.uniform(0.3, 0.9))
            begun_s = time.monotonic()
            found.append(1_000 * track.one()[1])
            time.sleep(2 * away_s)  # the broadcast is written down when its own answer is back
            trips.append(in_a_row(watch.trips, begun_s))
        after = Reading.take(track.pid, track.url)
    inference_ms = 1_000 * (after.inference_s - before.inference_s) / SEQUENTIAL
    found = sorted(each - inference_ms for each in found)
    return round(statistics.median(found), 1), round(found[int(0.95 * len(found))], 1), statistics.median(trips)


def stalls(nodes: int = 5, each: int = 40, size: int = 60) -> tuple[int, int]:
    """How many bursts took longer than 5 s, and how many there were."""
    stood = 0
    for _ in range(nodes):
        with fresh(SELFTEST) as track:
            for _ in range(each):
                wall_s, lost = track.burst(size)
                stood += lost > 0 or wall_s > STALL_S
    return stood, nodes * each


def grown(jobs: int) -> dict[str, float]:
    """A burst, the start and the status on a store with so many finished jobs; the same burst on the young store."""
    with tempfile.TemporaryDirectory() as directory, laid(SELFTEST, Path(directory)) as track:
        with start(track):
            track.burst(200)
            young = burst(track, 200)
            time.sleep(2)  # the last ones become final
        grow_to = growth.grow(track.home / "themis.db", jobs)
        with start(track):
            old_start_s = track.start_s
            status_ms = _status_ms(track.url)
            _wait_until_kept(track.url)
            track.burst(WARM_UP)
            old = burst(track, 200)
    return {
        "jobs": grow_to,
        "young_per_s": young.per_s,
        "old_per_s": old.per_s,
        "young_cpu_ms": young.cpu_ms,
        "old_cpu_ms": old.cpu_ms,
        "start_s": round(old_start_s, 2),
        "status_ms": status_ms,
    }


def _wait_until_kept(url: str) -> None:
    """A large store is read from end to end once, beside the work: that is no part of a request."""
    never = 'themis_loop_stepped_timestamp_seconds{loop="keep"} 0.0'
    while never in _told(url, "/metrics"):
        time.sleep(0.2)


def _told(url: str, path: str) -> str:
    with urlopen(url + path, timeout=30) as response:  # noqa: S310 (our own loopback URL)
        said: str = response.read().decode()
    return said


def _status_ms(url: str) -> float:
    taken = []
    for _ in range(20):
        begun = time.perf_counter()
        _told(url, "/v1/status")
        taken.append(1_000 * (time.perf_counter() - begun))
    return round(statistics.median(taken), 1)


Say = Callable[[Figure], None]


def measure() -> list[Figure]:
    """Everything, in one run."""
    figures: list[Figure] = []

    def say(figure: Figure) -> None:
        figures.append(figure)
        Console(stderr=True, highlight=False).print(f"{figure.name}: {figure.now:g} {figure.unit}")

    _rates(say)
    _latencies(say)
    _risk(say)
    _growth(say)
    stood, number = stalls()
    say(Figure(f"stalls over 5 s in {number} bursts", "5", "0", stood, "", stood == 0))
    return figures


def _rates(say: Say) -> None:
    limit = statistics.median(anvil_rate.measure().both_per_s for _ in range(ROUNDS))
    say(Figure("the chain itself, a request and an answer each", "1,200", "", round(limit, 1), "/s"))
    rates = {}
    for number, before, share_before in ((200, "231", "0.19"), (1_000, "254", "0.21")):
        found = bursts(SELFTEST, number)
        rates[number] = found.per_s
        share, name = round(found.per_s / limit, 2), f"burst of {number:,}"
        say(Figure(f"{name}, automine", before, "", found.per_s, "/s"))
        say(Figure(f"{name}: share of the chain's own", share_before, ">= 0.35", share, "", share >= 0.35))
        say(Figure(f"{name}: CPU outside inference", "2.1-2.7", "<= 1.8", found.cpu_ms, "ms", found.cpu_ms <= 1.8))
        say(Figure(f"{name}: RPC calls a request", "1.1-1.75", "", found.rpc_calls, ""))
        say(Figure(f"{name}: lost", "0", "0", found.lost, "", found.lost == 0))
    slow = bursts(SELFTEST, 1_000, block_s=1)
    share = round(slow.per_s / rates[1_000], 2)
    say(Figure("burst of 1,000, blocks of 1 s", "136", "", slow.per_s, "/s"))
    say(Figure("burst of 1,000, blocks of 1 s, against automine", "0.54", ">= 0.8", share, "", share >= 0.8))


def _latencies(say: Say) -> None:
    near, near_p95, trips = latencies()
    say(Figure("latency over inference, automine", "230-358", "<= 40", near, "ms", near <= 40))
    say(Figure("latency over inference, automine, 95 %", "511", "", near_p95, "ms"))
    say(Figure("round trips from block to broadcast", "8-9", "3", trips, "", trips <= 3))
    far, far_p95, _ = latencies(AWAY_S)
    say(Figure("latency over inference, endpoint 50 ms away", "700", "<= 220", far, "ms", far <= 220))
    say(Figure("latency over inference, endpoint 50 ms away, 95 %", "", "", far_p95, "ms"))


def _risk(say: Say) -> None:
    plain, risk = bursts(SELFTEST, 500), bursts(RISK, 500)
    share = round(risk.per_s / plain.per_s, 2)
    say(Figure("burst of 500, evm-risk-moe", "115", "", risk.per_s, "/s"))
    say(Figure("burst of 500, evm-risk-moe against selftest-moe", "0.45", ">= 0.7", share, "", share >= 0.7))


def _growth(say: Say) -> None:
    for jobs in GROWN:
        found = grown(jobs)
        share = round(found["old_per_s"] / found["young_per_s"], 2)
        cpu = round(found["old_cpu_ms"] / found["young_cpu_ms"], 2)
        begun, status, at = found["start_s"], found["status_ms"], f"at {jobs:,} jobs"
        say(Figure(f"burst rate {at} against a young store", "0.22 at 100,000", ">= 0.9", share, "", share >= 0.9))
        say(Figure(f"CPU a request {at} against a young store", "6.7 at 100,000", "<= 1.1", cpu, "", cpu <= 1.1))
        say(Figure(f"start-up {at}", "2.0 at 1,000,000", "<= 1.2", begun, "s", begun <= 1.2))
        say(Figure(f"/v1/status {at}", "77 at 1,000,000", "<= 5", status, "ms", status <= 5))


def show(figures: Sequence[Figure]) -> Table:
    table = Table(title="A node as `themis init` leaves it: before (3f554ce), goal, now")
    for heading in ("figure", "before", "goal", "now", "holds"):
        table.add_column(heading)
    for each in figures:
        holds = "" if each.holds is None else "yes" if each.holds else "NO"
        table.add_row(each.name, each.before, each.goal, f"{each.now:g} {each.unit}".rstrip(), holds)
    return table


def main() -> int:
    """Measure everything, print it, store it."""
    figures = measure()
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "onnxruntime": onnxruntime.__version__}
    machine["load"] = round(os.getloadavg()[0], 1)
    report = {"machine": machine, "figures": [asdict(figure) for figure in figures]}
    RESULTS.write_text(json.dumps(report, indent=2) + "\n")
    Console(width=130).print(show(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A node whose store has grown old: start-up, status, page and memory with a million finished jobs, and a prune.

The jobs are those of a real burst, multiplied (`growth.grow`), 100 days old. One node, one chain, one machine; the same
questions at each size, so that what grows is seen.
"""

import argparse
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from benchmarks import growth
from benchmarks.track import CLOCK_TICKS, SELFTEST, Track, laid, start
from tests.forking import THEMIS
from themis.core.errors import Broken
from themis.core.reorg import TAIL_LENGTH
from themis.daemon.watch import REORG_DEPTH

RESULTS: Final = Path(__file__).with_name("growth.json")
SIZES: Final = (0, 1_000_000)
"""Finished jobs; 0: those of the burst alone."""
ASKED: Final = {
    "status": "/v1/status",
    "jobs": "/v1/jobs?limit=100",
    "hours": "/v1/hours?count=48",
    "metrics": "/metrics",
    "page": "/",
}
_BURST: Final = 400
_AGE_S: Final = 100 * 86_400
_STARTS: Final = 3
_ASKED_TIMES: Final = 20
_LATER: Final = 2 * TAIL_LENGTH // (REORG_DEPTH // 2)


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured with so many finished jobs."""

    jobs: int
    store_mb: int
    start_s: float
    """Median of three, until the API answers."""
    start_cpu_s: float
    """Processor time of the node until then, which other work on the machine does not lengthen."""
    ms: dict[str, float]
    """Medians of twenty, by what was asked."""
    cli_status_s: float
    """`themis status` with no node, from the store."""
    burst_s: float
    """Until 400 new requests were answered."""
    resident_mb: int
    """Of the node, after that."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """`themis db prune --older 90d`."""

    jobs: int
    seconds: float
    before_mb: int
    after_mb: int
    archive_mb: int
    counts_kept: bool
    """`themis status` counts the same before and after."""


def main(line: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.old_store", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), metavar="JOBS")
    options = parser.parse_args(line)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, laid(SELFTEST, Path(directory)) as track:
        with start(track):
            track.burst(_BURST)
            _all_final(track)
        sizes = []
        for jobs in options.sizes:
            sizes.append(_measured(track, jobs))
            print(sizes[-1], file=sys.stderr)  # it takes long
        _keep(options.sizes, sizes, None)
        pruned = _pruned(track)
    _keep(options.sizes, sizes, pruned)
    Console(width=140).print(_shown(sizes, pruned))
    flat = all(each.start_cpu_s < sizes[0].start_cpu_s + 0.2 for each in sizes)
    return 0 if flat and pruned.counts_kept else 1


def _keep(asked: Sequence[int], sizes: Sequence[Size], pruned: Pruned | None) -> None:
    """Store what is known so far, of a whole run."""
    if list(asked) == list(SIZES):
        machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        found = {"machine": machine, "sizes": [asdict(each) for each in sizes], "prune": pruned and asdict(pruned)}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def _measured(track: Track, jobs: int) -> Size:
    store = track.home / "themis.db"
    if jobs:
        growth.grow(store, jobs)
    starts, processor = [], []
    for _ in range(_STARTS):
        with start(track):
            starts.append(track.start_s)
            processor.append(_processor_s(track.pid))
    begun = time.monotonic()
    _told(track, "status")
    cli_status_s = time.monotonic() - begun
    with start(track):
        ms = {name: _median_ms(track.url + path) for name, path in ASKED.items()}
        burst_s, lost = track.burst(_BURST)
        if lost:
            raise Broken(f"{lost} requests were not answered")
        resident_mb = _resident_mb(track.pid)
        counted = _all_final(track)
    return Size(
        jobs=counted,
        store_mb=_mb(store),
        start_s=round(statistics.median(starts), 2),
        start_cpu_s=round(statistics.median(processor), 2),
        ms=ms,
        cli_status_s=round(cli_status_s, 2),
        burst_s=round(burst_s, 2),
        resident_mb=resident_mb,
    )


def _pruned(track: Track) -> Pruned:
    """What the tail covers stays, so the chain goes on first, no faster than a node reads it block by block."""
    with start(track):
        for _ in range(_LATER):
            track.world.chain.rpc("anvil_mine", hex(REORG_DEPTH // 2))
            head = track.head()
            while json.loads(_got(f"{track.url}/v1/status"))["recorded_block"] < head:
                time.sleep(0.05)
    store = track.home / "themis.db"
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE facts SET at_s = at_s - ?", (_AGE_S,))
        db.execute("UPDATE transactions SET signed_at_s = signed_at_s - ?", (_AGE_S,))
    before, before_mb = _told(track, "status")["jobs"], _mb(store)
    begun = time.monotonic()
    gone = _told(track, "db", "prune", "--older", "90d")
    seconds = time.monotonic() - begun
    return Pruned(
        jobs=gone["jobs"],
        seconds=round(seconds, 1),
        before_mb=before_mb,
        after_mb=_mb(store),
        archive_mb=_mb(store.with_name("themis.db.archive")),
        counts_kept=_told(track, "status")["jobs"] == before,
    )


def _told(track: Track, *command: str) -> dict[str, int]:
    line = [*THEMIS, "--home", str(track.home), *command, "--json"]
    found: dict[str, int] = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    return found


def _got(url: str) -> bytes:
    with urlopen(url, timeout=60) as response:  # noqa: S310 (our own loopback URL)
        found: bytes = response.read()
    return found


def _median_ms(url: str) -> float:
    taken = []
    for _ in range(_ASKED_TIMES):
        begun = time.perf_counter()
        _got(url)
        taken.append(1_000 * (time.perf_counter() - begun))
    return round(statistics.median(taken), 1)


def _all_final(track: Track) -> int:
    """Wait until every job is done; how many there are."""
    while True:
        counts = json.loads(_got(f"{track.url}/v1/status"))["jobs"]
        if counts["done"] == sum(counts.values()):
            return int(counts["done"])
        time.sleep(0.2)


def _processor_s(pid: int) -> float:
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, ticks)) / CLOCK_TICKS


def _resident_mb(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 10**6


def _mb(file: Path) -> int:
    return file.stat().st_size // 10**6


def _shown(sizes: Sequence[Size], pruned: Pruned) -> Table:
    drawn = Table(title="a store that has grown old")
    headings = ("jobs", "store", "start (processor)", *ASKED, "themis status", f"burst of {_BURST}", "memory")
    for heading in headings:
        drawn.add_column(heading, justify="right")
    for each in sizes:
        begun = f"{each.start_s:g} s ({each.start_cpu_s:g} s)"
        took = [f"{value:g} ms" for value in each.ms.values()]
        ends = (f"{each.cli_status_s:g} s", f"{each.burst_s:g} s", f"{each.resident_mb} MB")
        drawn.add_row(f"{each.jobs:,}", f"{each.store_mb} MB", begun, *took, *ends)
    kept = "counts are kept" if pruned.counts_kept else "COUNTS ARE LOST"
    drawn.caption = (
        f"db prune: {pruned.jobs:,} jobs in {pruned.seconds:g} s, {pruned.before_mb} MB to {pruned.after_mb} MB, "
        f"archive {pruned.archive_mb} MB; {kept}"
    )
    return drawn


if __name__ == "__main__":
    sys.exit(main())

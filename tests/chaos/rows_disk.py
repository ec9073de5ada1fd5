"""Rows: the disk under the store, and the store itself."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.stage import Stage, must, staged
from tests.chaos.table import row
from tests.forking import THEMIS

KIND = "disk"
TRY_AGAIN, MISCONFIGURED = 75, 78


@contextmanager
def _mounted(stage: Stage, size: str) -> Iterator[Path]:
    """The home on a file system of its own: that needs root."""
    with tempfile.TemporaryDirectory(prefix="chaos-disk-") as directory:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", directory], check=True)
        try:
            home = Path(directory) / "home"
            shutil.copytree(stage.home, home)
            stage.home = home
            yield Path(directory)
        finally:
            stage.kill()
            subprocess.run(["umount", "--lazy", directory], check=True)


def _ended_well(stage: Stage, *words: str) -> None:
    assert stage.process is not None
    status = stage.process.wait(60)
    must(status in {TRY_AGAIN, MISCONFIGURED}, f"it ended with {status}: {stage.last_words()}")
    must("Traceback" not in stage.log(), "a traceback")
    must(
        any(word in stage.last_words() for word in words), f"the last words do not name the cause: {stage.last_words()}"
    )


@row("the disk is full while the node works", KIND, started=False)
def full(stage: Stage) -> None:
    """Named as such; when there is room again, a start goes on. SQLite's log alone may take 4 MB of a disk."""
    with _mounted(stage, "8m") as disk:
        stage.start()
        stage.ask(2)
        stage.all_answered()
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, _until_full():
            while True:
                file.write(bytes(4096))
        stage.ask(200)
        stage.until(lambda: not stage.alive() or "full" in stage.log(), "a full disk is noticed", 60)
        if not stage.alive():
            _ended_well(stage, "full", "space")
        ballast.unlink()
        if not stage.alive():
            stage.start()
        stage.since_s = time.monotonic()
        stage.all_answered()
        stage.final = stage.tally()


@contextmanager
def _until_full() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


@row("a home that cannot be written", KIND, started=False)
def read_only(stage: Stage) -> None:
    with _mounted(stage, "8m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        line = [*THEMIS, "--home", str(stage.home), "run"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=180, check=False)
        must(done.returncode == MISCONFIGURED, f"it ended with {done.returncode}")
        said = done.stderr.splitlines()[-1]
        must("read-only" in said.lower() or "cannot be written" in said, f"it said: {said}")
        must("another themis" not in said, f"it said: {said}")


@row("the store is overwritten while the node works", KIND)
def overwritten(stage: Stage) -> None:
    stage.ask(4)
    stage.all_answered()
    size = stage.store.stat().st_size
    with stage.store.open("r+b") as file:
        file.write(os.urandom(size))
    stage.ask(4)
    stage.until(lambda: not stage.alive() or "store" in stage.alerts(), "an overwritten store is noticed", 90)
    if not stage.alive():
        _ended_well(stage, "store", "themis.db", "damaged", "malformed")
    _from_scratch(stage)


@row("the store is deleted while the node works", KIND)
def deleted(stage: Stage) -> None:
    stage.ask(4)
    stage.all_answered()
    for file in stage.home.glob("themis.db*"):
        file.unlink()
    stage.until(lambda: not stage.alive() or "store" in stage.alerts(), "a deleted store is noticed", 90)
    if not stage.alive():
        _ended_well(stage, "store", "themis.db", "gone", "deleted")
    _from_scratch(stage)


def _from_scratch(stage: Stage) -> None:
    """Without a store the chain says what is open."""
    stage.kill()
    for file in stage.home.glob("themis.db*"):
        file.unlink()
    stage.start()
    stage.ask(2)
    stage.all_answered()


@row("a store with a damaged page is named at the start", KIND)
def damaged(stage: Stage) -> None:
    stage.ask(40)
    stage.all_answered()
    stage.end()
    with sqlite3.connect(stage.store) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    with stage.store.open("r+b") as file:
        for page in range(4, stage.store.stat().st_size // 4096, 3):
            file.seek(4096 * page)
            file.write(os.urandom(2048))
    stage.start(wait=False)
    _ended_well(stage, "damaged", "malformed", "quick_check")
    _from_scratch(stage)


@row("two local chains with id 31337 and one key", KIND)
def two_chains(stage: Stage) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as directory,
        staged(Path(directory) / "home", started=False) as other,
    ):
        other.locks = stage.home.parent
        other.start()
        must(other.world.chain.chain_id == stage.world.chain.chain_id, "one id")
        for each in (stage, other):
            each.ask(3)
        for each in (stage, other):
            each.all_answered()


@row("a copy of the store, put back after it has grown old", KIND)
def restored(stage: Stage) -> None:
    stage.ask(4)
    stage.all_answered()
    stage.end()
    kept = stage.store.read_bytes()
    stage.start()
    stage.ask(8)
    stage.all_answered()
    stage.end()
    for file in stage.home.glob("themis.db*"):
        file.unlink()
    stage.store.write_bytes(kept)
    stage.start()
    stage.ask(2)
    stage.all_answered()

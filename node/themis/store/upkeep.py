"""What is done to a store while no node has it open, or beside one: copied, checked, put back, brought up to date."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from themis.core.errors import Misconfigured
from themis.store import schema
from themis.store.faults import DAMAGED, os_fault, told
from themis.store.schema import Binding, require_version

QUICK, WHOLE = "quick_check", "integrity_check"
"""SQLite's two checks: the second also compares indexes with their tables, and takes several times as long."""
SMALL_BYTES: Final = 32 * 1_024**2
"""A store up to this is checked before anything runs on it; a larger one while the node runs."""
_FILES: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Found:
    """A store that is whole."""

    version: int
    binding: Binding
    jobs: int
    bytes: int


def check(path: Path, how: str = QUICK) -> Found:
    """Read a whole store. Raises Misconfigured where it is damaged or none."""
    with _reading(path) as db:
        problems = [row[0] for row in db.execute(f"PRAGMA {how}")]
        if problems != ["ok"]:
            raise Misconfigured(f"{path} {DAMAGED}; SQLite says: {problems[0]}")
        try:
            ((version,),) = db.execute("PRAGMA user_version").fetchall()
            (binding,) = db.execute("SELECT chain_id, oracle, operator FROM binding").fetchall()
            ((jobs,),) = db.execute("SELECT count(*) FROM jobs").fetchall()
        except (sqlite3.OperationalError, ValueError) as error:
            raise Misconfigured(f"{path} is no store of a node: give another file") from error
    return Found(version, binding, jobs, path.stat().st_size)


def backup(path: Path, to: Path) -> Found:
    """Copy a store, also from under a node that runs.

    Raises Misconfigured where `to` is there already, or what was copied is damaged.
    """
    if to.exists():
        raise Misconfigured(f"{to} is there already: give another name")
    _copy(path, to)
    try:
        return check(to)
    except Misconfigured:
        to.unlink()
        raise


def restore(path: Path, source: Path, binding: Binding, aside: Path) -> Found:
    """Put a copy in the place of the store, which moves aside if it is there. The caller holds the home's lock.

    Raises Misconfigured for a copy that is damaged, of another version or of another chain, oracle or key.
    """
    found = check(source)
    require_version(source, found.version)
    if found.binding != binding:
        raise Misconfigured(f"{source} belongs to another chain, oracle or key than this home: give another file")
    fresh = path.with_name(f"{path.name}.fresh")
    _copy(source, fresh)
    _move(path, aside)
    _move(fresh, path)
    return found


def migrate(path: Path, kept: Path) -> int:
    """Bring a store to the newest schema; the old one stays as `kept`. The version it had. The caller holds the lock.

    Raises Misconfigured for one that is damaged, or of a version that is not known.
    """
    found = check(path)
    if found.version == schema.SCHEMA_VERSION:
        return found.version
    if found.version not in schema.MIGRATIONS:
        require_version(path, found.version)
    backup(path, kept)
    with told(path), closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        schema.migrate(db, found.version)
        db.execute("COMMIT")
    return found.version


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise Misconfigured(f"{path} does not exist: give another path")
    with told(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        yield db


def _copy(source: Path, to: Path) -> None:
    """Page by page, newest writes included; on disk under its name only when it is whole."""
    part = to.with_name(f".{to.name}.part")
    try:
        part.touch(mode=0o600)
        with told(part), _reading(source) as db, closing(sqlite3.connect(part)) as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole in itself
        _sync(part)
        part.rename(to)
        _sync(to.parent)
    except OSError as error:
        raise os_fault(to, error) from error
    finally:
        part.unlink(missing_ok=True)


def _move(path: Path, to: Path) -> None:
    try:
        for suffix in _FILES:
            file = Path(f"{path}{suffix}")
            if file.exists():
                file.rename(f"{to}{suffix}")
        _sync(path.parent)
    except OSError as error:
        raise os_fault(path, error) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

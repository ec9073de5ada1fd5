"""Finished jobs leave a store for a file of the same tables, and what is counted of them stays.

Never pruned: what a key has vowed, hours, counts, what was accepted, the newest nonce, and what a reorganization could
still touch.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from themis.core.errors import Misconfigured
from themis.store.database import Database
from themis.store.faults import os_fault, told
from themis.store.location import Sql
from themis.store.rows import to_ids
from themis.store.schema import Binding

_BATCH: Final = 500
"""Jobs of one transaction."""
_OF_A_JOB: Final = (("jobs", "id"), ("facts", "job_id"), ("heard", "request"))
"""Tables, and their columns that hold a job's id."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What left the store."""

    jobs: int
    transactions: int


def prune(db: Sql, archive: Path, binding: Binding, before_s: float) -> Pruned:
    """Move jobs whose last fact is older than that, and transactions of no others, into a new file.

    The file has them on disk before the store lets go of them. The caller alone writes. Raises Misconfigured where the
    file is there already, and as a store does.
    """
    if archive.exists():
        raise Misconfigured(f"{archive} is there already: give another name")
    jobs = transactions = 0
    with closing(_Archive(archive, binding)) as kept:
        for state in ("closed", "done"):
            for ids in _finished(db, state, before_s):
                jobs += kept.take(db, ids)
        for hashes in _settled(db, before_s):
            transactions += kept.take_transactions(db, hashes)
    if not jobs + transactions:
        archive.unlink()
    return Pruned(jobs, transactions)


def shrink(path: Path) -> None:
    """Give a file's free pages back to its disk. Raises as a store, Unavailable where there is no room for a copy."""
    with told(path), closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("VACUUM")


class _Archive:
    """A store of its own, which `themis db check` reads."""

    def __init__(self, path: Path, binding: Binding) -> None:
        try:
            path.touch(mode=0o600)
        except OSError as error:
            raise os_fault(path, error) from error
        self._into = Database(path, binding)

    def close(self) -> None:
        self._into.close()

    def take(self, db: Sql, ids: Sequence[bytes]) -> int:
        """Jobs, with their facts and what was heard about them."""
        with self._into.transaction():
            for table, key in _OF_A_JOB:
                self._copy(db, table, key, ids)
        with db.transaction():
            for table, key in _OF_A_JOB:
                db.executemany(f"DELETE FROM {table} WHERE {key} = ?", [(id_,) for id_ in ids])  # noqa: S608
        return len(ids)

    def take_transactions(self, db: Sql, hashes: Sequence[bytes]) -> int:
        with self._into.transaction():
            self._copy(db, "transactions", "hash", hashes)
        with db.transaction():
            return db.executemany("DELETE FROM transactions WHERE hash = ?", [(each,) for each in hashes])

    def _copy(self, db: Sql, table: str, key: str, values: Sequence[bytes]) -> None:
        names = [name for _, name, *_ in self._into.all(f"PRAGMA table_info({table})") if name != "seq"]
        joined, marks = ", ".join(names), ", ".join("?" * len(values))
        order = "seq" if table in {"jobs", "heard"} else "rowid"
        found = db.all(f"SELECT {joined} FROM {table} WHERE {key} IN ({marks}) ORDER BY {order}", *values)  # noqa: S608
        into = f"INSERT INTO {table} ({joined}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 (our own names)
        self._into.executemany(into, found)


def _finished(db: Sql, state: str, before_s: float) -> Iterator[list[bytes]]:
    """Ids of jobs in a state that nothing more can happen to, in batches, oldest first."""
    query = (
        "SELECT seq, id, seen_block, coalesce(mined_block, 0), (SELECT max(at_s) FROM facts WHERE job_id = jobs.id) "
        "FROM jobs WHERE state = ? AND seq > ? ORDER BY seq LIMIT ?"
    )
    ((first_kept,),) = db.all("SELECT coalesce(min(number), 0) FROM tail")
    awaited, last = _awaited(db), -1
    while found := db.all(query, state, last, _BATCH):
        last = found[-1][0]
        old = [id_ for _, id_, seen, mined, at_s in found if max(seen, mined) < first_kept and (at_s or 0) < before_s]
        if ids := [id_ for id_ in old if id_ not in awaited]:
            yield ids


def _awaited(db: Sql) -> set[bytes]:
    """Jobs of transactions that `settle` may still ask about: those that are open, and the newest nonce's."""
    newest = "SELECT max(nonce) FROM transactions"
    found = db.all(f"SELECT job_ids FROM transactions WHERE settled = 0 OR nonce = ({newest})")  # noqa: S608
    return {id_ for (joined,) in found for id_ in to_ids(joined)}


def _settled(db: Sql, before_s: float) -> Iterator[list[bytes]]:
    """Hashes of transactions that only answered jobs that are gone. Not the newest nonce's: the next one follows it."""
    query = "SELECT hash, job_ids FROM transactions WHERE settled = 1 AND signed_at_s < ? AND nonce < ?"
    ((newest,),) = db.all("SELECT max(nonce) FROM transactions")
    found = [] if newest is None else db.all(query, before_s, newest)
    gone = [tx_hash for tx_hash, joined in found if not _any_left(db, joined)]
    for start in range(0, len(gone), _BATCH):
        yield gone[start : start + _BATCH]


def _any_left(db: Sql, joined: bytes) -> bool:
    ids = to_ids(joined)
    marks = ", ".join("?" * len(ids))
    return bool(ids) and bool(db.all(f"SELECT 1 FROM jobs WHERE id IN ({marks}) LIMIT 1", *ids))  # noqa: S608

"""The store: SQLite in WAL mode, one transaction per call, flushed to disk before the call returns."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from themis.core.errors import Broken, Misconfigured, Reason
from themis.core.job import (
    Answer,
    Closed,
    Counts,
    Fact,
    Finalized,
    HistoryEntry,
    Job,
    Mined,
    Relogged,
    Sent,
    State,
    Unmined,
    apply,
)
from themis.core.reorg import BlockRef
from themis.core.transaction import SentTransaction
from themis.core.types import ChainEvent, Fulfilled, Hash32, Requested, Terms, TermsKey
from themis.store import rows

SCHEMA_VERSION: Final = 2

_SCHEMA: Final = """
CREATE TABLE binding (chain_id INTEGER, oracle BLOB, operator BLOB);
CREATE TABLE tail (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, timestamp_s INTEGER NOT NULL);
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, state TEXT NOT NULL, request TEXT NOT NULL, input BLOB NOT NULL,
  seen_block INTEGER NOT NULL, seen_hash BLOB NOT NULL, seen_index INTEGER NOT NULL, seen_tx BLOB NOT NULL,
  output BLOB, result_hash BLOB,
  mined_block INTEGER, mined_hash BLOB, mined_index INTEGER, mined_tx BLOB,
  reason TEXT, detail TEXT NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE TABLE facts (job_id BLOB NOT NULL, at_s REAL NOT NULL, fact TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX facts_by_job ON facts (job_id);
CREATE TABLE terms (
  model_id BLOB NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL, attribution TEXT NOT NULL,
  read_block INTEGER NOT NULL, PRIMARY KEY (model_id, version)
);
CREATE TABLE transactions (
  hash BLOB PRIMARY KEY, raw BLOB NOT NULL, nonce INTEGER NOT NULL, max_fee_wei TEXT NOT NULL,
  priority_fee_wei TEXT NOT NULL, job_id BLOB NOT NULL, signed_at_s REAL NOT NULL,
  sent_at_s REAL NOT NULL, cancels INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX transactions_by_settled ON transactions (settled, nonce);
CREATE INDEX transactions_by_job ON transactions (job_id);
"""


class SqliteStore:
    """One file, one operator, one oracle contract."""

    def __init__(self, path: Path, *, chain_id: int, oracle: bytes, operator: bytes) -> None:
        """Open or create. Raises Misconfigured for a file that is not ours, or of another chain, contract or key."""
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._prepare(path, (chain_id, oracle, operator))
        except sqlite3.Error as error:
            raise Misconfigured(
                f"{path} cannot be used as the store ({error}): move it away or fix its modes"
            ) from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def tail(self) -> list[BlockRef]:
        return [BlockRef(n, Hash32(h), t) for n, h, t in self._all("SELECT * FROM tail ORDER BY number")]

    def record_events(self, events: Iterable[ChainEvent], tail: Sequence[BlockRef], now_s: float) -> int:
        changed = 0
        with self._transaction():
            for event in events:
                changed += self._record_event(event, now_s)
            self._replace_tail(tail)
        return changed

    def rewind(self, fork: BlockRef, now_s: float) -> None:
        with self._transaction():
            unmined = [Hash32(i) for (i,) in self._all("SELECT id FROM jobs WHERE mined_block > ?", fork.number)]
            for job_id in unmined:
                self._apply(job_id, Unmined(), now_s)
                self._db.execute("UPDATE transactions SET settled = 0 WHERE job_id = ?", (job_id,))
            gone = self._all("SELECT id FROM jobs WHERE seen_block > ? AND state != 'closed'", fork.number)
            for (job_id,) in gone:
                self._apply(Hash32(job_id), Closed(Reason.REORGED), now_s)
            self._db.execute("DELETE FROM terms WHERE read_block > ?", (fork.number,))
            self._replace_tail([ref for ref in self.tail() if ref.number <= fork.number])

    def record(self, facts: Sequence[tuple[Job, Fact]], now_s: float) -> None:
        with self._transaction():
            for seen, fact in facts:
                current = self._require(seen.id)
                if (current.state, current.seen_at) != (seen.state, seen.seen_at):
                    continue
                self._apply(seen.id, fact, now_s)
                if isinstance(fact, Finalized):
                    self._settle_mined(seen.id)

    def record_terms(self, terms: Mapping[TermsKey, Terms], block_number: int) -> None:
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO terms VALUES (?, ?, ?, ?, ?)",
                [(key.model_id, key.version, t.hash, t.attribution, block_number) for key, t in terms.items()],
            )

    def terms(self, key: TermsKey) -> Terms | None:
        query = "SELECT hash, attribution FROM terms WHERE model_id = ? AND version = ?"
        found = self._all(query, key.model_id, key.version)
        return Terms(Hash32(found[0][0]), found[0][1]) if found else None

    def record_sent(self, sent: Sequence[SentTransaction]) -> None:
        with self._transaction():
            for transaction in sent:
                self._db.execute(
                    "INSERT OR IGNORE INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                    rows.of_transaction(transaction),
                )
                if self._require(transaction.job_id).state is State.COMPUTED:
                    self._apply(transaction.job_id, Sent(), transaction.sent_at_s)

    def record_broadcast(self, hashes: Sequence[Hash32], now_s: float) -> None:
        with self._transaction():
            self._db.executemany(
                "UPDATE transactions SET sent_at_s = ? WHERE hash = ?", [(now_s, each) for each in hashes]
            )

    def record_settled(self, nonces: Sequence[int]) -> None:
        with self._transaction():
            self._db.executemany("UPDATE transactions SET settled = 1 WHERE nonce = ?", [(nonce,) for nonce in nonces])

    def reopen(self, nonce: int) -> None:
        with self._transaction():
            self._db.execute("UPDATE transactions SET settled = 0 WHERE nonce >= ?", (nonce,))

    def unsettled(self) -> list[SentTransaction]:
        found = self._all("SELECT * FROM transactions WHERE settled = 0 ORDER BY nonce, rowid")
        return [rows.to_transaction(row) for row in found]

    def next_nonce(self) -> int:
        ((highest,),) = self._all("SELECT max(nonce) FROM transactions")
        return 0 if highest is None else int(highest) + 1

    def job(self, job_id: Hash32) -> Job | None:
        found = self._all("SELECT * FROM jobs WHERE id = ?", job_id)
        return rows.to_job(found[0]) if found else None

    def jobs(self, state: State | None = None, *, limit: int = 100, newest_first: bool = False) -> list[Job]:
        where = "" if state is None else "WHERE state = ?"
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT * FROM jobs {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608 (both parts are ours)
        return [rows.to_job(row) for row in self._all(query, *([] if state is None else [str(state)]), limit)]

    def pending(self, block_number: int) -> list[Job]:
        accepted = "state IN ('queued', 'computed', 'sending')"
        query = f"SELECT * FROM jobs WHERE {accepted} OR mined_block > ? ORDER BY seq"  # noqa: S608 (our own words)
        return [rows.to_job(row) for row in self._all(query, block_number)]

    def history(self, job_id: Hash32) -> list[HistoryEntry]:
        found = self._all("SELECT at_s, fact, detail FROM facts WHERE job_id = ? ORDER BY rowid", job_id)
        return [HistoryEntry(*row) for row in found]

    def counts(self) -> Counts:
        states = dict(self._all("SELECT state, count(*) FROM jobs GROUP BY state"))
        reasons = dict(self._all("SELECT reason, count(*) FROM jobs WHERE state = 'closed' GROUP BY reason"))
        return Counts({s: states.get(s, 0) for s in State}, {r: reasons.get(r, 0) for r in Reason})

    def _record_event(self, event: ChainEvent, now_s: float) -> bool:
        known = self.job(event.id)
        match event:
            case Requested(job_id, _, _, at) if known is not None:
                self._apply(job_id, Relogged(at), now_s)
            case Requested(job_id, request, input_, at):
                self._insert(Job(job_id, request, input_, at))
                self._note(job_id, "Seen", f"block {at.block_number}", now_s)
            case Fulfilled(job_id, result_hash, _, output, at) if known is not None:
                self._apply(job_id, Mined(Answer(output, result_hash), at), now_s)
            case Fulfilled():
                return False
        return True

    def _apply(self, job_id: Hash32, fact: Fact, now_s: float) -> None:
        before = self._require(job_id)
        after = apply(before, fact)
        if after == before:
            return
        columns = rows.of_job(after)
        assignments = ", ".join(f"{name} = :{name}" for name in columns)
        self._db.execute(f"UPDATE jobs SET {assignments} WHERE id = :id", columns)  # noqa: S608 (our own names)
        self._note(job_id, type(fact).__name__, rows.detail_of(fact), now_s)

    def _settle_mined(self, job_id: Hash32) -> None:
        """Only the nonce that was used: a job that was answered by another transaction may have one that was not."""
        mined = "SELECT mined_tx FROM jobs WHERE id = ?"
        nonce = f"SELECT nonce FROM transactions WHERE hash = ({mined})"  # noqa: S608 (our own words)
        self._db.execute(f"UPDATE transactions SET settled = 1 WHERE nonce = ({nonce})", (job_id,))  # noqa: S608

    def _insert(self, job: Job) -> None:
        columns = rows.of_job(job)
        names = ", ".join(columns)
        values = ", ".join(f":{name}" for name in columns)
        self._db.execute(f"INSERT INTO jobs ({names}) VALUES ({values})", columns)  # noqa: S608 (our own names)

    def _note(self, job_id: Hash32, fact: str, detail: str, now_s: float) -> None:
        self._db.execute("INSERT INTO facts VALUES (?, ?, ?, ?)", (job_id, now_s, fact, detail))

    def _require(self, job_id: Hash32) -> Job:
        job = self.job(job_id)
        if job is None:
            raise Broken(f"no job 0x{job_id.hex()} in the store: report this as a bug")
        return job

    def _replace_tail(self, tail: Sequence[BlockRef]) -> None:
        self._db.execute("DELETE FROM tail")
        self._db.executemany("INSERT INTO tail VALUES (?, ?, ?)", [(r.number, r.hash, r.timestamp_s) for r in tail])

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._db:  # which commits, or rolls back what raised
            self._db.execute("BEGIN IMMEDIATE")
            yield

    def _prepare(self, path: Path, binding: tuple[int, bytes, bytes]) -> None:
        ((version,),) = self._all("PRAGMA user_version")
        if version == 0:
            with self._transaction():
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    self._db.execute(statement)
                self._db.execute("INSERT INTO binding VALUES (?, ?, ?)", binding)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise Misconfigured(
                f"{path} has schema {version}, this version of themis needs {SCHEMA_VERSION}: move it away"
            )
        found = self._all("SELECT * FROM binding")
        if found != [binding]:
            raise Misconfigured(f"{path} belongs to another chain, oracle or key: use another --home, or move it away")

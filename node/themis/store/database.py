"""One SQLite file: opened, bound to one node, written in transactions that are on disk when they end."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from themis.core.errors import Misconfigured
from themis.store import schema
from themis.store.faults import told
from themis.store.presence import Presence, beside, size
from themis.store.schema import Binding, require_version

_LOOK_S: Final = 0.5
"""Readers see after so long that the store was deleted or overwritten; writers before each write."""


class Database:
    """May be used by several threads: one at a time has it."""

    def __init__(self, path: Path, binding: Binding) -> None:
        """Open or create. Raises Misconfigured for a file that is not ours, Unavailable where the disk is full."""
        self._path = path
        self._lock = threading.RLock()
        self._presence = Presence(path)
        self._looked_s = 0.0
        with told(path):
            self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            self._prepare(binding)
        self._presence.remember()

    def close(self) -> None:
        with self._lock:
            self.db.close()

    def all(self, query: str, *values: Any) -> list[Any]:
        """Rows. Raises as `transaction`."""
        with self._lock, told(self._path):
            if time.monotonic() - self._looked_s > _LOOK_S:
                self._look()
            return self.db.execute(query, values).fetchall()

    def lead(self) -> bool:
        """Always: files have locks of their own, `lock`."""
        return True

    def execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Within a transaction: how many rows it changed."""
        return self.db.execute(statement, values).rowcount

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Within a transaction, for each of these: how many rows they changed together."""
        return self.db.executemany(statement, rows).rowcount

    def room(self) -> tuple[int, int]:
        """Bytes of its files, and bytes that are free on their disk."""
        return sum(map(size, (self._path, *beside(self._path)))), shutil.disk_usage(self._path.parent).free

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within, or nothing.

        Raises Misconfigured where the file is damaged, read-only, deleted or overwritten, Unavailable where its disk is
        full.
        """
        with self._lock, told(self._path), ExitStack() as done:
            self._look()
            done.callback(self._presence.remember)
            self.db.execute("BEGIN IMMEDIATE")
            done.callback(self._undo)
            yield
            self._look()  # `remember` takes what is there then for our own
            self.db.execute("COMMIT")

    def _undo(self) -> None:
        """Nothing where all is committed."""
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")

    def _look(self) -> None:
        self._presence.require()
        self._looked_s = time.monotonic()

    def _prepare(self, binding: Binding) -> None:
        ((version,),) = self.db.execute("PRAGMA user_version").fetchall()
        if version == 0:
            self.db.execute("BEGIN IMMEDIATE")
            schema.create(self.db)
            self.db.execute("INSERT INTO binding VALUES (?, ?, ?)", binding)
            self.db.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
            self.db.execute("COMMIT")
        else:
            require_version(self._path, version)
        if self.db.execute("SELECT chain_id, oracle, operator FROM binding").fetchall() != [binding]:
            raise Misconfigured(
                f"{self._path} belongs to another chain, oracle or key: use another --home, or move it away"
            )

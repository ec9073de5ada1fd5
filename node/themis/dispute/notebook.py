"""What a watcher remembers of answers: which it has run again, and what nobody has to show it twice."""

import sqlite3
from contextlib import closing
from pathlib import Path

from themis.core.types import Hash32

_TABLES = (
    "CREATE TABLE IF NOT EXISTS verdicts (answer BLOB PRIMARY KEY, wrong INTEGER) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS inputs (id BLOB PRIMARY KEY, input BLOB, said BLOB) WITHOUT ROWID",
)


class Notebook:
    """One file. Losing it loses time; of orders that are played about also their inputs, if nobody shows them again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._open()) as db, db:
            for table in _TABLES:
                db.execute(table)

    def wrong(self, answer: Hash32) -> bool | None:
        """None: it was not run again yet."""
        with closing(self._open()) as db:
            found = db.execute("SELECT wrong FROM verdicts WHERE answer = ?", (answer,)).fetchone()
        return None if found is None else bool(found[0])

    def note(self, answer: Hash32, *, wrong: bool) -> None:
        with closing(self._open()) as db, db:
            db.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?)", (answer, wrong))

    def input_of(self, id_: Hash32) -> tuple[bytes, bytes] | None:
        """Of an order or an item that was kept: its input, and what was said of it besides."""
        with closing(self._open()) as db:
            found = db.execute("SELECT input, said FROM inputs WHERE id = ?", (id_,)).fetchone()
        return None if found is None else (bytes(found[0]), bytes(found[1]))

    def keep(self, id_: Hash32, input_: bytes, said: bytes) -> None:
        with closing(self._open()) as db, db:
            db.execute("INSERT OR REPLACE INTO inputs VALUES (?, ?, ?)", (id_, input_, said))

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)

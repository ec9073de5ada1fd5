"""The tables of the store, and how an older store gets them.

Every question that a loop or the API asks is answered by an index, however many jobs are finished: a test reads the
query plans. Jobs are counted as they move, by triggers.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from themis.core.errors import Misconfigured

SCHEMA_VERSION: Final = 9
Binding = tuple[int, bytes, bytes]
"""Chain id, oracle and operator: a store belongs to one of each."""


class Executes(Protocol):
    """What a migration is done with: a connection to SQLite, or one to PostgreSQL that translates."""

    def execute(self, statement: str, /) -> Any: ...


TALLIES: Final = (
    """CREATE TABLE tallies (
  state TEXT NOT NULL, reason TEXT NOT NULL, jobs INTEGER NOT NULL, PRIMARY KEY (state, reason)
) WITHOUT ROWID""",
    """CREATE TRIGGER jobs_come AFTER INSERT ON jobs BEGIN
  INSERT INTO tallies VALUES (new.state, ifnull(new.reason, ''), 1) ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END""",
    """CREATE TRIGGER jobs_move AFTER UPDATE OF state, reason ON jobs BEGIN
  UPDATE tallies SET jobs = jobs - 1 WHERE state = old.state AND reason = ifnull(old.reason, '');
  INSERT INTO tallies VALUES (new.state, ifnull(new.reason, ''), 1) ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END""",
)
INDEXES: Final = (
    "CREATE INDEX jobs_queued ON jobs (seq, model_id) WHERE state = 'queued'",
    "CREATE INDEX jobs_queued_by_model ON jobs (model_id, seq) WHERE state = 'queued'",
    "CREATE INDEX jobs_by_seen_block ON jobs (seen_block)",
    "CREATE INDEX jobs_by_mined_block ON jobs (mined_block) WHERE mined_block IS NOT NULL",
    "CREATE INDEX transactions_by_nonce ON transactions (nonce)",
    "CREATE INDEX transactions_unsettled ON transactions (nonce) WHERE settled = 0",
)
ACCOUNTS: Final = (
    """CREATE TABLE accepted (
  hour INTEGER NOT NULL, requester BLOB NOT NULL, jobs INTEGER NOT NULL, PRIMARY KEY (hour, requester)
) WITHOUT ROWID""",
    "CREATE INDEX transactions_by_signing ON transactions (signed_at_s)",
    "CREATE INDEX transactions_uncosted ON transactions (signed_at_s) WHERE cost_wei IS NULL",
)
"""What was accepted of whom in which hour of the clock, and what transactions cost."""
AGREEMENTS: Final = (
    """CREATE TABLE vows (
  committee BLOB NOT NULL, request BLOB NOT NULL, result_hash BLOB NOT NULL, salt BLOB NOT NULL,
  PRIMARY KEY (committee, request)
) WITHOUT ROWID""",
    """CREATE TABLE heard (
  seq INTEGER PRIMARY KEY, request BLOB NOT NULL, member BLOB NOT NULL, kind TEXT NOT NULL, hash BLOB NOT NULL,
  salt BLOB, signature BLOB NOT NULL, at_s REAL NOT NULL, UNIQUE (request, member, kind, hash)
)""",
)
"""What this key will sign for committees and nothing else, for ever; and what their members said."""
HOURS: Final = (
    """CREATE TABLE hours (
  hour INTEGER NOT NULL, series TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY (hour, series)
) WITHOUT ROWID""",
)
"""What each hour of the clock brought, for charts."""
ORDERS: Final = (
    """CREATE INDEX orders_open ON jobs (seq)
  WHERE order_signature IS NOT NULL AND state NOT IN ('mined', 'done', 'closed')""",
)
"""Those that no block answers are counted and added up."""
TABLES: Final = (
    "CREATE TABLE binding (chain_id INTEGER, oracle BLOB, operator BLOB)",
    "CREATE TABLE tail (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, timestamp_s INTEGER NOT NULL)",
    """CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, state TEXT NOT NULL, request TEXT NOT NULL, input BLOB NOT NULL,
  seen_block INTEGER NOT NULL, seen_hash BLOB NOT NULL, seen_index INTEGER NOT NULL, seen_tx BLOB NOT NULL,
  output BLOB, result_hash BLOB,
  mined_block INTEGER, mined_hash BLOB, mined_index INTEGER, mined_tx BLOB,
  reason TEXT, detail TEXT NOT NULL,
  model_id BLOB NOT NULL DEFAULT x'', started INTEGER NOT NULL DEFAULT 0,
  royalty_bps INTEGER NOT NULL DEFAULT 5000, signatures BLOB NOT NULL DEFAULT x'',
  alone INTEGER NOT NULL DEFAULT 0, order_signature BLOB, outputs BLOB
)""",
    "CREATE INDEX jobs_by_state ON jobs (state, seq)",
    "CREATE TABLE facts (job_id BLOB NOT NULL, at_s REAL NOT NULL, fact TEXT NOT NULL, detail TEXT NOT NULL)",
    "CREATE INDEX facts_by_job ON facts (job_id)",
    """CREATE TABLE terms (
  model_id BLOB NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL, attribution TEXT NOT NULL,
  read_block INTEGER NOT NULL, PRIMARY KEY (model_id, version)
)""",
    """CREATE TABLE transactions (
  hash BLOB PRIMARY KEY, raw BLOB NOT NULL, nonce INTEGER NOT NULL, max_fee_wei TEXT NOT NULL,
  priority_fee_wei TEXT NOT NULL, job_ids BLOB NOT NULL, signed_at_s REAL NOT NULL,
  sent_at_s REAL NOT NULL, settled INTEGER NOT NULL DEFAULT 0,
  most_wei TEXT NOT NULL DEFAULT '0', cost_wei TEXT
)""",
)


STATEMENTS: Final = (*TABLES, *INDEXES, *TALLIES, *ACCOUNTS, *AGREEMENTS, *HOURS, *ORDERS)
"""What makes the newest tables. PostgreSQL has them too: `postgres_schema`."""


def create(db: sqlite3.Connection) -> None:
    """Make the newest tables in an empty file, inside the caller's transaction."""
    for statement in STATEMENTS:
        db.execute(statement)


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring the tables of an older version to the newest, inside the caller's transaction.

    `version` must be one of MIGRATIONS.
    """
    while version < SCHEMA_VERSION:
        MIGRATIONS[version](db)
        version += 1
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _from_2(db: sqlite3.Connection) -> None:
    db.create_function("model_of", 1, _model_of, deterministic=True)
    db.execute("ALTER TABLE jobs ADD COLUMN model_id BLOB NOT NULL DEFAULT x''")
    db.execute("ALTER TABLE jobs ADD COLUMN started INTEGER NOT NULL DEFAULT 0")
    db.execute("UPDATE jobs SET model_id = model_of(request)")
    db.execute("DROP INDEX transactions_by_settled")
    db.execute("ALTER TABLE transactions ADD COLUMN most_wei TEXT NOT NULL DEFAULT '0'")
    db.execute("ALTER TABLE transactions ADD COLUMN cost_wei TEXT")
    for statement in (*INDEXES, *TALLIES, *ACCOUNTS):
        db.execute(statement)
    db.execute("INSERT INTO tallies SELECT state, ifnull(reason, ''), count(*) FROM jobs GROUP BY state, reason")


def _from_3(db: Executes) -> None:
    db.execute("ALTER TABLE jobs ADD COLUMN royalty_bps INTEGER NOT NULL DEFAULT 5000")


def _from_4(db: Executes) -> None:
    for statement in AGREEMENTS:
        db.execute(statement)


def _from_5(db: Executes) -> None:
    db.execute("ALTER TABLE jobs ADD COLUMN signatures BLOB NOT NULL DEFAULT x''")


def _from_6(db: Executes) -> None:
    """A transaction answers any number of requests; none: it only uses up its nonce."""
    db.execute("ALTER TABLE jobs ADD COLUMN alone INTEGER NOT NULL DEFAULT 0")
    db.execute("DROP INDEX transactions_by_job")
    db.execute("ALTER TABLE transactions RENAME COLUMN job_id TO job_ids")
    db.execute("UPDATE transactions SET job_ids = x'' WHERE cancels")
    db.execute("ALTER TABLE transactions DROP COLUMN cancels")


def _from_7(db: Executes) -> None:
    for statement in HOURS:
        db.execute(statement)


def _from_8(db: Executes) -> None:
    db.execute("ALTER TABLE jobs ADD COLUMN order_signature BLOB")
    db.execute("ALTER TABLE jobs ADD COLUMN outputs BLOB")
    for statement in ORDERS:
        db.execute(statement)


def _model_of(request: str) -> bytes:
    return bytes.fromhex(json.loads(request)["model_id"])


MIGRATIONS: Final[Mapping[int, Callable[[Any], None]]] = {
    2: _from_2,
    3: _from_3,
    4: _from_4,
    5: _from_5,
    6: _from_6,
    7: _from_7,
    8: _from_8,
}
"""By the version they start from; each leads to the next."""


def require_version(place: Path | str, version: int) -> None:
    """Raises Misconfigured for a store that this version of themis cannot read as it is."""
    if version in MIGRATIONS:
        raise Misconfigured(
            f"{place} has schema {version}, this version of themis needs {SCHEMA_VERSION}: stop the node, then "
            "`themis db migrate` (of a file it keeps the old one beside it)"
        )
    if version != SCHEMA_VERSION:
        raise Misconfigured(
            f"{place} has schema {version}, this version of themis needs {SCHEMA_VERSION}: move it away"
        )

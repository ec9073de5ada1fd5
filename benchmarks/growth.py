"""A store full of finished jobs: those of a real burst, multiplied, with their histories and transactions."""

import os
import sqlite3
from hashlib import sha256
from pathlib import Path


def _mixed(id_: bytes | None, turn: int) -> bytes | None:
    return None if id_ is None else sha256(id_ + turn.to_bytes(4, "big")).digest()


def grow(path: Path, jobs: int) -> int:
    """Multiply the finished jobs of a store that nobody has open, up to about `jobs`; how many there are then.

    What is still open is not multiplied: a node would look after each copy of it.
    """
    db = sqlite3.connect(path, isolation_level=None)
    db.create_function("mixed", 2, _mixed, deterministic=True)
    (first, last), (fact, sent) = (
        db.execute("SELECT count(*), max(seq) FROM jobs").fetchone(),
        db.execute("SELECT (SELECT max(rowid) FROM facts), (SELECT max(rowid) FROM transactions)").fetchone(),
    )
    turns = max(1, jobs // first)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    for turn in range(last + 1, last + turns):  # other numbers than when it was grown before
        job = {"id": f"mixed(id, {turn})", "mined_tx": f"mixed(mined_tx, {turn})"}
        _copy(db, "jobs", job, f"seq <= {last} AND state = 'done'", "seq")
        _copy(db, "facts", {"job_id": f"mixed(job_id, {turn})"}, f"rowid <= {fact}")
        own = {
            "hash": f"mixed(hash, {turn})",
            "job_ids": f"mixed(job_ids, {turn})",
            "nonce": f"-1 - rowid - {(turn - last) * sent}",
        }
        _copy(db, "transactions", own, f"rowid <= {sent} AND settled = 1")
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((number,),) = db.execute("SELECT count(*) FROM jobs").fetchall()
    db.close()
    os.sync()  # what was written here is not written while something else is measured
    return int(number)


def _copy(db: sqlite3.Connection, table: str, changed: dict[str, str], rows: str, left_out: str = "") -> None:
    names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})") if name != left_out]
    values = [changed.get(name, name) for name in names]
    db.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table} WHERE {rows}")  # noqa: S608

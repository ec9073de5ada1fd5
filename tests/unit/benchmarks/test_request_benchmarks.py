"""What the benchmarks of requests count: round trips one after another, and jobs in a store that was grown."""

import sqlite3
from pathlib import Path

from benchmarks.growth import grow
from benchmarks.trips import Trip, in_a_row
from themis.store.store import SqlStore


def test_trips_at_one_time_count_once() -> None:
    news = Trip(1.0, 1.1, broadcasts=False)
    beside = Trip(1.15, 1.3, broadcasts=False)
    longer = Trip(1.12, 1.35, broadcasts=False)
    sent = Trip(1.4, 1.5, broadcasts=True)
    assert in_a_row([news, beside, longer, sent], since_s=1.05) == 3


def test_what_ended_before_the_request_brought_no_news() -> None:
    assert in_a_row([Trip(0.8, 0.9, broadcasts=False), Trip(1.4, 1.5, broadcasts=True)], since_s=1.0) == 1


def test_without_a_broadcast_there_is_nothing_to_count() -> None:
    assert in_a_row([Trip(1.0, 1.1, broadcasts=False)], since_s=0.0) == 0


def test_a_store_is_multiplied_with_its_history(tmp_path: Path) -> None:
    path = tmp_path / "themis.db"
    SqlStore(path, chain_id=1, oracle=bytes(20), operator=bytes(20)).close()
    with sqlite3.connect(path) as db:
        for index in range(4):
            id_ = bytes([index]) * 32
            jobs = "id, state, request, input, seen_block, seen_hash, seen_index, seen_tx, detail"
            db.execute(f"INSERT INTO jobs ({jobs}) VALUES (?, 'done', '{{}}', x'', 1, x'', 0, x'', '')", (id_,))  # noqa: S608
            db.execute("INSERT INTO facts VALUES (?, 0, 'Finalized', '')", (id_,))
            db.execute(
                "INSERT INTO transactions (hash, raw, nonce, max_fee_wei, priority_fee_wei, job_ids, signed_at_s,"
                " sent_at_s, settled) VALUES (?, x'', ?, '1', '1', ?, 0, 0, 1)",
                (id_, index, id_),
            )
    db.close()
    assert grow(path, 40) == 40
    db = sqlite3.connect(path)
    counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("jobs", "facts", "transactions")]  # noqa: S608
    assert counts == [(40,), (40,), (40,)]
    assert db.execute("SELECT max(nonce), count(DISTINCT nonce) FROM transactions").fetchone() == (3, 40)
    assert db.execute("SELECT sum(jobs) FROM tallies").fetchone() == (40,)
    with db:
        db.execute("UPDATE jobs SET state = 'mined' WHERE seq = 1")
        db.execute("UPDATE transactions SET settled = 0 WHERE nonce = 1")
    grow(path, 80)
    for open_ in ("jobs WHERE state != 'done'", "transactions WHERE settled = 0"):
        assert db.execute(f"SELECT count(*) FROM {open_}").fetchone() == (1,), "what is open is not multiplied"  # noqa: S608
    db.close()

"""A store that is old and large answers as a young one does: no query reads a whole table, and old ones migrate."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import CHAIN_ID, MODEL, OPERATOR, ORACLE_ADDRESS
from tests.port.test_store import (
    OUTPUT,
    REF,
    RESULT,
    at,
    compute,
    job_of,
    open_store,
    requested,
    transaction,
)
from themis.core.agreement import Heard
from themis.core.committee import Commitment
from themis.core.errors import Misconfigured, Reason
from themis.core.job import Accepted, Closed, Finalized, Interrupted, Started, State
from themis.core.types import Fulfilled, Hash32, Terms, TermsKey
from themis.store import upkeep
from themis.store.database import Database
from themis.store.schema import SCHEMA_VERSION
from themis.store.store import SqlStore

VECTORS = Path(__file__).parents[2] / "vectors"
LARGE = ("jobs", "facts", "transactions", "vows", "heard", "hours")
OPEN = re.compile("INDEX (jobs_queued|transactions_unsettled|orders_open)")
"""Indexes of what is open only: these may be read from end to end."""


def live(store: SqlStore) -> None:
    """All that a node ever asks of its store."""
    first, second, third = events = [requested(bytes([n])) for n in range(3)]
    store.record_events(events, [REF], 1)
    store.jobs(State.SEEN)
    store.jobs(newest_first=True)
    compute(store, first.id)
    store.record([(job_of(store, second.id), Accepted())], 1)
    store.record([(job_of(store, second.id), Started())], 1)
    store.record([(job_of(store, second.id), Interrupted())], 1)
    store.record([(job_of(store, third.id), Closed(Reason.EXPIRED))], 1)
    store.queued(16, of=MODEL)
    store.queued(16, without=[MODEL])
    sent = transaction(first.id, 0, at(6).tx_hash)
    store.next_nonce()
    store.record_sent([sent])
    store.record_broadcast([sent.hash], 2)
    store.record_terms({TermsKey(MODEL, 1): Terms(RESULT, "")}, 5)
    store.terms(TermsKey(MODEL, 1))
    store.pending(5)
    store.record_order(replace(job_of(store, third.id), id=RESULT, state=State.SEEN, order_signature=b""), 1)
    store.orders()
    store.record_events([Fulfilled(first.id, RESULT, 1, OUTPUT, at(6))], [REF], 3)
    store.record([(job_of(store, first.id), Finalized())], 4)
    store.record([], 5, [0])
    store.unsettled()
    store.accepted(second.request.requester, 1)
    store.spent_wei(0)
    store.uncosted(0, 10)
    store.record_costs({sent.hash: 5})
    store.reopen(0)
    store.vow(OPERATOR, first.id, RESULT, RESULT)
    store.hear([Heard(Commitment(OPERATOR, first.id, RESULT, bytes(65)), 5)])
    store.heard(first.id)
    store.history(first.id)
    store.counts()
    store.record_hour(1, {"answers": 1}, {"open": 1})
    store.hours(1)
    store.rewind(REF, 5)


def plans(path: Path) -> Iterator[tuple[str, str]]:
    """Each statement of a node's life, with each step of its plan."""
    store, said = open_store(path), list[str]()
    assert isinstance(store._db, Database)
    db = store._db.db
    db.set_trace_callback(said.append)
    live(store)
    db.set_trace_callback(None)
    statements = {line for line in said if re.match(r"(SELECT|UPDATE|DELETE|INSERT)\b", line)}
    for statement in statements:
        yield from ((statement, row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {statement}"))
    store.close()


def test_no_question_of_a_node_reads_a_whole_table(tmp_path: Path) -> None:
    found = list(plans(tmp_path / "themis.db"))
    assert len({statement for statement, _ in found}) > 20
    for statement, step in found:
        if match := re.match(r"SCAN (\w+)(.*)", step):
            in_order = statement.endswith("ORDER BY seq DESC LIMIT 100")  # stops after a hundred rows
            assert match[1] not in LARGE or in_order or OPEN.search(match[2]), (statement, step)
        assert "TEMP B-TREE" not in step or re.search("seq IN|rowid|FROM heard", statement), (statement, step)


def old(path: Path, version: int = 2) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript((VECTORS / f"store-schema-{version}.sql").read_text())
    return path


def test_a_store_of_an_earlier_version_says_how_it_is_brought_up_to_date(tmp_path: Path) -> None:
    path = old(tmp_path / "themis.db")
    with pytest.raises(Misconfigured, match=r"has schema 2, .* needs 9: stop the node, then `themis db migrate`"):
        open_store(path)


def test_a_migrated_store_is_the_old_one(tmp_path: Path) -> None:
    path, kept = old(tmp_path / "themis.db"), tmp_path / "kept.db"
    assert upkeep.migrate(path, kept) == 2
    assert upkeep.check(kept).version == 2
    store = open_store(path)
    assert {job.input[0]: job.state for job in store.jobs()} == {
        0: State.SEEN, 1: State.QUEUED, 2: State.COMPUTED, 3: State.SENDING, 4: State.MINED, 5: State.DONE,
        6: State.CLOSED,
    }  # fmt: skip
    assert [job.input for job in store.queued(9, of=MODEL)] == [b"\x01"]
    assert store.counts().by_state == {state: int(state not in {State.WAITING, State.AGREEING}) for state in State}
    assert store.counts().by_reason[Reason.EXPIRED] == 1
    assert [sent.nonce for sent in store.unsettled()] == [0, 1]
    assert store.terms(TermsKey(MODEL, 1)) == Terms(RESULT, "Built with it")
    assert [entry.fact for entry in store.history(store.jobs(State.DONE)[0].id)][-1] == "Finalized"
    live_on = requested(b"new")
    store.record_events([live_on], [REF], 9)
    compute(store, live_on.id)
    assert store.counts().by_state[State.COMPUTED] == 2
    assert upkeep.migrate(path, tmp_path / "never") == SCHEMA_VERSION
    assert not (tmp_path / "never").exists()


def test_a_migrated_store_knows_which_requests_its_transactions_answer(tmp_path: Path) -> None:
    """Of schema 4: a bumped answer, a mined one, a final one, and one whose nonce an empty transaction uses up."""
    path = old(tmp_path / "themis.db", 4)
    assert upkeep.migrate(path, tmp_path / "kept.db") == 4
    store = open_store(path)
    sending, mined, late = (store.jobs(state)[-1].id for state in (State.SENDING, State.MINED, State.CLOSED))
    held = [(sent.nonce, sent.job_ids, sent.cancels) for sent in store.unsettled()]
    assert held == [
        (0, (sending,), False),
        (0, (sending,), False),
        (1, (mined,), False),
        (3, (late,), False),
        (3, (), True),
    ]
    assert store.next_nonce() == 4
    assert store.rewind(REF, 9) == []
    assert [sent.nonce for sent in store.unsettled()] == [0, 0, 1, 2, 3, 3], "the final one is back too"
    assert {job.state for job in store.jobs() if job.id in {sending, mined}} == {State.SENDING}
    store.record_sent([transaction(late, 4, b"\x99")])
    assert store.next_nonce() == 5


@pytest.mark.parametrize("version", [2, 4])
def test_a_migrated_store_has_the_tables_of_a_new_one(tmp_path: Path, version: int) -> None:
    upkeep.migrate(old(tmp_path / "old.db", version), tmp_path / "kept.db")
    open_store(tmp_path / "new.db").close()

    def shape(path: Path) -> dict[str, object]:
        with closing(sqlite3.connect(path)) as db:
            named = db.execute("SELECT name, type, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
            tables = [name for name, kind, _ in named if kind == "table"]
            columns = {name: db.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}
            return columns | {name: sql for name, kind, sql in named if kind != "table"}

    assert shape(tmp_path / "old.db") == shape(tmp_path / "new.db")


def test_counts_follow_every_move(tmp_path: Path) -> None:
    store = open_store(tmp_path / "themis.db")
    live(store)
    counted = dict(store._all("SELECT state, count(*) FROM jobs GROUP BY state"))
    assert {state: number for state, number in store.counts().by_state.items() if number} == counted
    assert store.counts().by_reason[Reason.EXPIRED] == 1


def test_a_store_from_the_future_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "themis.db"
    SqlStore(path, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(Misconfigured, match="has schema 99"):
        upkeep.migrate(path, tmp_path / "kept.db")


def test_a_started_request_is_known_in_the_next_life(tmp_path: Path) -> None:
    store = open_store(tmp_path / "themis.db")
    event = requested()
    store.record_events([event], [REF], 0)
    store.record([(job_of(store, event.id), Accepted())], 1)
    store.record([(job_of(store, event.id), Started())], 2)
    store.close()
    store = open_store(tmp_path / "themis.db")
    assert store.queued(1, of=Hash32(MODEL))[0].started
    store.record([(job_of(store, event.id), Interrupted())], 3)
    assert not job_of(store, event.id).started

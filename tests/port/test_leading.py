"""Nodes with one key on one database: one leads and writes, a lost session does not end that, and two never write."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.fakes import CHAIN_ID, MODEL, OPERATOR, ORACLE_ADDRESS
from tests.port.test_store import REF, RESULT, requested
from themis.core.errors import Broken, Misconfigured, Superseded, Unavailable
from themis.core.types import Address, Terms, TermsKey
from themis.store import location, postgres_schema
from themis.store.schema import SCHEMA_VERSION
from themis.store.store import SqlStore

pytestmark = postgres.NEEDS_POSTGRES
SCHEMA_8 = Path(__file__).parents[1] / "vectors/store-schema-8.sql"
BINDING = (CHAIN_ID, ORACLE_ADDRESS, OPERATOR)


@pytest.fixture
def url(database: str) -> str:
    return postgres.schema_of(database)


@pytest.fixture
def stores(url: str) -> Iterator[list[SqlStore]]:
    """Three nodes of one key."""
    found = [SqlStore(url, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR) for _ in range(3)]
    yield found
    for each in found:
        each.close()


def inside(store: SqlStore) -> Any:
    """Its `Postgres`, which cannot be imported where there is no libpq."""
    return store._db


def end_session(store: SqlStore) -> None:
    """As when the server is restarted, or the network is away."""
    ((process_id,),) = store._all("SELECT pg_backend_pid()")
    with postgres.connected(inside(store)._url) as db:
        db.execute("SELECT pg_terminate_backend(%s, 5000)", (process_id,))


def test_one_leads_and_the_next_takes_over_when_it_ends(stores: list[SqlStore]) -> None:
    first, second, third = stores
    assert [each.lead() for each in stores] == [True, False, False]
    first.record_events([requested()], [REF], 1)
    assert second.counts() == first.counts(), "who stands by may read"
    first.close()
    assert [second.lead(), third.lead()] == [True, False]
    second.record_events([requested(b"more")], [REF], 1)
    assert len(third.jobs()) == 2


def test_who_does_not_lead_writes_nothing(stores: list[SqlStore]) -> None:
    with pytest.raises(Broken):
        stores[0].record_events([requested()], [REF], 1)
    assert stores[0].lead()
    assert stores[1].jobs() == []


def test_a_lost_session_is_opened_again(stores: list[SqlStore]) -> None:
    first, second, _ = stores
    assert first.lead()
    end_session(first)
    with pytest.raises(Unavailable, match="does not answer"):
        first.record_events([requested()], [REF], 1)
    assert first.record_events([requested()], [REF], 1) == 1
    assert not second.lead(), "it has its lock again"
    assert len(first.jobs()) == 1


def test_a_session_lost_in_a_transaction_leaves_nothing(stores: list[SqlStore]) -> None:
    first = stores[0]
    assert first.lead()
    fact = "INSERT INTO facts VALUES (?, ?, ?, '')"

    def cut() -> None:
        with first._transaction():
            first._db.execute(fact, (RESULT, 1.0, "Seen"))
            end_session(first)
            first._db.execute(fact, (RESULT, 1.0, "Accepted"))

    with pytest.raises(Unavailable):
        cut()
    assert first.history(RESULT) == []


def test_while_its_lost_session_lives_on_a_node_waits(stores: list[SqlStore]) -> None:
    """A network that is away: the server does not know yet."""
    first, second, _ = stores
    assert first.lead()
    lost, inside(first)._live = inside(first)._live, None
    assert lost
    with pytest.raises(Unavailable, match="lets go of it"):
        first.record_events([requested()], [REF], 1)
    lost.close()
    assert first.record_events([requested()], [REF], 1) == 1
    assert not second.lead()


def test_whoever_was_succeeded_meanwhile_ends(stores: list[SqlStore]) -> None:
    first, second, _ = stores
    assert first.lead()
    end_session(first)
    assert second.lead()
    with pytest.raises(Unavailable):
        first.record_events([requested()], [REF], 1)
    for _ in range(2):
        with pytest.raises(Superseded, match="start this one to stand by") as superseded:
            first.record_events([requested()], [REF], 1)
    assert superseded.value.exit_status == 75, "whoever restarts nodes restarts it"
    assert second.jobs() == []


_KILLED = """
import os, signal, sys
from themis.store.store import SqlStore
url, chain_id, oracle, operator = sys.argv[1:]
store = SqlStore(url, chain_id=int(chain_id), oracle=bytes.fromhex(oracle), operator=bytes.fromhex(operator))
assert store.lead()
store.record_hour(1, {"whole": 1}, {})
with store._transaction():
    store._db.execute("INSERT INTO hours VALUES (2, 'half', 1)")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_node_lets_go_of_the_lead_at_once_and_of_what_was_half_written(stores: list[SqlStore]) -> None:
    said = [inside(stores[0])._url, str(CHAIN_ID), ORACLE_ADDRESS.hex(), OPERATOR.hex()]
    assert subprocess.run([sys.executable, "-c", _KILLED, *said], check=False).returncode == -signal.SIGKILL
    end_s = os.times().elapsed + 5
    while not stores[0].lead():
        assert os.times().elapsed < end_s
    assert stores[0].hours(0) == {1: {"whole": 1}}


def test_another_key_may_use_the_same_database_but_not_the_same_tables(database: str, url: str) -> None:
    ours = SqlStore(url, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR)
    elsewhere = postgres.schema_of(database)
    theirs = SqlStore(elsewhere, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=Address(b"\x99" * 20))
    again = SqlStore(elsewhere, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR)
    assert [ours.lead(), theirs.lead(), again.lead()] == [True, True, False]
    for each in (ours, theirs, again):
        each.close()


def test_texts_of_strangers_come_back_as_they_were(stores: list[SqlStore]) -> None:
    first = stores[0]
    assert first.lead()
    hostile = "a\0b\\0c\\\\ ' \" % %s ? :name \n é 😀"
    first.record_terms({TermsKey(MODEL, 1): Terms(RESULT, hostile)}, 5)
    assert stores[1].terms(TermsKey(MODEL, 1)) == Terms(RESULT, hostile)


def test_a_database_of_another_encoding_or_version_is_refused(database: str, url: str) -> None:
    with postgres.connected(database) as db:
        db.execute("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with pytest.raises(Misconfigured, match="encoded as LATIN1"):
        location.opened(database.replace("/postgres?", "/latin?"), BINDING)
    store = location.opened(url, BINDING)
    assert not location.is_there(url)
    assert store.lead()
    store.close()
    assert location.is_there(url)
    with postgres.connected(url) as db:
        db.execute("UPDATE about SET schema = 99")
    with pytest.raises(Misconfigured, match="has schema 99"):
        location.opened(url, BINDING)


def tables(url: str) -> list[Any]:
    """Columns and indexes of a schema, without its name."""
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = current_schema() ORDER BY 1, 2"
    )
    indexes = (
        "SELECT replace(indexdef, current_schema(), '') FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"
    )
    with postgres.connected(url) as db:
        return [row for query in (columns, indexes) for row in db.execute(query.encode())]


def test_tables_of_an_earlier_version_are_brought_up_to_date(database: str, url: str) -> None:
    """Of schema 8, the first one that was in a database."""
    elsewhere = postgres.schema_of(database)
    new = location.opened(elsewhere, BINDING)
    assert new.lead()
    with postgres.connected(url) as db:
        for statement in SCHEMA_8.read_text().split(";\n")[:-1]:
            db.execute(postgres_schema.translated(statement[statement.index("CREATE") :]).encode())
        for statement in (*postgres_schema.TRIGGERS, postgres_schema.ABOUT, "INSERT INTO about VALUES (8, 1)"):
            db.execute(statement.encode())
        db.execute("INSERT INTO binding VALUES (%s, %s, %s)", BINDING)
    with pytest.raises(Misconfigured, match="has schema 8, .*`themis db migrate`"):
        location.opened(url, BINDING)
    with pytest.raises(Misconfigured, match="a node uses"):
        location.migrate(url, BINDING)
    new.close()
    assert [location.migrate(url, BINDING), location.migrate(url, BINDING)] == [8, SCHEMA_VERSION]
    assert tables(url) == tables(elsewhere)
    location.opened(url, BINDING).close()


def test_a_server_that_is_away_is_named_without_what_is_secret() -> None:
    with pytest.raises(Unavailable, match=r"postgresql://127\.0\.0\.1:1/themis does not answer") as away:
        location.opened("postgresql://node:hunter2@127.0.0.1:1/themis?sslpassword=hunter3", BINDING)
    assert "hunter" not in str(away.value)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "themis.store.postgres", None)
    with pytest.raises(Misconfigured, match=r"pip install 'themis-oracle\[postgres\]'"):
        location.opened("postgresql://127.0.0.1/themis", BINDING)

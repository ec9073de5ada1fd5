"""`themis db` on a home's store, without a chain."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli_kit import Person
from tests.fakes import CHAIN_ID, KEY, OPERATOR, ORACLE_ADDRESS
from tests.homes import write_key
from tests.port.test_store import REF, requested
from themis.config import STORE_FILE
from themis.core.errors import Reason
from themis.core.job import Closed, Job
from themis.keys.keystore import KeystoreSigner
from themis.store.lock import resting
from themis.store.schema import SCHEMA_VERSION
from themis.store.store import SqlStore

OLD = Path(__file__).parents[2] / "vectors" / "store-schema-2.sql"


@pytest.fixture
def person(tmp_path: Path) -> Person:
    signer = KeystoreSigner(KEY.key)
    home = tmp_path / "home"
    write_key(home / "keys", signer)
    lines = [
        "[chain]",
        'rpc_url = "http://127.0.0.1:1"',
        f"chain_id = {CHAIN_ID}",
        f'oracle = "0x{ORACLE_ADDRESS.hex()}"',
    ]
    (home / "config.toml").write_text("\n".join(lines) + "\n")
    return Person(home, signer)


def filled(person: Person, *inputs: bytes) -> None:
    path = person.home / STORE_FILE
    with closing(SqlStore(path, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR)) as store:
        store.record_events([requested(each) for each in inputs], [REF], 0)


def test_a_store_is_copied_checked_and_put_back(person: Person, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    person.fails(78, "db", "check")
    filled(person, b"a", b"b")
    assert person.tell("db", "backup", str(copy))["jobs"] == 2
    filled(person, b"c")
    assert person.tell("db", "check")["jobs"] == 3
    assert person.tell("db", "restore", str(copy))["jobs"] == 2
    assert person.tell("db", "check")["jobs"] == 2
    assert person.tell("db", "check", str(person.home / f"{STORE_FILE}.replaced"))["jobs"] == 3


def test_a_store_is_not_changed_under_a_node(person: Person, tmp_path: Path) -> None:
    filled(person, b"a")
    shutil.copy(person.home / STORE_FILE, tmp_path / "copy.db")
    with resting(person.home):
        for line in (("migrate",), ("restore", str(tmp_path / "copy.db"))):
            assert "its store cannot be changed under it" in person.fails(78, "db", *line)


def test_an_old_store_is_migrated_and_kept(person: Person) -> None:
    with closing(sqlite3.connect(person.home / STORE_FILE)) as db:
        db.executescript(OLD.read_text())
    done = person.tell("db", "migrate")
    assert (done["schema_before"], done["schema"]) == (2, SCHEMA_VERSION)
    assert person.tell("db", "check")["jobs"] == 7
    assert person.tell("db", "check", str(person.home / f"{STORE_FILE}.before-migration"))["schema"] == 2
    assert "nothing to do" in person.run("db", "migrate").err


def test_old_finished_jobs_are_moved_into_a_file(person: Person) -> None:
    person.fails(78, "db", "prune", "--older", "90d")
    for older in ("1d", "90", "x"):
        person.fails(64, "db", "prune", "--older", older)
    old, open_ = requested(b"old"), requested(b"open")
    path = person.home / STORE_FILE
    with closing(SqlStore(path, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR)) as store:
        store.record_events([old, open_], [replace(REF, number=50)], 0)
        store.record([(Job(old.id, old.request, old.input, old.at), Closed(Reason.EXPIRED))], 0)
    with resting(person.home):
        person.fails(78, "db", "prune", "--older", "90d")
    assert person.tell("db", "prune", "--older", "90d") == {"jobs": 1, "transactions": 0}
    assert person.tell("db", "check")["jobs"] == 1
    assert person.tell("db", "check", str(person.home / f"{STORE_FILE}.archive"))["jobs"] == 1
    assert person.tell("status")["jobs"]["closed"] == 1, "what is counted stays"

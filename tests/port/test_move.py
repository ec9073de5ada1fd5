"""A store in a file moves into a database: everything is there, in its order, and the file is not used again."""

from pathlib import Path

import pytest

from tests import postgres
from tests.cli_kit import Person
from tests.fakes import CHAIN_ID, KEY, ORACLE_ADDRESS
from tests.homes import write_key
from tests.port.test_prune import BINDING, CUT_S, YOUNG_S, lived
from tests.port.test_store import COMMITTEE as OURS
from tests.port.test_store import OTHER, REF, SALTS, close_all, open_store, requested
from themis.config import STORE_FILE
from themis.core.errors import Refused
from themis.core.types import Requested
from themis.keys.keystore import KeystoreSigner
from themis.store.prune import prune
from themis.store.store import SqlStore

pytestmark = postgres.NEEDS_POSTGRES


def figures(store: SqlStore, events: dict[str, Requested]) -> object:
    """All that the port tells."""
    ids, whom = [event.id for event in events.values()], events["done"].request.requester
    return (
        store.counts(), store.hours(0), store.next_nonce(), store.spent_wei(0), store.unsettled(), store.tail(),
        store.accepted(whom, YOUNG_S), store.pending(99), store.jobs(), store.orders(), store.uncosted(0, 99),
        [(store.job(id_), store.history(id_), store.heard(id_)) for id_ in ids],
    )  # fmt: skip


def test_everything_is_there_and_the_file_is_laid_aside(database: str, tmp_path: Path) -> None:
    person = Person(tmp_path / "home", KeystoreSigner(KEY.key))
    write_key(person.home / "keys", person.signer)
    url = postgres.schema_of(database)
    text = f'[chain]\nrpc_url = "http://127.0.0.1:1"\nchain_id = {CHAIN_ID}\noracle = "0x{ORACLE_ADDRESS.hex()}"\n'
    (person.home / "config.toml").write_text(text)
    assert "store.url names no database" in person.fails(78, "db", "move")
    (person.home / "config.toml").write_text(f'{text}[store]\nurl = "{url}"\n')
    assert "there is nothing to move" in person.fails(78, "db", "move")

    file = person.home / STORE_FILE
    store, events = lived(file)
    prune(store._db, tmp_path / "archive.db", BINDING, CUT_S)
    before = figures(store, events)
    close_all()
    assert person.tell("db", "move")["jobs"] == len(events) - 2
    assert not file.exists()
    kept = open_store(file.with_name(f"{STORE_FILE}.moved"))
    assert figures(kept, events) == before, "what was there stays whole"

    moved = open_store(url)
    assert figures(moved, events) == before
    with pytest.raises(Refused):
        moved.vow(OURS, events["done"].id, OTHER, SALTS[0])
    new = requested(b"new")
    moved.record_events([new], [REF], YOUNG_S)
    assert [job.id for job in moved.jobs(newest_first=True, limit=1)] == [new.id], "rows are numbered on"
    close_all()

    lived(file)
    close_all()
    assert "has a store of this key already" in person.fails(78, "db", "move")
    assert file.exists()

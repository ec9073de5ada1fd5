"""Full, read-only, damaged, deleted and overwritten: each is named, and whole copies come back."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes import CHAIN_ID, OPERATOR, ORACLE_ADDRESS
from tests.port.test_store import REF, open_store, requested
from themis.core.errors import Misconfigured, Unavailable
from themis.core.types import Requested
from themis.store import database, upkeep
from themis.store.store import SqlStore

BINDING = (CHAIN_ID, bytes(ORACLE_ADDRESS), bytes(OPERATOR))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "themis.db"


def filled(path: Path, number: int = 40) -> SqlStore:
    store = open_store(path)
    store.record_events([requested(bytes([n]) * 500) for n in range(number)], [REF], 0)
    return store


def test_a_full_disk_is_named_and_the_node_goes_on_when_there_is_room(path: Path) -> None:
    store = filled(path)
    ((pages,),) = store._all("PRAGMA page_count")
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    events = [requested(bytes([n, 1]) * 900) for n in range(40)]
    with pytest.raises(Unavailable, match="the disk of .*themis.db is full: make room") as caught:
        store.record_events(events, [REF], 1)
    assert caught.value.exit_status == 75
    store._db.execute("PRAGMA max_page_count = 100000")
    assert len(store.jobs()) == 40, "nothing of it is left"
    store.record_events(events, [REF], 1)
    assert len(store.jobs()) == 80


def test_a_store_that_cannot_be_written_is_named(path: Path) -> None:
    store = filled(path)
    store._db.execute("PRAGMA query_only = 1")
    with pytest.raises(Misconfigured, match="cannot be written: its disk is read-only, or its modes forbid it"):
        store.record_events([requested(b"x")], [REF], 1)


def test_a_home_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be opened: check that its directory is there"):
        open_store(tmp_path / "nowhere" / "themis.db")


def test_a_store_that_another_program_holds_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(path)
    store._db.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="another program holds"):
            store.record_events([requested(b"x")], [REF], 1)
        other.execute("ROLLBACK")
    store.record_events([requested(b"x")], [REF], 1)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for first in range(4_096, len(content) - 4_096, 8_192):
        content[first : first + 4_096] = b"\xa5" * 4_096
    path.write_bytes(content)


def test_damage_is_found_and_named(path: Path) -> None:
    filled(path).close()
    assert upkeep.check(path).jobs == 40
    damage(path)
    with pytest.raises(Misconfigured, match="is damaged: .* `themis db restore FILE`") as caught:
        upkeep.check(path)
    assert caught.value.exit_status == 78
    with pytest.raises(Misconfigured, match="is damaged"):
        open_store(path).jobs(limit=1_000)


def replaced(path: Path) -> None:
    other = path.with_name("other.db")
    filled(other, 3).close()
    other.rename(path)


def overwritten(path: Path) -> None:
    other = path.with_name("other.db")
    filled(other, 3).close()
    shutil.copyfile(other, path)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), r"themis.db was deleted by another program while the node ran"),
        (lambda path: Path(f"{path}-wal").unlink(), r"themis.db-wal was deleted"),
        (replaced, "was replaced or written to"),
        (overwritten, "was replaced or written to"),
        (damage, "was replaced or written to"),
    ],
    ids=["deleted", "log deleted", "replaced", "overwritten", "damaged"],
)
def test_a_store_that_is_harmed_under_the_node_is_noticed(
    path: Path, harm: Callable[[Path], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    harm(path)
    with pytest.raises(Misconfigured, match=said):
        store.record_events([requested(b"x")], [REF], 1)
    monkeypatch.setattr(database, "_LOOK_S", 0)
    with pytest.raises(Misconfigured, match=said):
        store.jobs()


def test_harm_in_the_middle_of_a_write_is_noticed(path: Path) -> None:
    store = filled(path)

    def events() -> Iterator[Requested]:
        overwritten(path)
        yield requested(b"x")

    with pytest.raises(Misconfigured, match="was replaced or written to"):
        store.record_events(events(), [REF], 1)


def test_our_own_writes_are_not_taken_for_anothers(path: Path) -> None:
    store = filled(path)
    for turn in range(60):  # the log is written back into the file several times
        store.record_events([requested(bytes([turn, 7]) * 9_000)], [REF], 1)
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("SELECT count(*) FROM jobs").fetchall()
    upkeep.backup(path, path.with_name("copy.db"))
    open_store(path).close()
    store.record_events([requested(b"last")], [REF], 1)
    assert len(store.jobs(limit=1_000)) == 101


def test_a_copy_is_taken_from_under_a_node_and_comes_back(path: Path, tmp_path: Path) -> None:
    store, copy = filled(path), tmp_path / "copy.db"
    assert upkeep.backup(path, copy).jobs == 40
    with pytest.raises(Misconfigured, match="is there already"):
        upkeep.backup(path, copy)
    store.record_events([requested(b"later")], [REF], 1)
    store.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.db", "themis.db"]
    upkeep.restore(path, copy, BINDING, tmp_path / "aside.db")
    assert len(open_store(path).jobs()) == 40
    assert upkeep.check(tmp_path / "aside.db").jobs == 41


def test_what_is_no_copy_of_this_store_does_not_take_its_place(path: Path, tmp_path: Path) -> None:
    filled(path).close()
    bad, empty, foreign = (tmp_path / name for name in ("bad.db", "empty.db", "foreign.db"))
    shutil.copyfile(path, bad)
    damage(bad)
    sqlite3.connect(empty).execute("CREATE TABLE t (a)").connection.close()
    shutil.copyfile(path, foreign)
    for source, binding, said in (
        (bad, BINDING, "is damaged"),
        (empty, BINDING, "is no store of a node"),
        (foreign, (1, *BINDING[1:]), "belongs to another chain, oracle or key"),
        (tmp_path / "none.db", BINDING, "does not exist"),
    ):
        with pytest.raises(Misconfigured, match=said):
            upkeep.restore(path, source, binding, tmp_path / "aside.db")
    assert upkeep.check(path).jobs == 40
    assert not (tmp_path / "aside.db").exists()

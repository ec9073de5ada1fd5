"""Old finished jobs move into a file: what is counted, earned and promised stays, what is open stays too."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import CHAIN_ID, OPERATOR, ORACLE_ADDRESS
from tests.port.test_store import (
    COMMITTEE,
    OTHER,
    OUTPUT,
    REF,
    RESULT,
    SALTS,
    at,
    compute,
    job_of,
    open_store,
    transaction,
)
from tests.port.test_store import requested as request_of
from themis.core.agreement import Heard
from themis.core.committee import Commitment
from themis.core.errors import Misconfigured, Reason, Refused
from themis.core.job import Accepted, Closed, Finalized
from themis.core.types import Fulfilled, Hash32, Requested
from themis.store import upkeep
from themis.store.location import Location
from themis.store.prune import Pruned, prune, shrink
from themis.store.store import SqlStore

BINDING = (CHAIN_ID, ORACLE_ADDRESS, OPERATOR)
TAIL = replace(REF, number=50)
OLD_S, YOUNG_S, CUT_S = 1_000.0, 900_000.0, 500_000.0


def answered(store: SqlStore, name: bytes, nonce: int, now_s: float, block: int = 7) -> Requested:
    """A job whose answer is final, and whose nonce is settled."""
    event = request_of(name)
    store.record_events([event], [TAIL], now_s)
    compute(store, event.id, now_s)
    seen = replace(at(block), tx_hash=Hash32(bytes([nonce + 1]) * 32))
    sent = replace(transaction(event.id, nonce, seen.tx_hash), signed_at_s=now_s, sent_at_s=now_s)
    store.record_sent([sent])
    store.record_events([Fulfilled(event.id, RESULT, 1, OUTPUT, seen)], [TAIL], now_s)
    store.record([(job_of(store, event.id), Finalized())], now_s, [nonce])
    store.record_costs({sent.hash: 5})
    return event


def lived(location: Location) -> tuple[SqlStore, dict[str, Requested]]:
    """A store with what may go, and with one of each kind that may not."""
    store = open_store(location)
    found = {
        "done": answered(store, b"done", 0, OLD_S),
        "young": answered(store, b"young", 1, YOUNG_S),
        "in reach of a reorganization": answered(store, b"reach", 2, OLD_S, block=50),
    }
    for name, fact in (("closed", Closed(Reason.EXPIRED)), ("open", Accepted())):
        found[name] = request_of(name.encode())
        store.record_events([found[name]], [TAIL], OLD_S)
        store.record([(job_of(store, found[name].id), fact)], OLD_S)
    unsettled = request_of(b"unsettled")
    store.record_events([unsettled], [TAIL], OLD_S)
    compute(store, unsettled.id, OLD_S)
    store.record_sent([replace(transaction(unsettled.id, 3, b"\x77"), signed_at_s=OLD_S)])
    store.record([(job_of(store, unsettled.id), Closed(Reason.EXPIRED))], OLD_S)
    found |= {"unsettled": unsettled, "newest nonce": answered(store, b"newest", 4, OLD_S)}
    store.record_hour(1, {"income": 9}, {})
    store.vow(COMMITTEE, found["done"].id, RESULT, SALTS[0])
    store.hear([Heard(Commitment(OPERATOR, found["done"].id, OTHER, bytes(65)), OLD_S)])
    return store, found


def test_what_is_old_and_over_moves_and_all_figures_stay(location: Location, tmp_path: Path) -> None:
    store, events = lived(location)
    gone = {name: (job_of(store, events[name].id), store.history(events[name].id)) for name in ("done", "closed")}

    def figures() -> object:
        whom = events["done"].request.requester
        return (
            store.counts(), store.hours(0), store.next_nonce(), store.spent_wei(YOUNG_S), store.unsettled(),
            store.tail(), store.accepted(whom, YOUNG_S), store.pending(99),
        )  # fmt: skip

    before = figures()
    archive = tmp_path / "archive.db"
    assert prune(store._db, archive, BINDING, CUT_S) == Pruned(jobs=2, transactions=1)
    assert figures() == before
    left = {name for name, event in events.items() if store.job(event.id) is not None}
    assert left == set(events) - set(gone)
    assert (store.history(events["done"].id), store.heard(events["done"].id)) == ([], [])
    with pytest.raises(Refused):
        store.vow(COMMITTEE, events["done"].id, OTHER, SALTS[0])
    store.rewind(replace(TAIL, number=49), YOUNG_S)
    store.reopen(3)

    assert upkeep.check(archive, upkeep.WHOLE).jobs == 2
    kept = SqlStore(archive, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR)
    assert {name: (kept.job(events[name].id), kept.history(events[name].id)) for name in gone} == gone
    assert len(kept.heard(events["done"].id)) == 1
    assert kept.next_nonce() == 1
    kept.close()


def test_what_is_pruned_once_is_not_pruned_again(location: Location, tmp_path: Path) -> None:
    store, _ = lived(location)
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    assert prune(store._db, first, BINDING, CUT_S).jobs == 2
    with pytest.raises(Misconfigured, match="there already"):
        prune(store._db, first, BINDING, CUT_S)
    assert prune(store._db, second, BINDING, CUT_S) == Pruned(0, 0)
    assert not second.exists()


def test_a_killed_prune_has_lost_nothing(location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the archive and the deletion: both have it, and the next one goes on."""
    store, events = lived(location)
    archive = tmp_path / "archive.db"

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(store._db), "executemany", killed)
        with pytest.raises(KeyboardInterrupt):
            prune(store._db, archive, BINDING, CUT_S)
    assert job_of(store, events["closed"].id)
    assert prune(store._db, tmp_path / "again.db", BINDING, CUT_S).jobs == 2


def test_a_file_is_smaller_after_it(path: Path, tmp_path: Path) -> None:
    store = open_store(path)
    events = [request_of(bytes([n]) * 9_000) for n in range(40)]
    store.record_events(events, [TAIL], OLD_S)
    store.record([(job_of(store, event.id), Closed(Reason.EXPIRED)) for event in events], OLD_S)
    assert prune(store._db, tmp_path / "archive.db", BINDING, CUT_S).jobs == 40
    store.close()
    before = path.stat().st_size
    shrink(path)
    assert path.stat().st_size < before / 3
    assert upkeep.check(path, upkeep.WHOLE).jobs == 0

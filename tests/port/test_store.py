"""The `Store` port on SQLite and on PostgreSQL: what is written is there after a crash, whole or not at all."""

import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.fakes import CHAIN_ID, MODEL, OPERATOR, ORACLE_ADDRESS, FakeChain
from themis.core import canonical
from themis.core.agreement import Heard
from themis.core.committee import Commitment, Result
from themis.core.errors import Broken, Misconfigured, Reason, Refused
from themis.core.fees import Fees
from themis.core.job import Accepted, Agreed, Answer, Closed, Computed, Finalized, Job, Proposed, State, Unsent
from themis.core.listing import pack
from themis.core.order import taken_at
from themis.core.transaction import SentTransaction
from themis.core.types import Address, BlockRef, Fulfilled, Hash32, LogPosition, Requested, Terms, TermsKey, UseClass
from themis.store.location import Location
from themis.store.store import SqlStore

OUTPUT = b"\x07" * 32
RESULT = Hash32(b"\x08" * 32)
TERMS_HASH = Hash32(b"\x09" * 32)
REF = BlockRef(5, Hash32(b"\x05" * 32), 1_800_000_000)


def at(block: int) -> LogPosition:
    return LogPosition(block, Hash32(block.to_bytes(32, "big")), 3, Hash32(b"\x06" * 32))


def requested(input_: bytes = b"in", block: int = 5) -> Requested:
    request = FakeChain().request(input_, fee=2**96 - 1, use_class=UseClass.RESEARCH)
    return Requested(canonical.request_id(request, CHAIN_ID, ORACLE_ADDRESS), request, input_, at(block))


_OPEN: Final[list[SqlStore]] = []


def open_store(location: Location) -> SqlStore:
    """A new life. Of a database those before it have ended: they would go on writing."""
    if isinstance(location, str):
        close_all()
    store = look_into(location)
    assert store.lead()
    return store


def look_into(location: Location) -> SqlStore:
    """Beside who writes."""
    _OPEN.append(SqlStore(location, chain_id=CHAIN_ID, oracle=ORACLE_ADDRESS, operator=OPERATOR))
    return _OPEN[-1]


def close_all() -> None:
    while _OPEN:
        _OPEN.pop().close()


def job_of(store: SqlStore, job_id: Hash32) -> Job:
    job = store.job(job_id)
    assert job is not None
    return job


def compute(store: SqlStore, job_id: Hash32, now_s: float = 2.5) -> None:
    store.record([(job_of(store, job_id), Accepted())], now_s)
    store.record([(job_of(store, job_id), Computed(Answer(OUTPUT, RESULT)))], now_s)


def transaction(job_id: Hash32, nonce: int = 0, salt: bytes = b"") -> SentTransaction:
    fees = Fees(2**70, 2**65)
    return SentTransaction(Hash32(salt.rjust(32, b"\x01")), b"\x02raw" + salt, nonce, fees, (job_id,), 7.5, 7.5)


def test_a_job_comes_back_as_it_was_stored(location: Location) -> None:
    event = requested()
    open_store(location).record_events([event], [REF], 1.5)
    store = open_store(location)
    assert store.jobs() == [Job(event.id, event.request, b"in", event.at)]
    assert store.tail() == [REF]
    compute(store, event.id)
    job = look_into(location).job(event.id)
    assert job is not None
    assert (job.state, job.answer) == (State.COMPUTED, Answer(OUTPUT, RESULT))
    assert [(entry.fact, entry.at_s) for entry in store.history(event.id)] == [
        ("Seen", 1.5),
        ("Accepted", 2.5),
        ("Computed", 2.5),
    ]


def test_an_unknown_answer_is_nobodys_job(location: Location) -> None:
    store = open_store(location)
    assert store.record_events([Fulfilled(Hash32(bytes(32)), RESULT, 1, OUTPUT, at(5))], [REF], 0) == 0
    assert store.jobs() == []


def test_the_same_event_twice_is_one_job(location: Location) -> None:
    store = open_store(location)
    store.record_events([requested()], [REF], 0)
    store.record_events([requested()], [REF], 1)
    assert len(store.jobs()) == 1


def test_what_fails_leaves_nothing_behind(location: Location) -> None:
    store = open_store(location)
    unknown, event = requested(b"unknown"), requested()
    store.record_events([event], [REF], 0)
    nobody = Job(unknown.id, unknown.request, unknown.input, unknown.at)
    with pytest.raises(Broken):
        store.record([(job_of(store, event.id), Accepted()), (nobody, Accepted())], 1)
    assert job_of(store, event.id).state is State.SEEN


def test_what_was_found_out_about_an_earlier_state_is_stale(location: Location) -> None:
    store = open_store(location)
    event = requested()
    store.record_events([event], [REF], 0)
    seen = job_of(store, event.id)
    store.record_events([Fulfilled(event.id, RESULT, 1, OUTPUT, at(6))], [REF], 1)
    for fact in (Accepted(), Closed(Reason.EXPIRED)):
        store.record([(seen, fact)], 2)
    assert job_of(store, event.id).state is State.MINED
    assert [entry.fact for entry in store.history(event.id)] == ["Seen", "Mined"]


def test_a_request_that_came_back_elsewhere_is_looked_at_anew(location: Location) -> None:
    store = open_store(location)
    event = requested()
    store.record_events([event], [REF], 0)
    before = job_of(store, event.id)
    store.record_events([replace(event, at=at(9))], [REF], 1)
    store.record([(before, Accepted())], 2)
    assert job_of(store, event.id).state is State.SEEN


def test_transactions_are_kept_raw_and_in_nonce_order(location: Location) -> None:
    store = open_store(location)
    event = requested()
    store.record_events([event], [REF], 0)
    compute(store, event.id)
    later, first = transaction(event.id, 9, b"\x02"), transaction(event.id, 8, b"\x03")
    store.record_sent([later, first])
    store = open_store(location)
    assert store.unsettled() == [first, later]
    assert store.next_nonce() == 10
    job = store.job(event.id)
    assert job is not None
    assert job.state is State.SENDING
    store.record_broadcast([first.hash], 99.0)
    assert store.unsettled()[0] == replace(first, sent_at_s=99.0)
    store.record([], 9.0, [8])
    assert store.unsettled() == [later]
    assert store.next_nonce() == 10
    store.record([], 9.0, [9])
    store.reopen(9)
    assert store.unsettled() == [later]


def test_a_rewind_unmines_answers_and_closes_requests_above_the_fork(location: Location) -> None:
    store = open_store(location)
    old, young = requested(b"old", block=5), requested(b"young", block=8)
    answered = Fulfilled(old.id, RESULT, 1, OUTPUT, at(7))
    store.record_events([old], [REF], 0)
    mined, spare = transaction(old.id, 0, answered.at.tx_hash), transaction(old.id, 1)
    store.record_sent([mined, spare])
    store.record_events([answered, young], [REF, replace(REF, number=8)], 1)
    store.record([(job_of(store, old.id), Finalized())], 2)
    assert store.unsettled() == [spare], "a final answer settles the nonce that it used, and no other"
    assert store.rewind(REF, 3) == [young.id]
    first, second = store.jobs()
    assert (first.state, first.mined_at) == (State.SENDING, None)
    assert (second.state, second.reason) == (State.CLOSED, Reason.REORGED)
    assert store.tail() == [REF]
    assert store.unsettled() == [mined, spare]


def test_a_transaction_answers_several_requests_or_none(location: Location) -> None:
    store = open_store(location)
    first, second, third = events = [requested(bytes([n])) for n in range(3)]
    store.record_events(events, [REF], 0)
    for event in events:
        compute(store, event.id)
    together = replace(transaction(first.id, 0, b"\x02"), job_ids=(second.id, first.id))
    empty = replace(transaction(first.id, 1, b"\x03"), job_ids=())
    store.record_sent([together, empty])
    store = open_store(location)
    assert store.unsettled() == [together, empty]
    assert [sent.cancels for sent in store.unsettled()] == [False, True]
    assert [job.state for job in store.jobs()] == [State.SENDING, State.SENDING, State.COMPUTED]
    assert job_of(store, third.id).state is State.COMPUTED


def test_a_nonce_is_settled_when_all_of_its_answers_are_told(location: Location) -> None:
    """One of two is final; of the other nothing is known: its receipt is still to be read."""
    store = open_store(location)
    first, second = events = [requested(bytes([n])) for n in range(2)]
    store.record_events(events, [REF], 0)
    for event in events:
        compute(store, event.id)
    sent = replace(transaction(first.id, 0, at(6).tx_hash), job_ids=(first.id, second.id))
    store.record_sent([sent])
    store.record_events([Fulfilled(first.id, RESULT, 1, OUTPUT, at(6))], [REF], 1)
    store.record([(job_of(store, first.id), Finalized())], 2)
    assert store.unsettled() == [sent]
    store.record([(job_of(store, second.id), Unsent(alone=True))], 3, [0])
    assert store.unsettled() == []
    again = job_of(store, second.id)
    assert (again.state, again.alone) == (State.COMPUTED, True)


def test_what_is_sent_again_is_looked_after_again(location: Location) -> None:
    """`send` may have read it as open a moment before `settle` found that its nonce is used."""
    store, event = open_store(location), requested()
    store.record_events([event], [REF], 0)
    compute(store, event.id)
    first, dearer = transaction(event.id, 0, b"\x02"), transaction(event.id, 0, b"\x03")
    store.record_sent([first, dearer])
    store.record([(job_of(store, event.id), Unsent())], 1, [0])
    assert store.unsettled() == []
    store.record_sent([dearer])
    assert store.unsettled() == [first, dearer]
    assert job_of(store, event.id).state is State.SENDING


def test_a_rewind_has_an_answer_sent_whose_transaction_is_not_here(location: Location) -> None:
    """An earlier life's, whose store is lost: nobody would send it again."""
    store, event = open_store(location), requested()
    store.record_events([event, Fulfilled(event.id, RESULT, 1, OUTPUT, at(7))], [REF], 0)
    store.rewind(REF, 1)
    job = job_of(store, event.id)
    assert job.state is State.COMPUTED
    assert job.answer == Answer(OUTPUT, RESULT)


def test_ids_are_found_by_their_beginning(location: Location) -> None:
    store = open_store(location)
    events = [requested(bytes([number])) for number in range(20)]
    store.record_events(events, [REF], 1.0)
    ids = sorted(event.id for event in events)
    assert store.ids(Hash32(bytes(32)), Hash32(b"\xff" * 32), limit=100) == ids
    assert store.ids(Hash32(bytes(32)), Hash32(b"\xff" * 32), limit=3) == ids[:3]
    assert store.ids(ids[4], ids[6], limit=100) == ids[4:7]
    first, last = ids[7][:3] + bytes(29), ids[7][:3] + b"\xff" * 29
    assert store.ids(Hash32(first), Hash32(last), limit=9) == [ids[7]]


def test_jobs_are_listed_by_state_and_age(location: Location) -> None:
    store = open_store(location)
    events = [requested(bytes([n])) for n in range(5)]
    store.record_events(events, [REF], 0)
    store.record([(job_of(store, events[2].id), Closed(Reason.EXPIRED))], 1)
    assert [job.input for job in store.jobs(State.SEEN, limit=2)] == [b"\x00", b"\x01"]
    assert [job.input for job in store.jobs(limit=2, newest_first=True)] == [b"\x04", b"\x03"]
    assert store.counts().by_state[State.SEEN] == 4
    assert store.counts().by_reason[Reason.EXPIRED] == 1
    assert set(store.counts().by_state) == set(State)


def test_what_is_accepted_and_not_mined_up_to_a_block_is_pending(location: Location) -> None:
    store = open_store(location)
    seen, queued, mined, later, closed = events = [requested(bytes([n])) for n in range(5)]
    store.record_events(events, [REF], 0)
    store.record([(job_of(store, each.id), Accepted()) for each in (queued, mined, later, closed)], 1)
    store.record([(job_of(store, closed.id), Closed(Reason.EXPIRED))], 2)
    store.record_events([Fulfilled(mined.id, RESULT, 1, OUTPUT, at(6))], [REF], 3)
    store.record_events([Fulfilled(later.id, RESULT, 1, OUTPUT, at(7))], [REF], 3)
    store.record([(job_of(store, later.id), Finalized())], 4)
    assert [job.id for job in store.pending(6)] == [queued.id, later.id]
    assert [job.id for job in store.pending(5)] == [queued.id, mined.id, later.id]
    assert job_of(store, seen.id).state is State.SEEN


def test_it_survives_power_loss(path: Path) -> None:
    store = open_store(path)
    assert store._all("PRAGMA journal_mode") == [("wal",)]
    assert store._all("PRAGMA synchronous") == [(2,)]


@pytest.mark.parametrize(
    "other",
    [
        {"chain_id": CHAIN_ID + 1},
        {"oracle": Address(b"\x99" * 20)},
        {"operator": Address(b"\x99" * 20)},
    ],
)
def test_a_store_of_another_chain_oracle_or_key_is_refused(location: Location, other: dict[str, object]) -> None:
    open_store(location).close()
    mine = {"chain_id": CHAIN_ID, "oracle": ORACLE_ADDRESS, "operator": OPERATOR}
    with pytest.raises(Misconfigured, match="another chain, oracle or key: (use another|give this node a)"):
        SqlStore(location, **mine | other)  # type: ignore[arg-type]


def test_a_file_that_is_no_store_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be taken for one" * 40)
    with pytest.raises(Misconfigured, match="cannot be used as the store"):
        open_store(path)


def test_a_store_of_another_version_is_refused(path: Path) -> None:
    open_store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(Misconfigured, match="has schema 99"):
        open_store(path)


def test_hours_add_up_and_keep_their_peaks(location: Location) -> None:
    store = open_store(location)
    for answers, open_ in ((1.5, 7), (2, 3)):
        store.record_hour(5, {"answers": answers}, {"open": open_})
    store.record_hour(4, {"answers": 1}, {})
    assert look_into(location).hours(5) == {5: {"answers": 3.5, "open": 7}}


def test_who_was_accepted_is_counted_by_the_hour(location: Location) -> None:
    store, event = open_store(location), requested()
    store.record_events([event], [REF], 0)
    assert store.accepted(event.request.requester, 3_600) == (0, 0)
    for turn in range(2):
        more = requested(bytes([turn]) * 2)
        store.record_events([more], [REF], 0)
        store.record([(job_of(store, more.id), Accepted())], 3_600 + turn)
    assert store.accepted(event.request.requester, 3_700) == (2, 2)
    assert store.accepted(event.request.requester, 3_600 * 2) == (0, 2)


def test_what_answers_cost_is_known_once_it_is_told(location: Location) -> None:
    store, event = open_store(location), requested()
    store.record_events([event], [REF], 0)
    compute(store, event.id)
    sent = replace(transaction(event.id), most_wei=2**70)
    store.record_sent([sent])
    assert store.spent_wei(0) == 2**70
    assert store.uncosted(0, 5) == []
    store.record([], 1, [sent.nonce])
    assert store.uncosted(0, 5) == [sent]
    store.record_costs({sent.hash: 2**69})
    assert store.uncosted(0, 5) == []
    assert (store.spent_wei(0), store.spent_wei(8)) == (2**69, 0)


def test_models_have_queues_of_their_own(location: Location) -> None:
    store = open_store(location)
    events = [requested(bytes([n])) for n in range(3)]
    store.record_events(events, [REF], 0)
    store.record([(job_of(store, each.id), Accepted()) for each in events], 1)
    assert [job.id for job in store.queued(2, of=MODEL)] == [event.id for event in events[:2]]
    assert len(store.queued(9)) == len(store.queued(9, without=[OTHER])) == 3
    assert store.queued(9, without=[OTHER, MODEL]) == store.queued(9, of=OTHER) == []


def test_terms_are_kept_until_a_rewind_below_where_they_were_read(location: Location) -> None:
    store = open_store(location)
    old, new = TermsKey(MODEL, 1), TermsKey(MODEL, 2)
    store.record_terms({old: Terms(RESULT, "Built with it")}, 5)
    store.record_terms({old: Terms(RESULT, "later"), new: Terms(RESULT, "new")}, 7)
    store = open_store(location)
    assert store.terms(old) == Terms(RESULT, "Built with it")
    assert store.terms(new) == Terms(RESULT, "new")
    store.rewind(REF, 9)
    assert store.terms(old) is not None
    assert store.terms(new) is None


COMMITTEE, ELSEWHERE = Address(b"\x0c" * 20), Address(b"\x0d" * 20)
OTHER = Hash32(b"\x0f" * 32)
SALTS = [Hash32(bytes([n]) * 32) for n in range(1, 4)]


def test_one_result_is_vowed_to_a_committee_for_ever(location: Location) -> None:
    store, id_ = open_store(location), requested().id
    assert store.vow(COMMITTEE, id_, RESULT, SALTS[0]) == SALTS[0]
    assert store.vow(COMMITTEE, id_, RESULT, SALTS[1]) == SALTS[0], "the salt that was committed to"
    for _ in range(2):
        with pytest.raises(Refused, match="two would cost its stake") as refused:
            store.vow(COMMITTEE, id_, OTHER, SALTS[0])
        assert refused.value.reason is Reason.SIGNED_OTHERWISE
        store = open_store(location)
    assert store.vow(COMMITTEE, id_, RESULT, SALTS[2]) == SALTS[0]
    assert store.vow(ELSEWHERE, id_, OTHER, SALTS[1]) == SALTS[1]
    assert store.vow(COMMITTEE, OTHER, OTHER, SALTS[1]) == SALTS[1]


def test_a_rewind_takes_no_vow_back(location: Location) -> None:
    store, event = open_store(location), requested(block=6)
    store.record_events([event], [REF], 1)
    store.vow(COMMITTEE, event.id, RESULT, SALTS[0])
    assert store.rewind(REF, 2) == [event.id]
    with pytest.raises(Refused):
        store.vow(COMMITTEE, event.id, OTHER, SALTS[0])


def test_of_many_threads_one_vows(location: Location) -> None:
    store, id_ = open_store(location), requested().id

    def vow(result: Hash32) -> bool:
        try:
            store.vow(COMMITTEE, id_, result, SALTS[0])
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(vow, [RESULT, OTHER] * 20))
    assert done.count(True) == 20, "twenty times the same"
    assert len(set(done[::2])) == len(set(done[1::2])) == 1


_VOWING = """
import os, signal, sys
from pathlib import Path
from themis.store.store import SqlStore
path, chain_id, oracle, operator, committee, id_, result, salt, when = sys.argv[1:]
store = SqlStore(Path(path), chain_id=int(chain_id), oracle=bytes.fromhex(oracle), operator=bytes.fromhex(operator))
if when == "within":
    store._db.db.set_trace_callback(lambda said: os.kill(os.getpid(), signal.SIGKILL) if said == "COMMIT" else None)
store.vow(bytes.fromhex(committee), bytes.fromhex(id_), bytes.fromhex(result), bytes.fromhex(salt))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("when", "stands"), [("within", False), ("after", True)])
def test_a_vow_is_whole_or_nothing_when_its_process_is_killed(path: Path, when: str, *, stands: bool) -> None:
    """Killed before the vow was on disk, nothing was signed; after it, the next life signs the same or nothing."""
    id_ = requested().id
    said = [part.hex() for part in (ORACLE_ADDRESS, OPERATOR, COMMITTEE, id_, RESULT, SALTS[0])]
    done = subprocess.run([sys.executable, "-c", _VOWING, str(path), str(CHAIN_ID), *said, when], check=False)
    assert done.returncode == -signal.SIGKILL
    store = open_store(path)
    if stands:
        with pytest.raises(Refused):
            store.vow(COMMITTEE, id_, OTHER, SALTS[1])
        assert store.vow(COMMITTEE, id_, RESULT, SALTS[1]) == SALTS[0]
    else:
        assert store.vow(COMMITTEE, id_, OTHER, SALTS[1]) == SALTS[1]


def test_what_members_say_is_kept_once_and_in_order(location: Location) -> None:
    store, id_ = open_store(location), requested().id
    result = Result(OPERATOR, id_, RESULT, SALTS[0], b"\x02" * 65)
    said = [
        Heard(Commitment(OPERATOR, id_, OTHER, b"\x01" * 65), 1.5),
        Heard(result, 2.5),
        Heard(Result(OPERATOR, id_, OTHER, SALTS[1], b"\x03" * 65), 3.5),
        Heard(Commitment(COMMITTEE, id_, OTHER, b"\x04" * 65), 4.5),
    ]
    assert store.hear(said[:2]) == 2
    assert store.hear([Heard(replace(result, salt=SALTS[2]), 9.0), *said[1:]]) == 2
    assert look_into(location).heard(id_) == said
    assert store.heard(OTHER) == []


def test_an_answer_that_is_agreed_on_waits_for_others(location: Location) -> None:
    store, event = open_store(location), requested()
    store.record_events([event], [REF], 1)
    store.record([(job_of(store, event.id), Accepted())], 2)
    store.record([(job_of(store, event.id), Proposed(Answer(OUTPUT, RESULT)))], 3)
    assert [job.id for job in look_into(location).jobs(State.AGREEING)] == [event.id]
    assert [job.id for job in store.pending(9)] == [event.id]
    signatures = (b"\x01" * 65, b"\x02" * 65)
    store.record([(job_of(store, event.id), Agreed(signatures))], 4)
    job = job_of(open_store(location), event.id)
    assert (job.state, job.signatures) == (State.COMPUTED, signatures)


def test_an_order_is_taken_once_and_kept_with_all_that_was_said(path: Path) -> None:
    store, chain = open_store(path), FakeChain()
    store.record_events([], [REF], 0)
    order = chain.order(pack([b"1", b"2"]), items=2)
    taken = Job(Hash32(b"\x21" * 32), order, pack([b"1", b"2"]), taken_at(REF.id), order_signature=b"")
    other = replace(taken, id=Hash32(b"\x22" * 32), order_signature=b"\x05" * 65, royalty_bps=2_000)
    assert [store.record_order(each, 1) for each in (taken, other, replace(taken, royalty_bps=1))] == [
        True,
        True,
        False,
    ]
    assert open_store(path).orders() == [taken, other]
    assert [entry.fact for entry in store.history(taken.id)] == ["Taken"]
    store.record([(taken, Accepted(1_500))], 2)
    answer = Answer(OUTPUT, RESULT, (b"one", b""))
    store.record([(job_of(store, taken.id), Computed(answer))], 3)
    assert job_of(open_store(path), taken.id) == replace(taken, state=State.COMPUTED, answer=answer, royalty_bps=1_500)
    assert len(store.orders()) == 2
    store.record_events([Fulfilled(taken.id, RESULT, 1, OUTPUT, at(6))], [REF], 4)
    assert job_of(store, taken.id).answer == answer, "the chain tells less of it than is known"
    assert store.orders() == [other]
    store.record([(other, Closed(Reason.UNCOVERED))], 5)
    assert store.orders() == []


def test_a_rewind_takes_orders_to_the_fork(path: Path) -> None:
    store = open_store(path)
    above = BlockRef(6, Hash32(b"\x66" * 32), 1)
    store.record_events([requested(block=6)], [REF, above], 0)
    taken = Job(Hash32(b"\x21" * 32), FakeChain().order(), b"in", taken_at(above.id), order_signature=b"\x05")
    store.record_order(taken, 1)
    assert store.rewind(REF, 2) == [requested(block=6).id]
    assert store.orders() == [replace(taken, seen_at=taken_at(REF.id))]


def test_it_says_what_room_it_takes_and_has(path: Path) -> None:
    store = open_store(path)
    small, free = store.room()
    assert small >= path.stat().st_size > 0
    assert free
    store.record_events([requested(bytes(100_000))], [REF], 1.0)
    assert store.room()[0] > small
    store.close()


def test_an_hour_adds_up_and_keeps_its_peak(location: Location) -> None:
    store = open_store(location)
    store.record_hour(7, {"answers": 2, "gas_wei": 5e17}, {"open": 9})
    store.record_hour(7, {"answers": 3}, {"open": 4})
    store.record_hour(8, {}, {"open": 1})
    assert store.hours(8) == {8: {"open": 1}}
    store.close()
    assert open_store(location).hours(7) == {7: {"answers": 5, "gas_wei": 5e17, "open": 9}, 8: {"open": 1}}

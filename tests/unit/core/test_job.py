"""The job's state machine: every arrow, what absorbs, and what can never follow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeChain
from themis.core.errors import Broken, Reason
from themis.core.job import (
    Accepted,
    Agreed,
    Answer,
    Closed,
    Computed,
    Fact,
    Finalized,
    Job,
    Mined,
    Proposed,
    Relogged,
    Sent,
    State,
    Unmined,
    Unsent,
    apply,
)
from themis.core.types import Hash32, LogPosition

HERE = LogPosition(5, Hash32(b"\x05" * 32), 0, Hash32(b"\x06" * 32))
THERE = LogPosition(7, Hash32(b"\x07" * 32), 1, Hash32(b"\x08" * 32))
ANSWER = Answer(b"out", Hash32(b"\x09" * 32))
SEEN = Job(Hash32(b"\x01" * 32), FakeChain().request(), b"in", HERE)

FACTS: tuple[Fact, ...] = (
    Accepted(),
    Computed(ANSWER),
    Proposed(ANSWER),
    Agreed(),
    Sent(),
    Unsent(),
    Mined(ANSWER, THERE),
    Unmined(),
    Finalized(),
    Closed(Reason.EXPIRED, "late"),
    Closed(Reason.REORGED),
    Relogged(THERE),
)


def after(*facts: Fact) -> Job:
    job = SEEN
    for fact in facts:
        job = apply(job, fact)
    return job


def test_the_way_of_an_answer() -> None:
    way = (Accepted(), Computed(ANSWER), Sent(), Mined(ANSWER, THERE), Finalized())
    states = [after(*way[:n]).state for n in range(len(way) + 1)]
    assert states == [State.SEEN, State.QUEUED, State.COMPUTED, State.SENDING, State.MINED, State.DONE]
    done = after(*way)
    assert (done.answer, done.mined_at, done.reason) == (ANSWER, THERE, None)


def test_the_way_of_a_committees_answer() -> None:
    way = (Accepted(), Proposed(ANSWER), Agreed(), Sent(), Mined(ANSWER, THERE), Finalized())
    states = [after(*way[:n]).state for n in range(1, len(way) + 1)]
    assert states == [State.QUEUED, State.AGREEING, State.COMPUTED, State.SENDING, State.MINED, State.DONE]
    assert after(*way[:2]).answer == ANSWER


def test_what_another_member_sends_needs_no_answer_of_ours() -> None:
    job = after(Accepted(), Proposed(ANSWER), Mined(ANSWER, THERE))
    assert job.state is State.MINED
    assert after(Accepted(), Proposed(ANSWER), Mined(ANSWER, THERE), Unmined()).state is State.SENDING


def test_an_answer_that_leaves_the_chain_is_sent_again() -> None:
    mined = (Accepted(), Computed(ANSWER), Sent(), Mined(ANSWER, THERE))
    for facts in (mined, (*mined, Finalized())):
        job = after(*facts, Unmined())
        assert (job.state, job.mined_at, job.answer) == (State.SENDING, None, ANSWER)


def test_an_answer_of_an_earlier_life_is_taken_over_from_any_state() -> None:
    for facts in ((), (Accepted(),), (Accepted(), Computed(ANSWER)), (Closed(Reason.EXPIRED),)):
        job = after(*facts, Mined(ANSWER, THERE))
        assert (job.state, job.answer, job.reason) == (State.MINED, ANSWER, None)


def test_a_reorganized_request_starts_again_when_it_comes_back() -> None:
    gone = after(Accepted(), Computed(ANSWER), Closed(Reason.REORGED))
    assert gone.state is State.CLOSED
    back = apply(gone, Relogged(THERE))
    assert (back.state, back.seen_at, back.answer, back.reason) == (State.SEEN, THERE, None, None)


def test_a_closed_job_stays_closed() -> None:
    closed = after(Accepted(), Closed(Reason.EXPIRED, "late"))
    for fact in FACTS:
        if not isinstance(fact, Mined):
            assert apply(closed, fact) == closed


@pytest.mark.parametrize(
    ("facts", "impossible"),
    [
        ((), Computed(ANSWER)),
        ((), Sent()),
        ((Accepted(),), Sent()),
        ((Accepted(),), Accepted()),
        ((Accepted(), Computed(ANSWER)), Finalized()),
        ((Accepted(), Computed(ANSWER), Sent()), Finalized()),
        ((Accepted(),), Unmined()),
    ],
)
def test_what_cannot_follow_is_a_bug(facts: tuple[Fact, ...], impossible: Fact) -> None:
    with pytest.raises(Broken, match="report this as a bug"):
        apply(after(*facts), impossible)


@given(st.lists(st.sampled_from(FACTS), max_size=40))
def test_every_walk_keeps_the_invariants(walk: list[Fact]) -> None:
    job = SEEN
    for fact in walk:
        try:
            job = apply(job, fact)
        except Broken:
            continue
        assert (job.reason is not None) == (job.state is State.CLOSED)
        assert (job.mined_at is not None) == (job.state in {State.MINED, State.DONE})
        if job.state in {State.COMPUTED, State.SENDING, State.MINED, State.DONE}:
            assert job.answer is not None

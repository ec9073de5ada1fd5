"""The loops, one step at a time, on fakes: the way of an answer, and everything that gets in its way."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from tests.daemon_kit import Bench, Killed
from tests.fakes import MODEL, OPERATOR, REQUESTER
from themis.core.errors import Misconfigured, Reason, Refused, Unavailable
from themis.core.job import Closed, State
from themis.core.permission import Explanation, Standing
from themis.core.span import Span
from themis.core.types import Address, Denial, Fulfilled, Hash32, LicenseQuery, Terms, TermsKey
from themis.daemon.attempts import LOST_AFTER_S, RESEND_AFTER_S
from themis.daemon.infer import InferApart
from themis.daemon.settle import STANDING_EVERY_S
from themis.daemon.watch import REORG_DEPTH
from themis.telemetry import model_label

TARGET = Address(b"\x77" * 20)
CODE = b"\x60\x00"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "themis.db")


def code_input(code: bytes = CODE) -> bytes:
    return TARGET + keccak(code)


def test_a_request_is_answered_in_the_next_block(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.work()
    assert bench.job(id_).state is State.SENDING
    bench.mine()
    job = bench.job(id_)
    (answer,) = bench.chain.answers()[id_]
    assert job.state is State.DONE
    assert job.answer is not None
    assert (answer.output, answer.result_hash) == (job.answer.output, job.answer.result_hash)
    facts = [entry.fact for entry in bench.store.history(id_)]
    assert facts == ["Seen", "Accepted", "Computed", "Sent", "Mined", "Finalized"]
    assert bench.store.unsettled() == []


def test_a_burst_shares_calls_and_keeps_its_order(bench: Bench) -> None:
    ids = [bench.chain.ask(bytes([n])) for n in range(100)]
    bench.work()
    bench.mine()
    assert all(bench.job(id_).state is State.DONE for id_ in ids)
    assert list(bench.chain.answers()) == ids
    assert bench.engine.runs == 100


@pytest.mark.parametrize(("account", "reason"), [(REQUESTER, "requester"), (OPERATOR, "operator")])
def test_without_a_license_nothing_is_computed(bench: Bench, account: Address, reason: str) -> None:
    bench.chain.denials[account] = Denial("AuthorizationRequired", "useClass=2")
    id_ = bench.chain.ask()
    bench.work()
    job = bench.job(id_)
    assert job.reason is Reason(f"unlicensed_{reason}")
    assert job.detail == "AuthorizationRequired(useClass=2)"
    assert bench.engine.runs == 0


def test_what_cannot_be_known_is_not_served_and_not_forgotten(bench: Bench) -> None:
    bench.chain.untold = True
    id_ = bench.chain.ask()
    bench.work()
    assert bench.job(id_).state is State.SEEN
    bench.chain.untold = False
    bench.work()
    assert bench.job(id_).state is State.SENDING


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_id": Hash32(bytes(32))}, Reason.UNKNOWN_MODEL),
        ({"input_": b""}, Reason.INVALID_INPUT),
        ({"input_hash": Hash32(bytes(32))}, Reason.INVALID_INPUT),
        ({"deadline_s": 1}, Reason.EXPIRED),
    ],
)
def test_bad_requests_are_closed_with_the_reason(bench: Bench, changes: dict[str, object], reason: Reason) -> None:
    id_ = bench.chain.ask(**changes)  # type: ignore[arg-type]
    good = bench.chain.ask(b"good")
    bench.work()
    assert bench.job(id_).reason is reason
    assert bench.job(id_).detail
    assert bench.job(good).state is State.SENDING


def test_a_fee_below_the_operators_minimum_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", min_fee_wei=2)
    id_ = bench.chain.ask(fee=1)
    bench.work()
    assert bench.job(id_).reason is Reason.UNDERPAID


def test_code_is_fetched_and_checked(bench: Bench) -> None:
    bench.chain.code_at[TARGET] = CODE
    good = bench.chain.ask(code_input())
    changed = bench.chain.ask(code_input(b"other"))
    bench.work()
    job = bench.job(good)
    assert job.answer is not None
    assert job.answer.output == keccak(code_input() + CODE)
    assert bench.job(changed).reason is Reason.CODE_CHANGED


def test_a_target_without_code_is_refused(bench: Bench) -> None:
    id_ = bench.chain.ask(code_input(b""))
    bench.work()
    assert bench.job(id_).reason is Reason.NO_CODE


def test_code_that_cannot_be_had_now_is_had_later(bench: Bench) -> None:
    bench.chain.code_at[TARGET] = CODE
    id_ = bench.chain.ask(code_input())
    bench.see()
    bench.judge.step()
    bench.chain.untold = True
    assert not bench.infer.step()
    assert bench.job(id_).state is State.QUEUED
    bench.chain.untold = False
    bench.work()
    assert bench.job(id_).state is State.SENDING


def test_a_model_that_left_the_configuration_closes_its_jobs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = bench.chain.ask()
    bench.see()
    bench.judge.step()

    def gone(*_: object) -> None:
        raise Refused(Reason.UNKNOWN_MODEL, "not configured here")

    monkeypatch.setattr(bench.engine, "code_needed", gone)
    bench.work()
    assert bench.job(id_).reason is Reason.UNKNOWN_MODEL


def test_one_refused_input_does_not_take_its_batch_with_it(bench: Bench) -> None:
    bench.engine.refuse = lambda input_: input_ == b"\x03"
    ids = [bench.chain.ask(bytes([n])) for n in range(8)]
    bench.work()
    states = [bench.job(id_).state for id_ in ids]
    assert states.count(State.SENDING) == 7
    assert bench.job(ids[3]).reason is Reason.ENGINE_REFUSED


def test_a_slow_models_answers_do_not_wait_for_each_other(bench: Bench) -> None:
    """A decoder takes requests singly: each answer is recorded before the next one is computed."""
    bench.engine.batched = False
    lane = InferApart(bench.node, next(iter(bench.engine.models().values())))
    ids = [bench.chain.ask(bytes([n])) for n in range(3)]
    bench.see()
    bench.judge.step()
    for done in range(1, 4):
        assert lane.step()
        assert [bench.job(id_).state for id_ in ids] == [State.COMPUTED] * done + [State.QUEUED] * (3 - done)
    assert not lane.step()


def test_an_answer_too_late_is_not_sent(bench: Bench) -> None:
    id_ = bench.chain.ask(deadline_s=bench.chain.head().timestamp_s + 10)
    bench.see()
    for loop in (bench.judge, bench.infer):
        loop.step()
    bench.wait(60)
    bench.work()
    assert bench.job(id_).reason is Reason.EXPIRED
    assert bench.chain.sent == []


def test_a_closed_job_still_settles_its_nonce(bench: Bench) -> None:
    deadline_s = bench.chain.head().timestamp_s + 5
    late = bench.chain.ask(deadline_s=deadline_s)
    bench.work()
    for _ in range(5):
        bench.chain.mine(include=False)
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.job(late).reason is Reason.EXPIRED
    next_one = bench.chain.ask(b"next")
    bench.work()
    bench.mine()
    assert bench.job(next_one).state is State.DONE
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.store.unsettled() == []


def test_a_reverted_answer_says_why(bench: Bench) -> None:
    bench.chain.fail_next_fulfillments = 1
    id_ = bench.chain.ask()
    bench.work()
    bench.mine()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    job = bench.job(id_)
    assert (job.reason, job.detail) == (Reason.REVERTED, "NotOpen(id=0x00)")
    assert bench.store.unsettled() == []


def test_a_nonce_used_by_another_tool_costs_only_time(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.work()
    bench.chain.mempool.clear()
    bench.chain.chain[-1].nonce += 1
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert [transaction.nonce for transaction in bench.store.unsettled()] == [0]
    bench.wait(LOST_AFTER_S)
    bench.work()
    assert [transaction.nonce for transaction in bench.store.unsettled()] == [1]
    bench.mine()
    assert bench.job(id_).state is State.DONE


def test_an_answer_of_an_earlier_life_is_not_given_twice(bench: Bench, tmp_path: Path) -> None:
    id_ = bench.chain.ask()
    bench.work()
    bench.mine()
    sent = len(bench.chain.sent)
    reborn = Bench(tmp_path / "lost.db")
    reborn.chain = bench.chain
    reborn.restart()
    reborn.work()
    assert reborn.job(id_).state is State.DONE
    assert len(bench.chain.sent) == sent


def test_an_answer_of_an_earlier_life_leaves_no_gap_between_nonces(bench: Bench) -> None:
    """It is seen when ours was signed and stored, and never broadcast: without that nonce no later one counts."""
    id_ = bench.chain.ask()
    bench.see()
    for loop in (bench.judge, bench.infer):
        loop.step()
    bench.life.left = 0
    with pytest.raises(Killed):
        bench.send.step()
    bench.restart()
    bench.chain.answer(id_)
    bench.work()
    assert bench.job(id_).state is State.DONE
    later = bench.chain.ask(b"later")
    bench.work()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    bench.chain.mine()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.job(later).state is State.DONE
    assert bench.store.unsettled() == []
    assert set(bench.chain.answers()) == {id_, later}


@pytest.mark.parametrize("canceled", [False, True])
def test_nonces_that_a_deep_reorganization_frees_are_used_again(bench: Bench, *, canceled: bool) -> None:
    """Deeper than what counts as final: the chain asks for a nonce that was thought to be used for good."""
    deadline_s = bench.chain.head().timestamp_s + (10 if canceled else 1_000)
    gone = bench.chain.ask(deadline_s=deadline_s)
    bench.work()
    if canceled:
        bench.chain.mempool.clear()
        for _ in range(6):
            bench.chain.mine()
        bench.wait(RESEND_AFTER_S)
        bench.work()
    bench.chain.mine()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.job(gone).state is (State.CLOSED if canceled else State.DONE)
    assert bench.store.unsettled() == []
    bench.chain.reorg(2, keep_requests=True, keep_answers=False)
    bench.chain.mempool.clear()
    later = bench.chain.ask(b"later")
    bench.work()
    for _ in range(2):
        bench.wait(RESEND_AFTER_S)
        bench.work()
        bench.chain.mine()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.job(later).state is State.DONE
    assert bench.store.unsettled() == []


def test_a_nonce_that_a_foreign_transaction_gave_back_is_filled(bench: Bench) -> None:
    """It was never ours: a reorganization drops the transaction of another tool that had used it."""
    bench.chain.chain[-1].nonce = 1
    id_ = bench.chain.ask()
    bench.work()
    assert [transaction.nonce for transaction in bench.store.unsettled()] == [1]
    for block in bench.chain.chain:
        block.nonce = 0
    bench.wait(LOST_AFTER_S)
    bench.work()
    bench.chain.mine()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.job(id_).state is State.DONE
    assert bench.store.unsettled() == []


def test_what_is_still_being_read_may_have_been_answered_already(bench: Bench, tmp_path: Path) -> None:
    """A node without its store reads years in ranges; between two of them the other loops work."""
    id_ = bench.chain.ask()
    bench.work()
    for _ in range(REORG_DEPTH + 1):
        bench.chain.mine()
    reborn = Bench(tmp_path / "lost.db")
    reborn.chain = bench.chain
    reborn.restart()
    reborn.watch._ranges._span = Span(1)
    while reborn.watch.step():
        for loop in (reborn.judge, reborn.infer, reborn.send):
            assert not loop.step()
    assert reborn.job(id_).state is State.MINED
    assert reborn.engine.runs == 0


def test_before_the_first_block_is_seen_nobody_is_busy(bench: Bench) -> None:
    """Answers that were computed before a restart wait; the loop that sends them sleeps meanwhile."""
    id_ = bench.chain.ask()
    bench.see()
    for loop in (bench.judge, bench.infer):
        loop.step()
    bench.restart()
    assert bench.job(id_).state is State.COMPUTED
    assert [loop.step() for loop in (bench.judge, bench.infer, bench.send, bench.settle)] == [False] * 4
    bench.work()
    assert bench.job(id_).state is State.SENDING


def test_the_chain_may_be_faster_than_a_loop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = bench.chain.ask()
    bench.see()
    answered = Fulfilled(id_, Hash32(b"\x01" * 32), 1, b"out", bench.job(id_).seen_at)

    def slow(queries: Sequence[LicenseQuery]) -> list[int | Denial | Unavailable]:
        bench.store.record_events([answered], bench.store.tail(), 0)
        return [0 for _ in queries]

    monkeypatch.setattr(bench.chain, "licenses", slow)
    bench.judge.step()
    assert bench.job(id_).state is State.MINED


def test_finality_waits_for_the_depth_asked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", confirmations=3)
    id_ = bench.chain.ask()
    bench.work()
    for state in (State.MINED, State.MINED, State.DONE):
        bench.mine()
        assert bench.job(id_).state is state


@pytest.mark.parametrize("keep_answers", [True, False])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_reorganization_moves_a_request_and_never_its_meaning(bench: Bench, depth: int, keep_answers: bool) -> None:
    id_ = bench.chain.ask()
    bench.work()
    bench.mine()
    bench.chain.reorg(depth, keep_requests=True, keep_answers=keep_answers)
    bench.work()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    bench.mine()
    assert bench.job(id_).state is State.DONE
    assert len(bench.chain.answers()[id_]) == 1
    assert len(set(bench.chain.sent)) == 1


def test_a_request_that_leaves_the_chain_is_closed(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.work()
    bench.chain.reorg(1, keep_requests=False, keep_answers=False)
    bench.chain.mine(include=False)
    bench.work()
    assert bench.job(id_).reason is Reason.REORGED


def test_a_lagging_endpoint_is_not_a_reorganization(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.work()
    newer = bench.chain.chain.pop()
    bench.work()
    assert bench.job(id_).state is State.SENDING
    bench.chain.chain.append(newer)
    bench.mine()
    assert bench.job(id_).state is State.DONE


def test_a_chain_that_was_reset_stops_the_node(bench: Bench) -> None:
    bench.chain.ask()
    bench.work()
    bench.chain.chain = type(bench.chain)().chain
    object.__setattr__(bench.chain.chain[0].header, "hash", Hash32(b"\x99" * 32))
    for _ in range(5):
        bench.chain.mine()
    for _ in range(4):
        with pytest.raises(Unavailable, match="was reset.*looking again before that is believed"):
            bench.work()
    with pytest.raises(Misconfigured, match="was reset"):
        bench.work()


def test_ranges_shrink_until_the_endpoint_takes_them(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(120):
        bench.chain.ask(bytes([n]))
    whole = bench.chain.events

    def picky(first: int, last: int) -> list[object]:
        if last - first >= 10:
            raise Unavailable("query returned more than 10 blocks")
        return list(whole(first, last))

    monkeypatch.setattr(bench.chain, "events", picky)
    failures = 0
    while bench.store.tail()[-1:] == [] or bench.store.tail()[-1].number < 120:
        try:
            bench.watch.step()
        except Unavailable:
            failures += 1
    assert 0 < failures < 40
    assert len(bench.store.jobs(limit=200)) == 120


def test_an_endpoint_that_is_down_loses_nothing(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.chain.down = True
    for loop in (bench.watch, bench.settle):
        with pytest.raises(Unavailable):
            loop.step()
    bench.chain.down = False
    bench.work()
    bench.mine()
    assert bench.job(id_).state is State.DONE


def test_closed_jobs_are_counted_by_reason(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.see()
    bench.store.record([(bench.job(id_), Closed(Reason.EXPIRED, "late"))], 0)
    counts = bench.store.counts()
    assert counts.by_reason[Reason.EXPIRED] == counts.by_state[State.CLOSED] == 1
    assert sum(counts.by_state.values()) == 1


def test_terms_are_read_once_and_travel_with_the_result(bench: Bench) -> None:
    for _ in range(3):
        bench.chain.ask()
        bench.work()
    assert bench.store.terms(TermsKey(MODEL, 1)) == Terms(MODEL, "version 1")
    assert bench.chain.terms_read == 1


def test_a_request_waits_until_its_terms_can_be_read(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.see()
    bench.chain.untold = True
    bench.work()
    assert bench.job(id_).state is State.SEEN
    bench.chain.untold = False
    bench.work()
    assert bench.job(id_).state is State.SENDING


def test_the_operators_license_is_measured_now_and_then(bench: Bench) -> None:
    def measured() -> float | None:
        labels = {"model": model_label(MODEL)}
        return bench.node.telemetry.registry.get_sample_value("themis_license_expiry_timestamp_seconds", labels)

    assert math.isnan(measured() or 0)
    bench.settle.step()
    assert measured() == math.inf
    ends = Explanation(allowed=True, rule="granted", denial=None, next_step="", expiry_s=1_900_000_000)
    bench.chain.standings[MODEL] = Standing(ends, asks_fee=True)
    bench.settle.step()
    assert measured() == math.inf
    bench.wait(STANDING_EVERY_S)
    bench.settle.step()
    assert measured() == 1_900_000_000
    assert bench.node.standing[MODEL].explanation == ends
    bench.chain.untold = True
    bench.wait(STANDING_EVERY_S)
    bench.settle.step()
    assert measured() == 1_900_000_000


def test_a_request_in_a_token_is_not_judged_by_its_wei(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", min_fee_wei=10**18)
    in_ether, in_token = bench.chain.ask(fee=1), bench.chain.ask(fee=1, token=TARGET)
    bench.work()
    assert bench.job(in_ether).reason is Reason.UNDERPAID
    assert bench.job(in_token).state is State.SENDING

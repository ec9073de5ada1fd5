"""Answers that share a transaction, on fakes: each stands for itself, whatever becomes of the transaction."""

import logging
from pathlib import Path

import pytest

from tests.daemon_kit import GWEI, Bench, Killed
from tests.fakes import GAS_USED
from themis.core.errors import Reason
from themis.core.fees import fulfill_gas, together_gas
from themis.core.job import State
from themis.core.types import Hash32
from themis.daemon.attempts import BUMP_AFTER_S, LOST_AFTER_S, RESEND_AFTER_S


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "themis.db")


def ask(bench: Bench, number: int, **changes: object) -> list[Hash32]:
    return [bench.chain.ask(n.to_bytes(2, "big"), **changes) for n in range(number)]


def states(bench: Bench, ids: list[Hash32]) -> list[State]:
    return [bench.job(id_).state for id_ in ids]


def answered_once(bench: Bench, ids: list[Hash32]) -> None:
    assert states(bench, ids) == [State.DONE] * len(ids)
    assert [len(bench.chain.answers()[id_]) for id_ in ids] == [1] * len(ids)
    assert bench.store.unsettled() == []


def settle_down(bench: Bench, looks: int = 4) -> None:
    for _ in range(looks):
        bench.wait(RESEND_AFTER_S)
        bench.work()
        bench.mine()


def test_what_is_ready_together_shares_a_transaction(bench: Bench) -> None:
    ids = ask(bench, 5)
    bench.work()
    (sent,) = bench.store.unsettled()
    assert sent.job_ids == tuple(ids)
    bench.mine()
    answered_once(bench, ids)
    assert len(bench.chain.sent) == 1


def test_one_that_is_ready_by_itself_waits_for_nobody(bench: Bench) -> None:
    ids = ask(bench, 2)
    bench.see()
    bench.judge.step()
    bench.engine.steps = 1
    for loop in (bench.infer, bench.send, bench.infer, bench.send):
        assert loop.step()
    assert [each.job_ids for each in bench.store.unsettled()] == [(ids[0],), (ids[1],)]


def test_a_transaction_takes_no_more_than_its_share_of_a_block(bench: Bench) -> None:
    each = fulfill_gas(bench.chain.request(), bytes(32))
    bench.chain.gas_limit = 4 * together_gas([each] * 3)
    ids = ask(bench, 8)
    bench.work()
    assert [len(sent.job_ids) for sent in bench.store.unsettled()] == [3, 3, 2]
    bench.mine()
    answered_once(bench, ids)


def test_gas_of_callbacks_is_counted(bench: Bench) -> None:
    bench.chain.gas_limit = 12_000_000
    ids = ask(bench, 3, callback_gas=1_200_000)
    bench.work()
    assert [len(sent.job_ids) for sent in bench.store.unsettled()] == [2, 1]
    bench.mine()
    answered_once(bench, ids)


def test_no_transaction_has_more_gas_than_a_protocol_allows(bench: Bench) -> None:
    bench.chain.gas_limit = 10**9
    ids = ask(bench, 3, callback_gas=7_000_000)
    bench.work()
    assert [len(sent.job_ids) for sent in bench.store.unsettled()] == [2, 1]
    bench.mine()
    answered_once(bench, ids)


def test_one_that_the_oracle_does_not_take_closes_with_its_reason(bench: Bench) -> None:
    ids = ask(bench, 4)
    bench.work()
    bench.chain.fail_next_fulfillments = 1
    bench.mine()
    assert states(bench, ids) == [State.SENDING, State.DONE, State.DONE, State.DONE]
    settle_down(bench, 1)
    assert (bench.job(ids[0]).reason, bench.job(ids[0]).detail) == (Reason.REVERTED, "NotOpen(id=0x00)")
    assert bench.store.unsettled() == []
    assert len(bench.chain.sent) == 1


def test_one_that_had_no_gas_beside_the_others_goes_alone(bench: Bench) -> None:
    ids = ask(bench, 4)
    bench.chain.starved = lambda request: request.lane == 2
    bench.work()
    bench.mine()
    settle_down(bench)
    answered_once(bench, ids)
    assert len(set(bench.chain.sent)) == 2


def test_where_none_is_taken_each_says_why(bench: Bench) -> None:
    ids = ask(bench, 3)
    bench.work()
    bench.chain.fail_next_fulfillments = 3
    bench.mine()
    settle_down(bench)
    assert {bench.job(id_).detail for id_ in ids} == {"NotOpen(id=0x00)"}
    assert bench.store.unsettled() == []
    assert len(bench.chain.sent) == 1


def test_where_all_had_no_gas_each_goes_alone(bench: Bench) -> None:
    ids = ask(bench, 3)
    bench.chain.starved = lambda _: True
    bench.chain.foretold = None
    bench.work()
    bench.mine()
    settle_down(bench)
    answered_once(bench, ids)


def test_what_no_pool_takes_together_goes_alone(bench: Bench) -> None:
    ids = ask(bench, 3)
    bench.chain.refuse_send = "transaction gas limit too high (cap: 400000)"
    bench.see()
    for loop in (bench.judge, bench.infer, bench.send):
        assert loop.step()
    bench.chain.refuse_send = None
    assert states(bench, ids) == [State.COMPUTED] * 3
    bench.work()
    settle_down(bench)
    answered_once(bench, ids)


def test_a_replacement_leaves_out_what_needs_no_answer_any_more(bench: Bench) -> None:
    late, *others = [bench.chain.ask(b"late", deadline_s=bench.chain.chain[-1].header.timestamp_s + 30), *ask(bench, 2)]
    bench.work()
    bench.chain.base_fee_wei = 20 * GWEI
    for _ in range(16):
        bench.mine()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.job(late).reason is Reason.EXPIRED
    assert [sent.job_ids for sent in bench.store.unsettled()] == [(late, *others), tuple(others)]
    bench.mine()
    answered_once(bench, others)


def test_when_all_are_too_late_their_nonce_is_used_up(bench: Bench) -> None:
    ids = ask(bench, 2, deadline_s=bench.chain.chain[-1].header.timestamp_s + 30)
    bench.work()
    bench.chain.base_fee_wei = 20 * GWEI
    for _ in range(16):
        bench.mine()
    settle_down(bench)
    assert {bench.job(id_).reason for id_ in ids} == {Reason.EXPIRED}
    assert bench.store.unsettled() == []


def test_whichever_attempt_is_mined_settles_all_of_them(bench: Bench) -> None:
    ids = ask(bench, 3)
    bench.work()
    first = dict(bench.chain.mempool)
    bench.wait(BUMP_AFTER_S)
    bench.work()
    bench.chain.mempool = first
    bench.mine()
    answered_once(bench, ids)


def test_a_foreign_transaction_with_their_nonce_has_them_sent_again(bench: Bench) -> None:
    ids = ask(bench, 3)
    bench.work()
    bench.chain.mempool.clear()
    bench.chain.chain[-1].nonce += 1
    for _ in range(3):
        bench.wait(LOST_AFTER_S)
        bench.work()
        bench.mine()
    answered_once(bench, ids)


@pytest.mark.parametrize("keep_answers", [True, False])
def test_a_reorganization_gives_all_of_them_back(tmp_path: Path, keep_answers: bool) -> None:
    bench = Bench(tmp_path / "themis.db", confirmations=3)
    ids = ask(bench, 3)
    bench.work()
    bench.chain.fail_next_fulfillments = 1
    bench.mine()
    bench.chain.reorg(1, keep_requests=True, keep_answers=keep_answers)
    bench.work()
    for _ in range(5):
        settle_down(bench, 1)
    answered_once(bench, ids)


def test_the_nonce_of_one_whose_fate_is_unknown_stays_open(tmp_path: Path) -> None:
    """The others become final first: the transaction is looked for until that one is told."""
    bench = Bench(tmp_path / "themis.db")
    ids = ask(bench, 2)
    bench.work()
    bench.chain.fail_next_fulfillments = 1
    bench.mine()
    assert states(bench, ids) == [State.SENDING, State.DONE]
    bench.restart()
    assert [sent.job_ids for sent in bench.store.unsettled()] == [tuple(ids)]
    settle_down(bench, 2)
    assert bench.job(ids[0]).reason is Reason.REVERTED
    assert bench.store.unsettled() == []


@pytest.mark.parametrize("effects", range(6))
def test_killed_anywhere_none_is_lost_and_none_is_answered_twice(bench: Bench, effects: int) -> None:
    ids = ask(bench, 5)
    bench.chain.starved = lambda request: request.lane == 3
    for _ in range(6):
        bench.life.left = effects
        try:
            bench.work()
        except Killed:
            bench.restart()
        bench.life.left = None
        bench.wait(RESEND_AFTER_S)
        bench.work()
        bench.chain.mine()
    settle_down(bench)
    answered_once(bench, ids)


def test_an_answer_waits_for_others_no_longer_than_it_may(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", gather_s=3)
    first = bench.chain.ask(b"first")
    bench.work()
    assert bench.send.pause_s == 3
    bench.wait(2)
    second = bench.chain.ask(b"second")
    bench.work()
    assert bench.send.pause_s == 1
    assert bench.store.unsettled() == []
    bench.wait(1)
    bench.work()
    assert bench.send.pause_s is None
    assert [sent.job_ids for sent in bench.store.unsettled()] == [(first, second)]
    third = bench.chain.ask(b"third")
    bench.work()
    assert bench.send.pause_s == 3
    assert bench.job(third).state is State.COMPUTED


def test_what_is_full_waits_no_longer(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", gather_s=30)
    bench.chain.gas_limit = 4 * together_gas([fulfill_gas(bench.chain.request(), bytes(32))] * 3)
    ask(bench, 4)
    bench.work()
    assert [len(sent.job_ids) for sent in bench.store.unsettled()] == [3, 1]


def test_a_deadline_is_not_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", gather_s=30)
    bench.chain.ask(deadline_s=bench.chain.chain[-1].header.timestamp_s + 50)
    bench.work()
    assert len(bench.store.unsettled()) == 1


def test_gas_is_shared_by_those_that_were_answered(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "themis")
    ask(bench, 4)
    bench.work()
    bench.mine()
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("answered ")]
    assert len(said) == 4
    assert all(f"gas {GAS_USED // 4} (4 in one transaction)" in each for each in said)


def test_a_reorganization_takes_an_earlier_lifes_answer_back(bench: Bench) -> None:
    """The store of the life that sent it is lost: no transaction is left to send again, so a new one is made."""
    ids = ask(bench, 2)
    bench.mine()
    bench.work()
    bench.mine()
    bench.lose_store()
    bench.work()
    assert states(bench, ids) == [State.DONE] * 2
    bench.chain.reorg(2, keep_requests=True, keep_answers=False)
    bench.chain.mempool.clear()
    bench.wait(LOST_AFTER_S)
    settle_down(bench, 8)
    answered_once(bench, ids)


def test_a_receipt_is_read_once_for_all_of_them(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Hash32] = []
    whole = bench.chain.receipts

    def receipts(hashes: list[Hash32]) -> object:
        asked.extend(hashes)
        return whole(hashes)

    monkeypatch.setattr(bench.chain, "receipts", receipts)
    ask(bench, 5)
    bench.work()
    bench.mine()
    assert len(asked) == 1

"""Orders: each refusal is said at the door, and what was taken is answered once, whatever happens in between."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.daemon_kit import GWEI, Bench, Killed
from tests.fakes import OPERATOR, REQUESTER, SIGNATURE
from themis.core import listing
from themis.core.errors import Reason, Refused, Unavailable
from themis.core.job import State
from themis.core.keccak import keccak
from themis.core.pricing import Pricing, Rule
from themis.core.requesters import Requesters
from themis.core.types import Address, Denial
from themis.daemon import orders
from themis.daemon.infer import InferApart
from themis.daemon.orders import Door

SOMEBODY = Address(b"\x77" * 20)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "themis.db")
    bench.chain.mine()
    bench.see()
    return bench


def test_an_order_is_answered_in_one_transaction(bench: Bench) -> None:
    id_ = bench.order(b"a question")
    assert bench.job(id_).state is State.SEEN
    bench.work()
    assert bench.job(id_).state is State.SENDING
    bench.mine()
    bench.settle.step()
    job = bench.job(id_)
    assert (job.state, job.answer and job.answer.output) == (State.DONE, keccak(b"a question"))
    assert [each.output for each in bench.chain.answers()[id_]] == [keccak(b"a question")]
    assert len(bench.chain.sent) == 1
    assert job.least_pay == job.request.fee * 8 // 10, "both royalties are off it"


def test_a_list_is_answered_by_one_root_and_keeps_its_parts(bench: Bench) -> None:
    inputs = [bytes([n]) for n in range(1, 40)]
    id_ = bench.order(listing.pack(inputs), items=len(inputs))
    bench.work()
    bench.mine()
    answer = bench.job(id_).answer
    assert answer is not None
    assert answer.parts == tuple(keccak(each) for each in inputs)
    assert answer.output == listing.result_root(inputs, answer.parts)
    assert [each.output for each in bench.chain.answers()[id_]] == [answer.output]
    bench.restart()
    again = bench.job(id_).answer
    assert again == answer


def test_an_order_that_comes_again_is_the_same(bench: Bench) -> None:
    order = bench.chain.order()
    job = bench.door.take(order, SIGNATURE, [b"in"])
    assert job.state is State.SEEN
    bench.work()
    again = bench.door.take(order, SIGNATURE, [b"in"])
    assert (again.id, again.state) == (job.id, State.SENDING)
    bench.mine()
    assert bench.door.take(order, b"", [b"in"]).state is State.DONE
    bench.mine()
    assert len(bench.chain.answers()[job.id]) == 1


def deny(account: Address) -> Callable[[Bench], None]:
    denial = Denial("AuthorizationRequired", f"licensee=0x{account.hex()}, role={'operator' * (account == OPERATOR)}")
    return lambda bench: bench.chain.denials.update({account: denial})


REFUSALS: list[tuple[str, Reason, Callable[[Bench], None], dict[str, Any]]] = [
    ("another operator's", Reason.UNSERVED_REQUESTER, lambda _: None, {"operator": SOMEBODY}),
    ("another model", Reason.UNKNOWN_MODEL, lambda _: None, {"model_id": bytes(32)}),
    ("late", Reason.EXPIRED, lambda _: None, {"deadline_s": 1}),
    ("requester without a license", Reason.UNLICENSED_REQUESTER, deny(REQUESTER), {}),
    ("operator without a license", Reason.UNLICENSED_OPERATOR, deny(OPERATOR), {}),
    ("a deposit that is too small", Reason.UNCOVERED, lambda bench: setattr(bench.chain, "deposit", 10), {"fee": 11}),
    ("below the operator's price", Reason.UNDERPAID, lambda bench: setattr(bench.chain, "min_fee", 10), {"fee": 10}),
    ("a callback that is too long", Reason.UNSENDABLE, lambda _: None, {"callback_gas": 1_000_001}),
    ("what no block has room for", Reason.UNSENDABLE, lambda _: None, {"callback_gas": 2**31}),
]


@pytest.mark.parametrize(("reason", "prepare", "changes"), [row[1:] for row in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_what_is_not_served_is_refused_at_the_door(
    bench: Bench, reason: Reason, prepare: Callable[[Bench], None], changes: dict[str, Any]
) -> None:
    prepare(bench)
    with pytest.raises(Refused) as refused:
        bench.order(**changes)
    assert refused.value.reason is reason
    assert refused.value.detail
    assert bench.store.jobs() == []


def test_what_was_not_signed_or_not_asked_is_refused(bench: Bench) -> None:
    order = bench.chain.order()
    for signature, inputs, reason in (
        (b"another", [b"in"], Reason.UNSIGNED),
        (SIGNATURE, [b"another"], Reason.INVALID_INPUT),
    ):
        with pytest.raises(Refused) as refused:
            bench.door.take(order, signature, inputs)
        assert refused.value.reason is reason
    many = bench.chain.order(listing.pack([b"1", b"2"]), items=2)
    with pytest.raises(Refused, match="for 2 inputs, and there are 1"):
        bench.door.take(many, SIGNATURE, [b"1"])


def test_orders_that_wait_share_a_deposit_and_no_lane(bench: Bench) -> None:
    bench.chain.deposit = 10
    bench.order(b"1", fee=6, lane=1)
    with pytest.raises(Refused, match="orders that are open here need 6 of it, this one needs 5") as refused:
        bench.order(b"2", fee=5, lane=2)
    assert refused.value.reason is Reason.UNCOVERED
    with pytest.raises(Refused, match="another order waits in lane 1") as refused:
        bench.order(b"3", fee=1, lane=1)
    assert refused.value.reason is Reason.OUT_OF_TURN
    bench.order(b"4", fee=4, lane=2)
    bench.work()
    bench.mine()
    assert len(bench.chain.answers()) == 2


def test_only_so_many_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MOST_OPEN_EACH", 2)
    monkeypatch.setattr(orders, "MOST_OPEN", 3)
    for n in range(2):
        bench.order(bytes([n + 1]))
    with pytest.raises(Refused, match="2 of its requester's orders wait") as refused:
        bench.order(b"more")
    assert refused.value.reason is Reason.TOO_MANY
    bench.order(b"other", requester=SOMEBODY)
    with pytest.raises(Refused, match="3 orders wait"):
        bench.order(b"other", requester=Address(b"\x78" * 20))
    bench.work()
    bench.mine()
    bench.order(b"more")


def test_the_operators_lists_and_limits_hold_for_orders(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", requesters=Requesters(deny=frozenset({SOMEBODY}), max_per_hour=1))
    bench.see()
    with pytest.raises(Refused, match=r"requesters\.deny"):
        bench.order(requester=SOMEBODY)
    bench.order(b"1")
    bench.work()
    with pytest.raises(Refused, match=r"requesters\.max_per_hour is 1"):
        bench.order(b"2")


def test_no_order_is_taken_at_a_loss(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.WAIT))
    bench.see()
    price = 2 * GWEI
    needed = (130_000 + 32 * 60) * price
    fee = needed * 10 // 8 + 10
    with pytest.raises(Refused, match="gas 131920 at 2000000000 wei") as refused:
        bench.order(b"1", fee=fee - 100)
    assert refused.value.reason is Reason.UNDERPAID
    id_ = bench.order(b"2", fee=fee)
    bench.chain.base_fee_wei = 10 * GWEI
    bench.chain.mine()
    bench.work()
    assert bench.job(id_).state is State.WAITING, "gas has got dearer since"
    bench.chain.base_fee_wei = GWEI
    bench.chain.mine()
    bench.work()
    assert bench.job(id_).state is State.SENDING


def test_first_uses_of_an_order_are_paid_for_or_it_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.WAIT))
    bench.see()
    bench.chain.gas_of_orders = 225_510
    price = 2 * GWEI
    usual, dear = ((gas * price) * 10 // 8 + 10 for gas in (131_920, 225_510))
    with pytest.raises(Refused, match="gas 225510 at 2000000000 wei") as refused:
        bench.order(b"1", fee=usual)
    assert refused.value.reason is Reason.UNDERPAID
    first = bench.order(b"2", fee=dear)
    bench.chain.gas_of_orders = 131_920
    others = bench.order(b"3", fee=usual)
    bench.chain.gas_of_orders = 250_000  # a wallet's contract has changed since
    bench.work()
    assert [bench.job(each).state for each in (first, others)] == [State.COMPUTED, State.COMPUTED]
    request = bench.chain.ask(b"4", fee=usual)
    bench.work()
    assert bench.job(request).state is State.SENDING, "nobody waits for those that wait"
    bench.chain.base_fee_wei = GWEI // 100
    bench.mine()
    bench.work()
    assert [bench.job(each).state for each in (first, others)] == [State.SENDING, State.SENDING]


@pytest.mark.parametrize("computed", [False, True])
def test_who_cancels_before_the_answer_is_sent_costs_no_gas(bench: Bench, *, computed: bool) -> None:
    id_ = bench.order()
    bench.judge.step()
    if computed:
        bench.infer.step()
    bench.chain.canceled.add(id_)
    bench.work()
    job = bench.job(id_)
    assert (job.state, job.reason) == (State.CLOSED, Reason.OUT_OF_TURN)
    assert bench.chain.sent == []


def test_who_cancels_later_closes_the_order_with_the_oracles_reason(bench: Bench) -> None:
    id_ = bench.order()
    bench.work()
    bench.chain.canceled.add(id_)
    bench.mine()
    bench.wait(60)
    bench.work()
    job = bench.job(id_)
    assert (job.state, job.reason) == (State.CLOSED, Reason.REVERTED)
    assert "NotNext" in job.detail
    assert bench.store.unsettled() == []


def test_an_order_does_not_leave_the_chain_with_the_block_it_was_taken_at(bench: Bench) -> None:
    bench.mine()
    id_ = bench.order()
    asked = bench.chain.ask(b"a request")
    bench.judge.step()
    bench.chain.reorg(2, keep_requests=False, keep_answers=False)
    bench.see()
    assert bench.job(id_).state is State.QUEUED
    assert bench.job(id_).seen_at.block_number == 1
    bench.work()
    bench.mine()
    assert list(bench.chain.answers()) == [id_]
    assert asked not in bench.chain.answers()


@pytest.mark.parametrize("keep_answers", [False, True])
def test_an_answer_whose_block_leaves_the_chain_is_given_again(bench: Bench, *, keep_answers: bool) -> None:
    id_ = bench.order(listing.pack([b"1", b"2"]), items=2)
    bench.work()
    bench.mine()
    parts = bench.job(id_).answer
    bench.chain.reorg(1, keep_requests=True, keep_answers=keep_answers)
    for _ in range(3):
        bench.work()
        bench.wait(60)
        bench.mine()
    assert len(bench.chain.answers()[id_]) == 1
    job = bench.job(id_)
    assert (job.state, job.answer) == (State.DONE, parts)


@pytest.mark.parametrize("effects", range(9))
def test_wherever_it_is_killed_an_order_is_answered_once(bench: Bench, effects: int) -> None:
    order = bench.chain.order()
    bench.life.left = effects
    try:
        bench.door.take(order, SIGNATURE, [b"in"])
        bench.work()
        bench.mine()
        bench.settle.step()
    except Killed:
        bench.restart()
    bench.life.left = None
    bench.see()
    id_ = bench.door.take(order, SIGNATURE, [b"in"]).id
    for _ in range(3):
        bench.work()
        bench.wait(60)
        bench.mine()
    assert len(bench.chain.answers()[id_]) == 1
    assert bench.job(id_).state is State.DONE


def test_a_lost_store_answers_no_order_twice(bench: Bench) -> None:
    order = bench.chain.order()
    bench.door.take(order, SIGNATURE, [b"in"])
    bench.work()
    bench.mine()
    bench.lose_store()
    bench.see()
    with pytest.raises(Refused, match="NotNext") as refused:
        bench.door.take(order, SIGNATURE, [b"in"])
    assert refused.value.reason is Reason.OUT_OF_TURN


def test_who_comes_before_the_chain_is_read_or_while_it_is_down_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "_CATCH_UP_S", 0)
    bench = Bench(tmp_path / "themis.db")
    asleep = Door(bench.node)
    with pytest.raises(Unavailable, match="was not read yet"):
        asleep.take(bench.chain.order(), SIGNATURE, [b"in"])
    bench.see()
    bench.chain.mine()
    with pytest.raises(Unavailable, match="block 1 of the chain was not read yet"):
        asleep.take(bench.chain.order(), SIGNATURE, [b"in"])
    bench.see()
    bench.chain.down = True
    order = bench.chain.order()
    with pytest.raises(Unavailable):
        bench.door.take(order, SIGNATURE, [b"in"])
    bench.chain.down = False
    assert bench.door.take(order, SIGNATURE, [b"in"]).state is State.SEEN


def test_a_list_spends_as_many_uses_as_it_has_inputs(bench: Bench) -> None:
    bench.chain.quota = 3
    first = bench.order(listing.pack([b"1", b"2"]), items=2)
    bench.work()
    second = bench.order(listing.pack([b"3", b"4"]), items=2)
    bench.work()
    assert bench.job(second).reason is Reason.UNLICENSED_OPERATOR
    bench.mine()
    assert list(bench.chain.answers()) == [first]


def test_one_input_that_cannot_be_answered_closes_its_list(bench: Bench) -> None:
    bench.engine.refuse = lambda input_: input_ == b"2"
    bad = bench.order(listing.pack([b"1", b"2"]), items=2)
    good = bench.order(b"3")
    bench.work()
    assert bench.job(bad).reason is Reason.ENGINE_REFUSED
    assert bench.job(good).state is State.SENDING


def test_code_that_a_list_names_is_fetched_once_for_each(bench: Bench) -> None:
    target = Address(b"\x55" * 20)
    bench.chain.code_at[target] = b"code"
    named = target + keccak(b"code")
    id_ = bench.order(listing.pack([named, b"1", named]), items=3)
    other = bench.order(listing.pack([target + keccak(b"other")]), items=1)
    bench.work()
    answer = bench.job(id_).answer
    assert answer is not None
    assert answer.parts == (keccak(named + b"code"), keccak(b"1"), keccak(named + b"code"))
    assert bench.job(other).reason is Reason.CODE_CHANGED


def test_an_order_shares_no_transaction_with_requests(bench: Bench) -> None:
    ids = [bench.chain.ask(b"1"), bench.chain.ask(b"2")]
    bench.see()
    ids.append(bench.order(b"3"))
    bench.work()
    assert sorted(len(each.job_ids) for each in bench.store.unsettled()) == [1, 2]
    bench.mine()
    assert set(bench.chain.answers()) == set(ids)


def test_a_model_that_runs_apart_answers_lists(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db")
    bench.see()
    id_ = bench.order(listing.pack([b"1", b"2"]), items=2)
    bench.judge.step()
    (info,) = bench.engine.models().values()
    assert InferApart(bench.node, replace(info, batched=False)).step()
    answer = bench.job(id_).answer
    assert answer is not None
    assert answer.parts == (keccak(b"1"), keccak(b"2"))

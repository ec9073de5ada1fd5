"""Transactions of a node, on fakes: what pools refuse, forget, put aside and find too cheap, and that nonces go on."""

from pathlib import Path

import pytest

from tests.daemon_kit import GWEI, Bench
from tests.fakes import decoded
from themis.core.errors import Reason
from themis.core.job import State
from themis.daemon.attempts import BUMP_AFTER_S, LOOK_AFTER_S, LOST_AFTER_S, RESEND_AFTER_S
from themis.daemon.flight import FIRST, LEAST

ONE_EACH = 1_000_000
"""Gas of a block of which no transaction's fair share has room for two answers."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "themis.db")


def test_a_refused_broadcast_is_tried_again(bench: Bench) -> None:
    bench.chain.refuse_send = "insufficient funds for gas * price + value"
    id_ = bench.chain.ask()
    bench.work()
    assert bench.job(id_).state is State.SENDING
    bench.chain.refuse_send = None
    bench.wait(RESEND_AFTER_S)
    bench.work()
    bench.mine()
    assert bench.job(id_).state is State.DONE
    assert len(set(bench.chain.sent)) == 1


def test_a_forgotten_transaction_is_broadcast_again(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.work()
    bench.chain.mempool.clear()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    bench.mine()
    assert bench.job(id_).state is State.DONE


def test_a_stuck_transaction_is_replaced_by_a_dearer_one(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.work()
    bench.chain.base_fee_wei = 20 * GWEI
    bench.mine()
    assert bench.job(id_).state is State.SENDING
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert {transaction.nonce for transaction in bench.store.unsettled()} == {0}
    bench.mine()
    assert bench.job(id_).state is State.DONE
    assert len(bench.chain.answers()[id_]) == 1
    assert bench.store.unsettled() == []


def test_a_transaction_nobody_takes_is_bumped_in_time(bench: Bench) -> None:
    bench.chain.ask()
    bench.work()
    bench.wait(BUMP_AFTER_S)
    bench.work()
    first, second = bench.store.unsettled()
    assert second.fees.max_fee_wei > first.fees.max_fee_wei
    assert second.fees.priority_fee_wei > first.fees.priority_fee_wei


def test_a_base_fee_that_keeps_rising_is_followed_to_the_cap(bench: Bench) -> None:
    """The newest attempt is the one that is bumped: an older one was once sent 251 times."""
    id_ = bench.chain.ask()
    bench.work()
    for gwei in (4, 10, 22, 46, 99):
        bench.chain.base_fee_wei = gwei * GWEI
        bench.chain.mine()
        bench.wait(RESEND_AFTER_S)
        bench.work()
    prices = [transaction.fees.max_fee_wei for transaction in bench.store.unsettled()]
    assert prices == sorted(set(prices))
    assert {transaction.nonce for transaction in bench.store.unsettled()} == {0}
    bench.mine()
    assert bench.job(id_).state is State.DONE
    assert len(bench.chain.sent) == len(prices) == 6


def test_at_the_cap_it_is_said_once_what_to_do(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    id_ = bench.chain.ask()
    bench.work()
    bench.chain.base_fee_wei = 500 * GWEI
    for _ in range(30):
        bench.chain.mine()
        bench.wait(RESEND_AFTER_S)
        bench.work()
    trouble = bench.node.troubles.found()[0]
    assert trouble.startswith(
        "nonce 0 waits: the chain asks for 500 gwei per gas, fees.max_fee_gwei caps it at 200 gwei: raise it"
    )
    assert sum("waits" in record.message for record in caplog.records) == 1
    bench.chain.base_fee_wei = GWEI
    bench.mine()
    assert bench.job(id_).state is State.DONE
    later = bench.chain.ask(b"later")
    bench.work()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.node.troubles.found() == []
    bench.mine()
    assert bench.job(later).state is State.DONE


def test_what_is_mined_after_a_bump_is_the_first_attempt(bench: Bench) -> None:
    """Whichever attempt a miner took: no second answer is sent."""
    id_ = bench.chain.ask()
    bench.work()
    mempool = dict(bench.chain.mempool)
    bench.wait(BUMP_AFTER_S)
    bench.work()
    bench.chain.fail_next_fulfillments = 1
    bench.chain.mempool = mempool
    bench.mine()
    for _ in range(3):
        bench.wait(LOST_AFTER_S)
        bench.work()
    assert bench.job(id_).reason is Reason.REVERTED
    assert {transaction.nonce for transaction in bench.store.unsettled()} == set()
    assert bench.node.troubles.found() == []


def test_what_the_pool_puts_aside_is_replaced_at_the_next_look(bench: Bench) -> None:
    """Anvil has kept the account's next transaction back; it says `already known` to it, and everything waits."""
    bench.chain.gas_limit = ONE_EACH
    ids = [bench.chain.ask(bytes([n])) for n in range(10)]
    bench.work()
    bench.chain.aside = {t.hash for t in bench.store.unsettled() if t.nonce == 3}
    bench.mine()
    assert [bench.job(id_).state for id_ in ids] == [State.DONE] * 3 + [State.SENDING] * 7
    bench.wait(LOOK_AFTER_S)
    bench.work()
    bench.mine()
    assert {bench.job(id_).state for id_ in ids} == {State.DONE}
    assert len(set(bench.chain.sent)) == 11


def test_a_pool_that_tells_nothing_of_its_pending_is_not_outbid_for_ever(bench: Bench) -> None:
    """Behind some endpoints `pending` is `latest`: the price must not climb to the cap within seconds."""
    bench.chain.ask()
    bench.work()
    bench.chain.aside = {t.hash for t in bench.store.unsettled()}
    for _ in range(60):
        bench.wait(1)
        bench.work()
        bench.chain.aside |= {t.hash for t in bench.store.unsettled()}
    assert len(bench.store.unsettled()) <= 4


def test_a_chain_that_demands_a_higher_tip_gets_it(bench: Bench) -> None:
    bench.chain.least_tip_wei = bench.chain.suggested_tip_wei = 25 * GWEI
    id_ = bench.chain.ask()
    bench.work()
    bench.mine()
    assert bench.job(id_).state is State.DONE
    assert len(bench.chain.sent) == 1


def test_a_tip_that_nobody_suggests_is_found(bench: Bench) -> None:
    bench.chain.least_tip_wei = 3 * GWEI
    id_ = bench.chain.ask()
    bench.work()
    for _ in range(6):
        bench.wait(RESEND_AFTER_S)
        bench.work()
        bench.mine()
    assert bench.job(id_).state is State.DONE


def test_a_chain_without_base_fee_gets_transactions_of_type_0(bench: Bench) -> None:
    bench.chain.base_fee_wei = None
    bench.chain.suggested_tip_wei = 7 * GWEI
    id_ = bench.chain.ask()
    bench.work()
    bench.mine()
    assert bench.job(id_).state is State.DONE
    (raw,) = bench.chain.sent
    assert raw[0] >= 0xC0
    assert decoded(raw).price == 7 * GWEI


def test_what_no_pool_will_take_closes_and_lets_the_others_through(bench: Bench) -> None:
    bench.chain.refuse_send = "transaction gas limit too high (cap: 16777216, tx: 20000000)"
    first = bench.chain.ask()
    bench.work()
    bench.chain.refuse_send = None
    second = bench.chain.ask(b"second")
    bench.work()
    bench.wait(RESEND_AFTER_S)
    bench.work()
    bench.mine()
    assert bench.job(first).reason is Reason.UNSENDABLE
    assert "16777216" in bench.job(first).detail
    assert bench.job(second).state is State.DONE


def test_what_is_in_flight_follows_what_the_pool_takes(bench: Bench) -> None:
    bench.chain.gas_limit = ONE_EACH
    ids = [bench.chain.ask(n.to_bytes(2, "big")) for n in range(FIRST + 100)]
    bench.work()
    assert len(bench.store.unsettled()) == len(ids)
    bench.mine()
    assert {bench.job(id_).state for id_ in ids} == {State.DONE}


def test_a_pool_that_is_full_gets_less(bench: Bench) -> None:
    bench.chain.slots = 20
    bench.chain.gas_limit = ONE_EACH
    ids = [bench.chain.ask(n.to_bytes(2, "big")) for n in range(100)]
    bench.work()
    assert LEAST <= bench.node.flight.limit < 100
    for _ in range(20):
        bench.mine()
        bench.wait(RESEND_AFTER_S)
        bench.work()
    assert {bench.job(id_).state for id_ in ids} == {State.DONE}
    assert bench.node.flight.limit <= 64


def test_a_dry_wallet_says_so_and_goes_on(bench: Bench) -> None:
    bench.chain.refuse_send = "insufficient funds for gas * price + value"
    id_ = bench.chain.ask()
    bench.work()
    (trouble,) = bench.node.troubles.found()
    assert trouble.startswith("the balance does not pay for what is to be sent: fund 0x")
    bench.chain.refuse_send = None
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.node.troubles.found() == []
    bench.mine()
    assert bench.job(id_).state is State.DONE


def test_an_endpoint_that_takes_nothing_is_quoted(bench: Bench) -> None:
    bench.chain.refuse_send = "transactions are disabled here"
    bench.chain.ask()
    bench.work()
    assert bench.node.troubles.found() == ["the RPC takes no transactions: transactions are disabled here"]


def test_a_foreign_transaction_is_named(bench: Bench) -> None:
    bench.chain.ask()
    bench.work()
    bench.chain.mempool.clear()
    bench.chain.chain[-1].nonce += 1
    for _ in range(2):
        bench.wait(LOST_AFTER_S)
        bench.work()
    (trouble,) = bench.node.troubles.found()
    assert trouble.startswith("nonce 0 of 0x")

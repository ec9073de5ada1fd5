"""What a node answers for which fee, for whom, and with which balance, on fakes."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from tests.daemon_kit import GWEI, Bench
from tests.fakes import GAS_USED, REQUESTER
from themis.core.errors import Reason
from themis.core.fees import committee_gas, fulfill_gas
from themis.core.job import State
from themis.core.pricing import Pricing, Rule, default_rule
from themis.core.requesters import Requesters
from themis.core.spelling import ether
from themis.core.types import Address
from themis.daemon.afford import DAY_S
from themis.daemon.attempts import LOOK_AFTER_S, RESEND_AFTER_S
from themis.daemon.judge import MAX_WAITING
from themis.daemon.worth import lacking_now

TOKEN = Address(b"\x55" * 20)
OTHER = Address(b"\x66" * 20)
ANSWER_WEI = 105_000 * 2 * GWEI
"""What an answer of 32 bytes costs at a base fee and a tip of a gwei each: 101,920 gas, and some room."""

FIRST_USES = 148_122
"""What the dearest one takes: contracts/snapshots/gas.json, "fulfill, paid, every limit, first credits"."""
COMMITTEES: Final = ((2, 3), (3, 5))
MEASURED: Final = json.loads((Path(__file__).parents[3] / "contracts/snapshots/gas.json").read_text())["gas"]


def test_nothing_is_at_a_loss_but_on_development_chains() -> None:
    assert [default_rule(chain_id) for chain_id in (31_337, 1_337, 1, 10, 8_453)] == [Rule.FREE] * 2 + [Rule.WAIT] * 3


@pytest.mark.parametrize("rule", [Rule.WAIT, Rule.REFUSE])
def test_a_fee_that_pays_is_answered_and_none_is_refused(tmp_path: Path, rule: Rule) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(rule))
    paid = bench.chain.ask(b"paid", fee=ANSWER_WEI, royalty_bps=0)
    free = bench.chain.ask(b"free", fee=0)
    bench.work()
    bench.mine()
    assert bench.job(paid).state is State.DONE
    assert bench.job(free).reason is Reason.UNDERPAID
    assert bench.job(free).detail.startswith("its fee is worth 0 wei to the operator, the answer costs 2")
    assert bench.job(free).detail.endswith(f"fees.policy is {rule}")
    assert bench.engine.runs == 1


@pytest.mark.parametrize(
    "changes", [{"royalty_bps": 1_000}, {"callback_gas": 500_000}, {"fee": ANSWER_WEI - 10_000 * GWEI}]
)
def test_royalty_and_callback_have_a_price(tmp_path: Path, changes: dict[str, int]) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.REFUSE))
    id_ = bench.chain.ask(b"in", **{"fee": ANSWER_WEI, "royalty_bps": 0} | changes)
    bench.work()
    assert bench.job(id_).reason is Reason.UNDERPAID


def test_the_margin_is_asked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.REFUSE, margin_percent=10))
    low = bench.chain.ask(b"low", fee=ANSWER_WEI, royalty_bps=0)
    high = bench.chain.ask(b"high", fee=ANSWER_WEI * 110 // 100, royalty_bps=0)
    bench.work()
    assert (bench.job(low).reason, bench.job(high).state) == (Reason.UNDERPAID, State.SENDING)


def test_a_token_is_worth_what_the_operator_says(tmp_path: Path) -> None:
    worth = Pricing(Rule.REFUSE, token_wei={TOKEN: Decimal("3e8")})
    bench = Bench(tmp_path / "themis.db", pricing=worth)
    known = bench.chain.ask(b"known", token=TOKEN, fee=ANSWER_WEI // 3 // 10**8, royalty_bps=0)
    low = bench.chain.ask(b"low", token=TOKEN, fee=ANSWER_WEI // 4 // 10**8, royalty_bps=0)
    unknown = bench.chain.ask(b"unknown", token=OTHER, fee=10**28)
    bench.work()
    assert bench.job(known).state is State.SENDING
    assert bench.job(low).reason is Reason.UNDERPAID
    assert f"set fees.token_wei for 0x{OTHER.hex()}" in bench.job(unknown).detail


@pytest.mark.parametrize("rule", [Rule.WAIT, Rule.REFUSE])
def test_first_uses_of_a_request_are_paid_for_or_it_is_not_answered(tmp_path: Path, rule: Rule) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(rule))
    bench.chain.gas_of_requests = FIRST_USES
    usual = bench.chain.ask(b"usual", fee=ANSWER_WEI, royalty_bps=0)
    dear = bench.chain.ask(b"dear", fee=FIRST_USES * 2 * GWEI, royalty_bps=0)
    bench.work()
    assert bench.job(dear).state is State.SENDING
    assert (bench.job(usual).state, bench.job(usual).reason) == (
        (State.WAITING, None) if rule is Rule.WAIT else (State.CLOSED, Reason.UNDERPAID)
    )
    assert f"gas {FIRST_USES} at" in bench.job(usual).detail
    bench.chain.base_fee_wei = GWEI // 100
    bench.mine()
    bench.mine()
    assert bench.job(usual).state is (State.DONE if rule is Rule.WAIT else State.CLOSED)


def test_what_an_answer_takes_is_asked_only_where_it_may_be_a_loss(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.REFUSE))
    bench.chain.gas_untold = True
    rich = bench.chain.ask(b"rich", fee=10 * ANSWER_WEI, royalty_bps=0)
    poor = bench.chain.ask(b"poor", fee=ANSWER_WEI // 2, royalty_bps=0)
    usual = bench.chain.ask(b"usual", fee=ANSWER_WEI, royalty_bps=0)
    bench.work()
    assert [bench.job(each).state for each in (rich, poor, usual)] == [State.SENDING, State.CLOSED, State.SEEN]
    bench.chain.gas_untold = False
    bench.work()
    assert bench.job(usual).state is State.SENDING, "an endpoint that does not say closes nothing"


@pytest.mark.parametrize(("signers", "members"), COMMITTEES)
def test_what_a_committee_adds_is_reckoned_as_it_was_measured(signers: int, members: int) -> None:
    name, order = (f"committee {signers} of {members}{what}, over a single operator" for what in ("", ", order"))
    assert max(MEASURED[name], MEASURED[order]) <= committee_gas(signers) <= MEASURED[name] * 9 // 8
    assert committee_gas(0) == 0


@pytest.mark.parametrize(("signers", "members"), COMMITTEES)
def test_a_committees_signatures_are_paid_for(tmp_path: Path, signers: int, members: int) -> None:
    """Those of usual answers, and those of answers that the chain says to take more."""
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.REFUSE), signers=signers)
    measured = MEASURED[f"committee {signers} of {members}, over a single operator"]
    usual, dear = ANSWER_WEI // (2 * GWEI), FIRST_USES
    for takes in (usual, dear):
        bench.chain.gas_of_requests = takes
        loss, pays = (
            bench.chain.ask(f"{takes} {gas}".encode(), fee=gas * 2 * GWEI, royalty_bps=0)
            for gas in (takes + measured - 5_000, takes + committee_gas(signers))
        )
        bench.work()
        assert bench.job(loss).reason is Reason.UNDERPAID
        assert bench.job(pays).state is State.SENDING


def test_what_members_have_signed_is_asked_with_their_signatures(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.REFUSE), signers=2)
    whole = FIRST_USES + committee_gas(2)
    bench.chain.gas_of_requests = whole
    id_ = bench.chain.ask(fee=whole * 2 * GWEI, royalty_bps=0)
    bench.see()
    job = bench.job(id_)
    newest = bench.store.newest()
    assert newest is not None
    (alone,) = lacking_now(bench.node, [(job, b"")], newest.id)
    assert f"gas {whole + committee_gas(2)}" in str(alone)
    (signed,) = lacking_now(bench.node, [(replace(job, signatures=(b"", b"")), b"")], newest.id)
    assert signed == ""


def test_first_uses_that_come_up_before_it_is_sent_hold_up_nobody(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.REFUSE))
    usual = bench.chain.ask(b"usual", fee=ANSWER_WEI, royalty_bps=0)
    bench.see()
    while bench.judge.step() or bench.infer.step():
        pass
    bench.chain.gas_of_requests = FIRST_USES
    rich = bench.chain.ask(b"rich", fee=10 * ANSWER_WEI, royalty_bps=0)
    bench.work()
    assert [bench.job(each).state for each in (usual, rich)] == [State.COMPUTED, State.SENDING]


def test_what_pays_too_little_waits_for_cheaper_gas(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.WAIT))
    bench.chain.base_fee_wei = 20 * GWEI
    id_ = bench.chain.ask(fee=ANSWER_WEI, royalty_bps=0)
    bench.work()
    assert bench.job(id_).state is State.WAITING
    assert bench.job(id_).detail.startswith("its fee is worth")
    for _ in range(3):
        bench.mine()
    assert bench.job(id_).state is State.WAITING
    bench.chain.base_fee_wei = GWEI
    bench.mine()
    bench.mine()
    assert bench.job(id_).state is State.DONE
    facts = [entry.fact for entry in bench.store.history(id_)]
    assert facts == ["Seen", "Underpaid", "Paid", "Accepted", "Computed", "Sent", "Mined", "Finalized"]


def test_what_waits_in_vain_expires_with_the_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.WAIT))
    bench.chain.base_fee_wei = 20 * GWEI
    id_ = bench.chain.ask(fee=ANSWER_WEI, royalty_bps=0, deadline_s=bench.chain.head().timestamp_s + 10)
    bench.work()
    for _ in range(8):
        bench.mine()
    assert bench.job(id_).reason is Reason.EXPIRED
    assert bench.job(id_).detail.startswith("its fee is worth")


def test_those_that_wait_are_few_and_hold_up_nobody(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.WAIT))
    cheap = [bench.chain.ask(n.to_bytes(2, "big"), fee=1, royalty_bps=0) for n in range(MAX_WAITING + 50)]
    paid = bench.chain.ask(b"paid", fee=ANSWER_WEI, royalty_bps=0)
    bench.work()
    assert bench.job(paid).state is State.SENDING
    assert [bench.job(id_).state for id_ in cheap].count(State.WAITING) == MAX_WAITING
    assert bench.store.counts().by_reason[Reason.UNDERPAID] == 50
    assert not bench.judge.step()


def test_an_answer_that_became_too_dear_waits_and_holds_up_nobody(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db", pricing=Pricing(Rule.REFUSE))
    poor = [bench.chain.ask(n.to_bytes(2, "big"), fee=ANSWER_WEI, royalty_bps=0) for n in range(100)]
    rich = bench.chain.ask(b"rich", fee=100 * ANSWER_WEI, royalty_bps=0)
    bench.see()
    while bench.judge.step() or bench.infer.step():
        pass
    bench.chain.base_fee_wei = 20 * GWEI
    bench.mine()
    assert {bench.job(id_).state for id_ in poor} == {State.COMPUTED}
    assert bench.job(rich).state is State.SENDING
    assert not bench.send.step()


def test_an_answer_that_no_block_can_hold_is_refused_before_it_is_computed(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db")
    hungry = bench.chain.ask(b"hungry", callback_gas=30_000_000)
    other = bench.chain.ask(b"other")
    bench.work()
    bench.mine()
    assert bench.job(hungry).reason is Reason.UNSENDABLE
    assert "a block of this chain has 30000000" in bench.job(hungry).detail
    assert bench.job(other).state is State.DONE
    assert bench.engine.runs == 1


def test_an_answer_that_the_balance_does_not_cover_waits_and_holds_up_nobody(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "themis.db")
    bench.chain.balance = 2 * fulfill_gas(bench.chain.request(), bytes(32)) * 3 * GWEI
    dear = [bench.chain.ask(bytes([n]), callback_gas=5_000_000) for n in range(70)]
    cheap = bench.chain.ask(b"cheap")
    bench.work()
    (trouble,) = bench.node.troubles.found()
    assert trouble.startswith("70 answers wait for balance")
    bench.mine()
    assert bench.job(cheap).state is State.DONE
    bench.chain.balance = 10**18
    bench.wait(RESEND_AFTER_S)
    bench.work()
    bench.mine()
    assert {bench.job(id_).state for id_ in dear} <= {State.DONE, State.SENDING}
    assert bench.node.troubles.found() == []


def test_what_the_balance_never_covered_gives_its_nonce_up(tmp_path: Path) -> None:
    """The wallet was emptied after the node had looked: nothing of what was signed is in any pool."""
    bench = Bench(tmp_path / "themis.db")
    bench.work()
    assert bench.node.account.nonce() == 0
    bench.chain.balance = 4 * fulfill_gas(bench.chain.request(), bytes(32)) * 3 * GWEI
    dear = bench.chain.ask(b"dear", callback_gas=5_000_000)
    bench.work()
    cheap = [bench.chain.ask(bytes([n])) for n in range(2)]
    for _ in range(9):
        bench.wait(LOOK_AFTER_S)
        bench.work()
        bench.mine()
    assert {bench.job(id_).state for id_ in cheap} == {State.DONE}
    assert bench.job(dear).state is State.COMPUTED
    bench.chain.balance = 10**18
    for _ in range(3):
        bench.wait(RESEND_AFTER_S)
        bench.work()
        bench.mine()
    assert bench.job(dear).state is State.DONE
    assert bench.node.troubles.found() == []


def test_no_more_is_spent_in_a_day_than_the_cap(tmp_path: Path) -> None:
    most_wei = fulfill_gas(Bench(tmp_path / "other.db").chain.request(), bytes(32)) * 3 * GWEI
    cost_wei = GAS_USED * 2 * GWEI
    cap = 5 * cost_wei + most_wei
    bench = Bench(tmp_path / "themis.db", max_spend_wei=cap)
    ids = [bench.chain.ask(bytes([n]), deadline_s=2**40 - 1) for n in range(20)]
    for _ in range(12):
        bench.work()
        bench.mine()
    assert bench.store.spent_wei(0) <= cap
    assert [bench.job(id_).state for id_ in ids].count(State.DONE) == 6
    (trouble,) = bench.node.troubles.found()
    assert trouble == f"fees.max_spend_wei_per_day of {ether(cap)} is reached, 14 answers wait: raise it, or wait"
    bench.restart()
    bench.work()
    assert [bench.job(id_).state for id_ in ids].count(State.COMPUTED) == 14
    bench.wait(DAY_S + 1)
    bench.work()
    bench.mine()
    assert [bench.job(id_).state for id_ in ids].count(State.DONE) > 6


@pytest.mark.parametrize(
    ("lists", "served"),
    [
        (Requesters(deny=frozenset([REQUESTER])), False),
        (Requesters(deny=frozenset([OTHER])), True),
        (Requesters(allow=frozenset([OTHER])), False),
        (Requesters(allow=frozenset([OTHER, REQUESTER])), True),
        (Requesters(allow=frozenset([REQUESTER]), deny=frozenset([REQUESTER])), False),
    ],
)
def test_lists_say_who_is_served(tmp_path: Path, lists: Requesters, *, served: bool) -> None:
    bench = Bench(tmp_path / "themis.db", requesters=lists)
    id_ = bench.chain.ask()
    bench.work()
    assert bench.job(id_).reason is (None if served else Reason.UNSERVED_REQUESTER)


@pytest.mark.parametrize(
    ("limits", "hours", "accepted"),
    [
        (Requesters(max_per_hour=3), 0, 3),
        (Requesters(max_per_hour=3), 1, 6),
        (Requesters(max_per_day=4), 1, 4),
        (Requesters(max_per_hour=3, max_per_day=5), 1, 5),
        (Requesters(max_per_day=4), 24, 8),
    ],
)
def test_a_requester_gets_so_many_an_hour_and_a_day(
    tmp_path: Path, limits: Requesters, hours: int, accepted: int
) -> None:
    """Also across a restart; others have their own count."""
    bench = Bench(tmp_path / "themis.db", requesters=limits)
    ids = [bench.chain.ask(bytes([n]), deadline_s=2**40 - 1) for n in range(5)]
    bench.work()
    bench.restart()
    bench.wait(3_600 * hours)
    ids += [bench.chain.ask(bytes([n]), deadline_s=2**40 - 1) for n in range(5, 10)]
    others = bench.chain.ask(b"others", requester=OTHER, deadline_s=2**40 - 1)
    bench.work()
    reasons = [bench.job(id_).reason for id_ in ids]
    assert reasons.count(None) == accepted
    assert reasons.count(Reason.TOO_MANY) == 10 - accepted
    assert bench.job(others).reason is None

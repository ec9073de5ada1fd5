"""An operator's grant with few uses: what the node accepts never needs more of them than there are."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.daemon_kit import Bench
from themis.core.errors import Reason
from themis.core.job import State
from themis.core.types import Hash32, LicenseQuery, UseClass
from themis.daemon.attempts import RESEND_AFTER_S


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "themis.db")


def ask(bench: Bench, count: int, salt: bytes = b"") -> list[Hash32]:
    return [bench.chain.ask(salt + bytes([n])) for n in range(count)]


def states(bench: Bench, ids: Sequence[Hash32]) -> list[State]:
    return [bench.job(id_).state for id_ in ids]


def test_what_is_open_at_once_stays_within_the_grants_uses(bench: Bench) -> None:
    bench.chain.quota = 2
    ids = ask(bench, 4)
    bench.work()
    bench.mine()
    assert states(bench, ids) == [State.DONE, State.DONE, State.CLOSED, State.CLOSED]
    assert bench.job(ids[3]).reason is Reason.UNLICENSED_OPERATOR
    assert "uses left of the operator's grant: 2; accepted requests need 2" in bench.job(ids[3]).detail
    assert bench.engine.runs == len(bench.chain.answers()) == 2
    assert len(bench.chain.sent) == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.COMPUTED, State.SENDING])
def test_requests_that_are_accepted_before_a_crash_count(bench: Bench, state: State) -> None:
    bench.chain.quota = 3
    before = ask(bench, 2)
    bench.see()
    for loop in (bench.judge, bench.infer, bench.send):
        if bench.job(before[0]).state is not state:
            loop.step()
    assert states(bench, before) == [state, state]
    bench.chain.mempool.clear()
    bench.restart()
    after = ask(bench, 2, b"after")
    bench.see()
    bench.judge.step()
    assert states(bench, before + after) == [state, state, State.QUEUED, State.CLOSED]
    bench.wait(RESEND_AFTER_S)
    bench.work()
    bench.mine()
    assert states(bench, before + after) == [State.DONE] * 3 + [State.CLOSED]


def test_uses_that_are_spent_in_a_block_count_once(bench: Bench) -> None:
    bench.chain.quota = 2
    first = bench.chain.ask(b"first")
    bench.work()
    bench.mine()
    second = bench.chain.ask(b"second")
    bench.work()
    assert states(bench, [first, second]) == [State.DONE, State.SENDING]
    third = bench.chain.ask(b"third")
    bench.work()
    assert states(bench, [first, second, third]) == [State.DONE, State.DONE, State.CLOSED]


def test_an_answer_of_an_earlier_life_has_spent_a_use(bench: Bench) -> None:
    bench.chain.quota = 1
    first, second = ask(bench, 2)
    bench.chain.answer(first)
    bench.work()
    assert states(bench, [first, second]) == [State.DONE, State.CLOSED]


def test_an_answer_that_is_mined_meanwhile_counts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The uses were read at a block before it, and the store has it as mined already."""
    bench.chain.quota = 1
    first = bench.chain.ask(b"first")
    bench.work()
    sent, bench.chain.mempool = bench.chain.mempool, {}
    second = bench.chain.ask(b"second")
    bench.see()
    bench.chain.mempool = sent
    uses_left = bench.chain.uses_left

    def slow(queries: Sequence[LicenseQuery]) -> list[int | None]:
        answers = uses_left(queries)
        if bench.chain.mempool:
            bench.chain.mine()
            bench.see()
            bench.settle.step()
        return answers

    monkeypatch.setattr(bench.chain, "uses_left", slow)
    bench.judge.step()
    assert states(bench, [first, second]) == [State.DONE, State.CLOSED]


def test_answers_that_need_no_grant_take_no_use(bench: Bench) -> None:
    bench.chain.quota = 1
    free = [bench.chain.ask(bytes([n]), fee=0, use_class=UseClass.PERSONAL, royalty_bps=0) for n in range(3)]
    paid = bench.chain.ask(b"paid")
    bench.work()
    bench.mine()
    assert states(bench, [*free, paid]) == [State.DONE] * 4


def test_a_new_grant_counts_at_once(bench: Bench) -> None:
    bench.chain.quota = 1
    first, second = ask(bench, 2)
    bench.see()
    bench.chain.quota = 2
    bench.work()
    assert states(bench, [first, second]) == [State.SENDING, State.SENDING]

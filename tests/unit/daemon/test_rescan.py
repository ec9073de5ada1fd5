"""Blocks that were passed are read again: what an endpoint withheld then is found, and nothing is answered twice."""

from pathlib import Path

import pytest

from tests.daemon_kit import Bench
from themis.core.errors import Misconfigured, Unavailable
from themis.core.job import State
from themis.daemon.rescan import Found, rescan


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "themis.db")


def again(bench: Bench, first: int = 0) -> Found:
    return rescan(bench.chain, bench.store, first, bench.clock.now, lambda *_: None)


def lost(bench: Bench) -> None:
    """Nothing for us is shown while many blocks pass."""
    bench.chain.withheld = lambda _: True
    bench.see()
    for _ in range(30):
        bench.chain.mine(include=False)
        bench.see()
    bench.chain.withheld = lambda _: False


def test_what_was_withheld_is_found_and_answered(bench: Bench) -> None:
    known = bench.chain.ask(b"known")
    bench.work()
    bench.mine()
    missed = [bench.chain.ask(bytes([n]), deadline_s=2**40 - 1) for n in range(3)]
    lost(bench)
    assert all(bench.store.job(id_) is None for id_ in missed)
    tail = bench.store.tail()
    found = again(bench)
    assert found == Found(first=0, last=tail[-1].number, requests=4, answers=1, new=3, changed=0)
    assert bench.store.tail() == tail
    assert again(bench) == Found(first=0, last=tail[-1].number, requests=4, answers=1, new=0, changed=0)
    bench.restart()
    bench.work()
    bench.mine()
    assert {bench.job(id_).state for id_ in (known, *missed)} == {State.DONE}
    assert all(len(answers) == 1 for answers in bench.chain.answers().values())


def test_a_request_is_never_seen_without_its_answer(bench: Bench, tmp_path: Path) -> None:
    """An earlier life has answered it, in another range than the one it is in: no second answer is computed."""
    id_ = bench.chain.ask()
    bench.work()
    bench.mine()
    reborn = Bench(tmp_path / "lost.db")
    reborn.chain = bench.chain
    reborn.restart()
    lost(reborn)
    assert reborn.store.job(id_) is None
    found = again(reborn)
    assert (found.new, found.answers) == (1, 1)
    assert reborn.job(id_).state is State.MINED
    reborn.restart()
    reborn.work()
    reborn.mine()
    assert (reborn.job(id_).state, reborn.engine.runs) == (State.DONE, 0)


def test_nothing_is_recorded_where_a_range_cannot_be_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    missed = bench.chain.ask()
    lost(bench)
    events = bench.chain.events

    def failing(first: int, last: int) -> object:
        if first > 10:
            raise Unavailable("away")
        return events(first, last)

    monkeypatch.setattr("themis.daemon.ranges._FIRST_SPAN", 5)
    monkeypatch.setattr(bench.chain, "events", failing)
    with pytest.raises(Unavailable):
        again(bench)
    assert bench.store.job(missed) is None


def test_a_store_that_is_not_on_the_chain_any_more_is_not_added_to(bench: Bench) -> None:
    bench.chain.ask()
    bench.see()
    bench.chain.reorg(1, keep_requests=False, keep_answers=False)
    with pytest.raises(Unavailable, match="block 1 has left the chain: let `themis run` follow"):
        again(bench)


def test_what_was_never_read_is_left_to_the_node(bench: Bench) -> None:
    with pytest.raises(Misconfigured, match="the store has read nothing yet"):
        again(bench)
    bench.see()
    with pytest.raises(Misconfigured, match="the store has read up to block 0: what comes later is read by"):
        again(bench, 1)


def test_a_request_that_was_closed_as_reorganized_comes_back(bench: Bench) -> None:
    """Its block left the chain and came back in another one, which was not shown."""
    id_ = bench.chain.ask(deadline_s=2**40 - 1)
    bench.see()
    bench.chain.reorg(1, keep_requests=True, keep_answers=False)
    lost(bench)
    assert bench.job(id_).state is State.CLOSED
    assert again(bench).changed == 1
    bench.restart()
    bench.work()
    bench.mine()
    assert bench.job(id_).state is State.DONE

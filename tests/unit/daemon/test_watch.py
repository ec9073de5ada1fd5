"""The watcher before an endpoint whose backends lie apart: what one does not show yet is not taken for nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.daemon_kit import Bench
from tests.fakes import CHAIN_ID, ORACLE_ADDRESS
from themis.core import canonical
from themis.core.errors import Unavailable
from themis.core.job import State
from themis.core.types import Block, ChainEvent, Hash32
from themis.daemon.attempts import RESEND_AFTER_S
from themis.daemon.watch import REORG_DEPTH


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "themis.db")
    made.chain.mine()
    made.see()
    return made


def known(bench: Bench, id_: Hash32) -> bool:
    return bench.store.job(id_) is not None


def test_a_log_that_is_shown_late_is_read_without_a_new_block(bench: Bench) -> None:
    bench.chain.withheld = lambda _: True
    id_ = bench.chain.ask()
    bench.see()
    assert not known(bench, id_)
    assert bench.store.tail()[-1].number == bench.chain.head().number
    bench.chain.withheld = lambda _: False
    bench.see()
    assert known(bench, id_)
    assert bench.node.telemetry.registry.get_sample_value("themis_late_logs_total") == 1


@pytest.mark.parametrize("no_ranges", [False, True])
@pytest.mark.parametrize("depth", [1, 11])
def test_a_log_that_is_shown_some_blocks_late_is_read(bench: Bench, depth: int, *, no_ranges: bool) -> None:
    bench.chain.no_ranges = no_ranges
    bench.chain.withheld = lambda block: block.number > len(bench.chain.chain) - 1 - depth
    ids = []
    for n in range(3):
        ids.append(bench.chain.ask(bytes([n])))
        bench.see()
    assert not known(bench, ids[-1])
    for _ in range(depth):
        bench.chain.mine()
        bench.see()
    assert all(known(bench, id_) for id_ in ids)


@pytest.mark.parametrize("blocks", [20, REORG_DEPTH + 20])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_log_that_was_withheld_is_read_however_many_blocks_come_at_once(
    bench: Bench, blocks: int, *, restarts: bool
) -> None:
    """The endpoint hangs, or the chain is fast: at the next look its block is deep already."""
    bench.chain.withheld = lambda _: True
    id_ = bench.chain.ask()
    bench.see()
    assert not known(bench, id_)
    bench.chain.withheld = lambda _: False
    for _ in range(blocks):
        bench.chain.mine()
    if restarts:
        bench.restart()
    bench.see()
    assert known(bench, id_)


def test_a_log_that_a_restart_comes_before_is_read(bench: Bench) -> None:
    bench.chain.withheld = lambda _: True
    id_ = bench.chain.ask()
    bench.see()
    bench.chain.withheld = lambda _: False
    bench.restart()
    bench.see()
    assert known(bench, id_)


def test_what_is_read_again_after_a_start_is_not_late(bench: Bench) -> None:
    bench.chain.ask()
    bench.see()
    bench.restart()
    bench.see()
    assert bench.node.telemetry.registry.get_sample_value("themis_late_logs_total") == 0


def test_one_log_of_a_block_does_not_stand_for_the_others(bench: Bench) -> None:
    """The endpoint cuts a block's logs off; the next look shows them all."""
    first, second = bench.chain.request(b"1"), bench.chain.request(b"2", seq=2)
    ids = [canonical.request_id(each, CHAIN_ID, ORACLE_ADDRESS) for each in (first, second)]
    bench.chain.mine([(ids[0], first, b"1"), (ids[1], second, b"2")])
    hidden = bench.chain.chain[-1].events.pop()
    bench.see()
    bench.chain.chain[-1].events.append(hidden)
    bench.chain.mine()
    bench.see()
    assert all(known(bench, id_) for id_ in ids)


def test_a_block_that_no_backend_reads_is_not_passed(bench: Bench) -> None:
    height = bench.chain.head().number
    bench.chain.unread = lambda block: block.number > height + 1
    ids = [bench.chain.ask(bytes([n])) for n in range(3)]
    bench.chain.no_ranges = True
    bench.see()
    assert [known(bench, id_) for id_ in ids] == [True, False, False]
    assert bench.store.tail()[-1].number == height + 1
    bench.chain.unread = lambda _: False
    bench.see()
    assert all(known(bench, id_) for id_ in ids)


def test_a_head_of_another_backend_is_followed_as_far_as_headers_are_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [bench.chain.ask(bytes([n])) for n in range(4)]
    behind = bench.chain.head().number - 1
    blocks = bench.chain.blocks

    def lagging(numbers: list[int]) -> list[Block | None]:
        return [block if block and block.number < behind else None for block in blocks(numbers)]

    monkeypatch.setattr(bench.chain, "blocks", lagging)
    assert bench.watch.step()
    assert [known(bench, id_) for id_ in ids] == [True, True, False, False]
    assert not bench.watch.step(), "the poll goes on; nothing is wrong"
    monkeypatch.setattr(bench.chain, "blocks", blocks)
    bench.see()
    assert all(known(bench, id_) for id_ in ids)


def test_a_view_that_does_not_fit_together_rewinds_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call in some goes to a backend of another chain."""
    id_ = bench.chain.ask()
    bench.work()
    head, blocks = bench.chain.head, bench.chain.blocks

    def foreign(block: Block) -> Block:
        return Block(block.number + 3, Hash32(b"\x99" * 32), Hash32(b"\x98" * 32), 0, 1, 1, may_log=True)

    monkeypatch.setattr(bench.chain, "head", lambda: foreign(head()))
    monkeypatch.setattr(
        bench.chain,
        "blocks",
        lambda numbers: [foreign(b) if b and len(list(numbers)) == 1 else b for b in blocks(numbers)],
    )
    for _ in range(3):
        with pytest.raises(Unavailable, match="does not fit together|has lost block"):
            bench.watch.step()
    assert bench.job(id_).state is State.SENDING
    assert bench.node.time.head == head()


def test_a_chain_whose_blocks_do_not_follow_each_other_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A development chain that goes on from a saved state may have begun anew below it; or backends lie apart."""
    bench.work()
    bench.chain.ask()
    newest, next_one = bench.store.tail()[-1], bench.chain.chain[-1].shown
    monkeypatch.setattr(bench.chain, "head", lambda: replace(next_one, parent_hash=Hash32(b"\x97" * 32)))
    assert not any(bench.watch.step() for _ in range(4)), "a reorganization in the middle of a look is nothing wrong"
    with pytest.raises(Unavailable, match=f"block {next_one.number} does not follow block {newest.number}"):
        bench.watch.step()
    monkeypatch.undo()
    assert bench.watch.step()


def test_a_receipt_settles_a_job_whose_log_never_comes(bench: Bench) -> None:
    id_ = bench.chain.ask()
    bench.work()
    answered = bench.chain.head().number + 1
    bench.chain.withheld = lambda block: block.number >= answered
    bench.mine()
    assert bench.job(id_).state is State.SENDING
    bench.wait(RESEND_AFTER_S)
    bench.work()
    assert bench.job(id_).state is State.DONE
    mined_at = bench.job(id_).mined_at
    assert mined_at is not None
    assert (mined_at.block_number, mined_at.block_hash) == (answered, bench.chain.chain[answered].header.hash)
    assert bench.store.unsettled() == []


def test_a_receipt_of_a_block_that_is_not_recorded_settles_nothing(bench: Bench) -> None:
    """It may be on a branch that nobody else sees: no reorganization would take it back."""
    id_ = bench.chain.ask()
    bench.work()
    bench.chain.mine()
    bench.wait(RESEND_AFTER_S)
    bench.settle.step()
    assert bench.job(id_).state is State.SENDING
    bench.work()
    assert bench.job(id_).state is State.DONE


def test_logs_that_are_cut_off_a_range_are_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path / "cut.db")
    asked = [bench.chain.request(bytes([n]), seq=n) for n in range(1, 7)]
    ids = [canonical.request_id(each, CHAIN_ID, ORACLE_ADDRESS) for each in asked]
    bench.chain.mine([(id_, each, bytes([n])) for n, (id_, each) in enumerate(zip(ids, asked, strict=True), 1)])
    for _ in range(100):
        bench.chain.mine()
    events_of, whole = bench.chain.events_of, bench.chain.events
    monkeypatch.setattr(bench.chain, "events", lambda first, last: (found := whole(first, last))[: len(found) // 3])

    def by_hash(blocks: Sequence[Block]) -> list[list[ChainEvent] | None]:
        with monkeypatch.context() as patch:
            patch.setattr(bench.chain, "events", whole)
            return events_of(blocks)

    monkeypatch.setattr(bench.chain, "events_of", by_hash)
    bench.see()
    assert all(known(bench, id_) for id_ in ids)


def test_the_logs_of_a_block_that_was_due_come_with_its_head(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        bench.wait(12)
        bench.chain.mine()
        bench.see()
    bench.see()  # nothing: what follows is no burst
    monkeypatch.setattr(bench.chain, "events_of", lambda _: pytest.fail("a round trip that was not needed"))
    bench.wait(12)
    id_ = bench.chain.ask()
    assert bench.watch.step()
    assert known(bench, id_)


def test_blocks_that_come_together_are_read_together_and_old_ones_at_once(bench: Bench) -> None:
    bench.chain.ask()
    assert bench.watch.step()
    assert bench.watch.pause_s == 0.02
    for _ in range(REORG_DEPTH + 1):
        bench.chain.mine()
    assert bench.watch.step()
    assert bench.watch.pause_s is None

"""A nonce that stays open for too many blocks is an alert with the true cause, on fakes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon_kit import GWEI, Bench
from themis.core.job import State
from themis.core.pool import TAKEN
from themis.daemon.unsettled import AFTER_BLOCKS

_BLOCK_S = 2.5
"""So fast that ten of them pass before a used nonce counts as somebody else's."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "themis.db", confirmations=40)


def alerts(bench: Bench) -> list[str]:
    return [said for said in bench.node.troubles.found() if said.startswith("nonce 0 has been open for ")]


def pass_blocks(bench: Bench, number: int, *, include: bool = True) -> None:
    for _ in range(number):
        bench.chain.mine(include=include)
        bench.wait(_BLOCK_S)
        bench.work()


def dear(bench: Bench) -> None:
    bench.chain.base_fee_wei = 500 * GWEI


def poor(bench: Bench) -> None:
    bench.chain.balance = 1
    bench.chain.mempool.clear()


def refused(bench: Bench) -> None:
    bench.chain.mempool.clear()
    bench.chain.refuse_send = "this key may not send"


def put_aside(bench: Bench) -> None:
    bench.chain.aside |= set(bench.chain.mempool)
    bench.chain.refuse_send = "already known"


def forgotten(bench: Bench) -> None:
    bench.chain.mempool.clear()
    bench.chain.send = lambda raws: [TAKEN] * len(raws)  # type: ignore[method-assign]


def used_without_a_receipt(bench: Bench) -> None:
    bench.chain.mempool.clear()
    bench.chain.chain[-1].nonce = 1


@pytest.mark.parametrize(
    ("happen", "cause"),
    [
        (dear, "the chain asks for 500 gwei per gas, fees.max_fee_gwei caps it at 200 gwei: raise it"),
        (poor, "the balance does not cover the "),
        (refused, "the RPC's pool does not run it; it says: this key may not send. Add an endpoint"),
        (put_aside, "the RPC's pool does not run it; it says: already known. Add an endpoint"),
        (forgotten, "the RPC takes it and forgets it: add an endpoint"),
        (used_without_a_receipt, "the chain has used it, and the RPC shows no receipt of its "),
    ],
)
def test_the_alert_names_the_cause(bench: Bench, happen: Callable[[Bench], None], cause: str) -> None:
    bench.chain.ask()
    bench.work()
    happen(bench)
    pass_blocks(bench, AFTER_BLOCKS - 1, include=False)
    assert alerts(bench) == []
    pass_blocks(bench, 3, include=False)
    (alert,) = alerts(bench)
    assert f" blocks: {cause}" in alert


def test_a_block_that_takes_it_ends_the_alert(bench: Bench) -> None:
    """Answers that wait for their confirmations are no alert, however many those are."""
    id_ = bench.chain.ask()
    bench.work()
    pass_blocks(bench, AFTER_BLOCKS + 1, include=False)
    (alert,) = alerts(bench)
    assert "the RPC's pool has it at 3 gwei, and no block takes it" in alert
    pass_blocks(bench, AFTER_BLOCKS + 5)
    assert bench.job(id_).state is State.MINED
    assert alerts(bench) == []
    pass_blocks(bench, 40)
    assert bench.job(id_).state is State.DONE
    assert bench.node.troubles.found() == []

"""SIGKILL after each kind of fact, then a restart: every request has exactly one answer. Real Anvil, real processes."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import chains
from tests.forking import INSTALLED
from tests.homes import SELFTEST, make_home, register, running, said, wait_for_log, wait_until_ready
from tests.patience import PATIENCE_S, until
from tests.world import World
from themis.config import STORE_FILE
from themis.core.job import State
from themis.core.types import Hash32
from themis.store.store import SqlStore

DOOMED = Path(__file__).with_name("doomed.py")
POINTS = ("tail", "Accepted", "Computed", "unsent", "broadcast", "Mined", "Finalized")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with chains.start(chains.Kind.ANVIL) as chain:
        yield World.build(chain)


@pytest.fixture(scope="module")
def model_id(world: World) -> Hash32:
    model_id = register(world, SELFTEST)
    world.license(model_id)
    return model_id


@pytest.fixture
def home(tmp_path: Path, world: World, model_id: Hash32) -> Path:
    return make_home(tmp_path, world, [(SELFTEST, model_id)])


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_node_gives_exactly_one_answer(point: str, world: World, model_id: Hash32, home: Path) -> None:
    lane = 10 * POINTS.index(point)
    ids = {world.ask(model_id, b"before the crash", lane=lane + n) for n in range(3)}
    with running(home, (sys.executable, str(DOOMED), point)) as doomed:
        until(doomed.poll, lambda status: status is not None, lambda: _told(world, home))
        assert doomed.returncode == -signal.SIGKILL, said(home)
    ids.add(world.ask(model_id, b"while it was down", lane=lane + 3))
    with running(home) as process:
        wait_until_ready(home, process)
        world.wait_for_answers(ids, lambda: _told(world, home))
        ids.add(world.ask(model_id, b"after the restart", lane=lane + 4))
        world.wait_for_answers(ids, lambda: _told(world, home))
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_a_node_killed_again_and_again_still_answers_all(world: World, model_id: Hash32, home: Path) -> None:
    ids = {world.ask(model_id, bytes([n]), lane=1_000 + n) for n in range(20)}
    for point in POINTS:
        with running(home, (sys.executable, str(DOOMED), point)) as doomed:
            until(doomed.poll, lambda status: status is not None, lambda: _told(world, home))
            assert doomed.returncode == -signal.SIGKILL, said(home)
        ids.add(world.ask(model_id, b"one more", lane=2_000 + POINTS.index(point)))
    with running(home):
        world.wait_for_answers(ids, lambda: _told(world, home))


def _told(world: World, home: Path) -> str:
    """For whoever has to find out why: the node's log, its jobs and transactions, the chain's view of its account."""
    client, operator = world.client, world.operator.address
    store = SqlStore(home / STORE_FILE, chain_id=client.chain_id, oracle=client.oracle, operator=operator)
    next_nonce = int(world.chain.rpc("eth_getTransactionCount", f"0x{operator.hex()}", "latest"), 16)
    unanswered = [job for job in store.jobs(limit=1_000) if job.state not in {State.DONE, State.CLOSED}]
    return "\n".join(
        [
            said(home),
            *(f"{job.id.hex()} {job.state} {store.history(job.id)}" for job in unanswered),
            *(f"nonce {sent.nonce} {sent.hash.hex()} sent at {sent.sent_at_s}" for sent in store.unsettled()),
            f"next nonce on chain {next_nonce}",
            f"mempool {world.chain.rpc('txpool_inspect')}",
        ]
    )


def test_a_chain_that_restarts_is_waited_for(tmp_path: Path) -> None:
    port = chains.free_port()
    state = ("--state", str(tmp_path / "anvil.json"))
    with chains.start(chains.Kind.ANVIL, chains.Settings(port=port, extra=state)) as chain:
        world = World.build(chain)
        model_id = register(world, SELFTEST)
        world.license(model_id)
        home = make_home(tmp_path / "home", world, [(SELFTEST, model_id)])
        with running(home, INSTALLED) as process:
            wait_until_ready(home, process)
            world.wait_for_answers({world.ask(model_id, b"first")})
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        pending = world.ask(model_id, b"second", lane=1)
    with running(home) as process:  # the RPC is down at start
        wait_for_log(home, "did not answer")
        with chains.start(chains.Kind.ANVIL, chains.Settings(port=port, extra=state)):
            wait_until_ready(home, process)
            world.wait_for_answers({pending})
        wait_for_log(home, "watch waits: the RPC at")
        assert process.poll() is None

"""SIGKILL after each kind of fact, then a restart: every request has exactly one answer. Real Anvil, real processes."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import chains
from tests.homes import SELFTEST, make_home, register, running, wait_for_log, wait_until_ready
from tests.world import World
from themis.core.types import Hash32

DOOMED = Path(__file__).with_name("doomed.py")
POINTS = ("tail", "Accepted", "Computed", "unsent", "broadcast", "Mined", "Finalized")
EXIT_TIMEOUT_S = 60


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
        assert doomed.wait(EXIT_TIMEOUT_S) == -signal.SIGKILL, (home / "log").read_text()
    ids.add(world.ask(model_id, b"while it was down", lane=lane + 3))
    with running(home) as process:
        wait_until_ready(home, process)
        world.wait_for_answers(ids)
        ids.add(world.ask(model_id, b"after the restart", lane=lane + 4))
        world.wait_for_answers(ids)
        process.terminate()
        assert process.wait(EXIT_TIMEOUT_S) == 0


def test_a_node_killed_again_and_again_still_answers_all(world: World, model_id: Hash32, home: Path) -> None:
    ids = {world.ask(model_id, bytes([n]), lane=1_000 + n) for n in range(20)}
    for point in POINTS:
        with running(home, (sys.executable, str(DOOMED), point)) as doomed:
            assert doomed.wait(EXIT_TIMEOUT_S) == -signal.SIGKILL
        ids.add(world.ask(model_id, b"one more", lane=2_000 + POINTS.index(point)))
    with running(home):
        world.wait_for_answers(ids)


def test_a_chain_that_restarts_is_waited_for(tmp_path: Path) -> None:
    port = chains.free_port()
    state = ("--state", str(tmp_path / "anvil.json"))
    with chains.start(chains.Kind.ANVIL, chains.Settings(port=port, extra=state)) as chain:
        world = World.build(chain)
        model_id = register(world, SELFTEST)
        world.license(model_id)
        home = make_home(tmp_path / "home", world, [(SELFTEST, model_id)])
        with running(home) as process:
            wait_until_ready(home, process)
            world.wait_for_answers({world.ask(model_id, b"first")})
            process.terminate()
            assert process.wait(EXIT_TIMEOUT_S) == 0
        pending = world.ask(model_id, b"second", lane=1)
    with running(home) as process:  # the RPC is down at start
        wait_for_log(home, "did not answer")
        with chains.start(chains.Kind.ANVIL, chains.Settings(port=port, extra=state)):
            wait_until_ready(home, process)
            world.wait_for_answers({pending})
        wait_for_log(home, "watch waits: the RPC at")
        assert process.poll() is None

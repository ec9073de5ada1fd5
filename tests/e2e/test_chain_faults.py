"""What a real chain does to a real node: reorganizations, a forgetful mempool, a fee spike. Anvil, blocks by hand."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo import chains
from tests.homes import SELFTEST, make_home, register, running, wait_for_log, wait_until_ready
from tests.world import World
from themis.core.types import Hash32

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Scene:
    """A node at work on a chain that mines when it is told to."""

    world: World
    model_id: Hash32
    home: Path

    def ask(self, lane: int) -> Hash32:
        """Ask in a block of its own."""
        self.world.chain.rpc("evm_setAutomine", True)  # noqa: FBT003 (the RPC's parameter)
        id_ = self.world.ask(self.model_id, b"in", lane=lane)
        self.world.chain.rpc("evm_setAutomine", False)  # noqa: FBT003
        return id_

    def wait_for_mempool(self, size: int) -> None:
        """Until the node has sent that many transactions."""
        for _ in range(400):
            if int(self.world.chain.rpc("txpool_status")["pending"], 16) >= size:
                return
            time.sleep(0.05)
        raise AssertionError((self.home / "log").read_text())

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.world.chain.rpc("evm_mine")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with chains.start(chains.Kind.ANVIL) as chain:
        world = World.build(chain)
        model_id = register(world, SELFTEST)
        world.license(model_id)
        home = make_home(tmp_path, world, [(SELFTEST, model_id)])
        chain.rpc("evm_setAutomine", False)  # noqa: FBT003
        with running(home) as process:
            wait_until_ready(home, process)
            yield Scene(world, model_id, home)
            assert process.poll() is None, (home / "log").read_text()


def test_an_answer_that_a_reorganization_drops_is_sent_again(scene: Scene) -> None:
    id_ = scene.ask(lane=1)
    scene.wait_for_mempool(1)
    scene.mine()
    scene.world.wait_for_answers({id_})
    scene.world.chain.rpc("anvil_reorg", 1, [])
    assert scene.world.answers() == {}
    scene.wait_for_mempool(1)
    scene.mine()
    scene.world.wait_for_answers({id_})


def test_a_request_that_a_reorganization_drops_is_let_go(scene: Scene) -> None:
    id_ = scene.ask(lane=1)
    scene.wait_for_mempool(1)
    scene.world.chain.rpc("anvil_reorg", 1, [])
    scene.mine()
    wait_for_log(scene.home, "the chain reorganized")
    assert scene.world.answers() == {}
    next_one = scene.ask(lane=2)
    for _ in range(200):
        scene.mine()
        if next_one in scene.world.answers():
            break
        time.sleep(0.05)
    assert set(scene.world.answers()) == {next_one} != {id_}


def test_a_forgotten_transaction_is_sent_again(scene: Scene) -> None:
    id_ = scene.ask(lane=1)
    scene.wait_for_mempool(1)
    scene.world.chain.rpc("anvil_dropAllTransactions")
    scene.wait_for_mempool(1)
    scene.mine()
    scene.world.wait_for_answers({id_})


def test_a_fee_spike_is_outbid(scene: Scene) -> None:
    id_ = scene.ask(lane=1)
    scene.wait_for_mempool(1)
    scene.world.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
    scene.mine()
    assert scene.world.answers() == {}
    for _ in range(200):
        scene.world.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
        scene.mine()
        if scene.world.answers():
            break
        time.sleep(0.05)
    scene.world.wait_for_answers({id_})

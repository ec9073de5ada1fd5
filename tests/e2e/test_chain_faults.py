"""What a real chain does to a real node: reorganizations, a forgetful mempool, a fee spike. Anvil, blocks by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo import chains
from tests.homes import SELFTEST, make_home, register, running, said, wait_for_log, wait_until_ready
from tests.patience import until
from tests.world import World
from themis.chain.contracts import ORACLE
from themis.core.types import Hash32, UseClass

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Scene:
    """A node at work on a chain that mines when it is told to."""

    world: World
    model_id: Hash32
    home: Path

    def ask(self, lane: int) -> Hash32:
        """Ask in a block of its own: however fast the node is, its answer comes after it."""
        world, client = self.world, self.world.client
        ask = (self.model_id, world.operator.address, UseClass.COMMERCIAL, lane, world.now_s() + 600, 0)
        sender, oracle = (f"0x{account.hex()}" for account in (world.requester.address, client.oracle))
        data = f"0x{ORACLE.call('request', ask, b'in').hex()}"
        world.chain.rpc("eth_sendTransaction", {"from": sender, "to": oracle, "data": data, "value": hex(10**9)})
        self.mine()
        return Hash32(client.logs("Requested", world.start_block)[-1].values["id"])

    def wait_for_mempool(self, size: int) -> None:
        """Until the node has sent that many transactions."""
        until(
            lambda: int(self.world.chain.rpc("txpool_status")["pending"], 16),
            lambda pending: pending >= size,
            lambda: said(self.home),
        )

    def mine(self) -> None:
        self.world.chain.rpc("evm_mine")

    def mined_answers(self) -> set[Hash32]:
        """Mine a block; what is answered on chain by then."""
        self.mine()
        return set(self.world.answers())


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
            assert process.poll() is None, said(home)


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
    answered = until(scene.mined_answers, lambda ids: next_one in ids, lambda: said(scene.home))
    assert answered == {next_one} != {id_}


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

    def in_dear_block() -> set[Hash32]:
        scene.world.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
        return scene.mined_answers()

    assert until(in_dear_block, lambda ids: ids, lambda: said(scene.home)) == {id_}

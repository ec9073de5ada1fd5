"""`themis simulate`: a contract's ask, the model's answer and the callback, and nothing of it on the chain."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from demo import chains
from demo.programs import Kind
from tests.cli_kit import Person
from tests.doc_kit import blocks, compiled
from tests.homes import RISK, ROOT, SELFTEST, register
from tests.solidity import compiled as supported
from tests.world import FEES, World
from themis.bundles import bundle
from themis.chain import contracts
from themis.chain.abi import Artifact, address
from themis.chain.client import deploy, transact
from themis.chain.contracts import ORACLE
from themis.chain.rpc import Rpc
from themis.chain.simulate import Moment, Unsent
from themis.cli.request.calldata import encoded
from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.core.types import ETHER, Address, Hash32, Role, UseClass

FEE = 1_000
OLMOE = ROOT / "models/olmoe-tiny"


@dataclass(frozen=True, slots=True)
class Scene:
    """README's contract on the model it is for, and somebody without a key."""

    world: World
    nobody: Person
    risk: Hash32
    watchlist: Address

    @property
    def oracle(self) -> str:
        return shown(self.world.client.oracle)

    def simulate(self, contract: Address, *line: str) -> tuple[int, list[Any], str]:
        sender = ("--from", shown(self.world.requester.address), "--bundle", str(RISK), "--json")
        done = self.nobody.run("simulate", shown(contract), *line, *sender)
        assert done.out, done.err
        return done.status, json.loads(done.out), done.err.splitlines()[-1]

    def fails(self, status: int, contract: Address | str, *line: str) -> str:
        sender = () if "--from" in line else ("--from", shown(self.world.requester.address))
        name = contract if isinstance(contract, str) else shown(contract)
        return self.nobody.fails(status, "simulate", name, *line, *sender)

    def deploy_watchlist(self, model_id: Hash32, operator: Address | None = None) -> Address:
        (source,) = blocks((ROOT / "README.md").read_text(), "solidity")
        built = compiled(source, "Watchlist")
        artifact = Artifact.__new__(Artifact)
        artifact.abi = built["abi"]
        artifact.creation_code = bytes.fromhex(built["evm"]["bytecode"]["object"])
        return self.world.deploy(artifact, self.world.client.oracle, model_id, operator or self.world.operator.address)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("nobody")
    with chains.start() as chain:
        world = World.build(chain)
        risk = register(world, RISK)
        world.grant(risk, world.operator.address, Role.OPERATOR)
        nobody = Person(home, world.requester)
        at = ("--oracle", shown(world.client.oracle), "--start-block", str(world.start_block))
        nobody.tell("init", "--rpc-url", chain.rpc_url, *at)
        scene = Scene(world, nobody, risk, ETHER)
        yield Scene(world, nobody, risk, scene.deploy_watchlist(risk))
    assert not (home / "keys").exists()


def test_what_is_simulated_is_what_then_happens(scene: Scene) -> None:
    world, client = scene.world, scene.world.client
    head = client.rpc.call("eth_blockNumber")
    call = ("ask(address)", scene.oracle)

    status, (found,), said = scene.simulate(scene.watchlist, *call, "--value-wei", str(FEE))

    assert status == 0, said
    assert said == f"answered: the callback of {shown(scene.watchlist)} takes it"
    assert (found["called_back"], found["error"], found["fee"]) == (True, "", str(FEE))
    assert found["model"] == f"evm-risk-moe {bundle.load(RISK).version}"
    assert client.rpc.call("eth_blockNumber") == head, "nothing was sent"
    assert not client.logs("Requested", world.start_block)

    answered = (world.requester, FEES, scene.watchlist, encoded(call[0], call[1:]), FEE)
    asked = transact(client.rpc, client.chain_id, *answered)
    (log,) = client.logs("Requested", world.start_block)
    output = bytes.fromhex(found["output"][2:])
    fulfill = contracts.fulfill(contracts.decode_request(log.values["request"]), output, 0)
    receipt = transact(client.rpc, client.chain_id, world.operator, FEES, client.oracle, fulfill, 0)
    assert (int(asked["gasUsed"], 16), int(receipt["gasUsed"], 16)) == (found["ask_gas_used"], found["answer_gas_used"])
    assert not client.logs("CallbackFailed", world.start_block)
    score = client.rpc.call(
        "eth_call", {"to": shown(scene.watchlist), "data": shown(encoded("riskBps(address)", call[1:]))}, "latest"
    )
    worst = max(found["report"][risk] for risk in list(found["report"])[:6])
    assert int(score, 16) == worst


def test_a_callback_that_fails_says_with_what(scene: Scene) -> None:
    """README's contract cannot read what another model says."""
    model_id = register(scene.world, SELFTEST)
    scene.world.grant(model_id, scene.world.operator.address, Role.OPERATOR)
    watchlist = scene.deploy_watchlist(model_id)
    call = ("ask(address)", scene.oracle, "--value-wei", str(FEE), "--bundle", str(SELFTEST))
    done = scene.nobody.run("simulate", shown(watchlist), *call, "--from", shown(scene.world.requester.address))
    assert done.status == 1, done.err
    assert "called_back" in done.out
    assert f"failed: the callback of {shown(watchlist)} fails: " in done.err
    assert "an error of the contract's own: its selector is 0x" in done.err


@pytest.mark.parametrize("gas", [700, 20_000])
def test_a_callback_with_too_little_gas_is_told(scene: Scene, gas: int) -> None:
    """Whether it is less than a transaction with that data costs in any case, or not."""
    asker = hashing(scene, UseClass.RESEARCH, gas)
    status, (found,), said = scene.simulate(asker, "ask(uint64,bytes)", "7", "0x6001600155", "--value-wei", str(FEE))
    assert (status, found["called_back"], found["lane"]) == (1, False, "7")
    assert found["error"] == f"it needs more than its {gas} gas"
    assert said.endswith(found["error"])


def test_without_a_callback_there_is_an_answer(scene: Scene) -> None:
    asker = hashing(scene, UseClass.RESEARCH, 0)
    status, (found,), said = scene.simulate(asker, "ask(uint64,bytes)", "7", "0x6001600155", "--value-wei", str(FEE))
    assert (status, found["called_back"], found["error"]) == (0, None, "")
    assert said.endswith("asks for no callback")


def test_a_model_that_is_not_exact_is_named(scene: Scene) -> None:
    """Its operator's answer may differ from the one that is shown."""
    model_id = register(scene.world, OLMOE)
    scene.world.grant(model_id, scene.world.operator.address, Role.OPERATOR)
    asker = hashing(scene, UseClass.RESEARCH, 0, model_id)
    call = ("ask(uint64,bytes)", "7", shown(b"Once upon a time"), "--bundle", str(OLMOE), "--value-wei", "1")
    done = scene.nobody.run("simulate", shown(asker), *call, "--from", shown(scene.world.requester.address))
    assert done.status == 0, done.err
    assert "olmoe-tiny is not exact: its operator's answer may differ from this one" in done.err


def test_an_operator_that_may_not_answer_is_told(scene: Scene) -> None:
    world = scene.world
    world.client.transact(world.licensor, FEES, "serve", scene.risk, ETHER, 1, 1_000_000)
    watchlist = scene.deploy_watchlist(scene.risk, world.licensor.address)
    status, (found,), said = scene.simulate(watchlist, "ask(address)", scene.oracle, "--value-wei", str(FEE))
    assert (status, found["called_back"]) == (1, None)
    assert found["error"].startswith("AuthorizationRequired(")
    assert "would not take that answer from its operator" in said


def test_an_ask_that_is_refused_says_why(scene: Scene) -> None:
    ask = ("ask(address)", scene.oracle)
    assert "the oracle refuses: FeeTooLow(net=0, minFee=1)" in scene.fails(77, scene.watchlist, *ask)
    bare = ("ask(address)", "0x" + "99" * 20, "--value-wei", "1")
    assert "the call reverts: 0x" in scene.fails(77, scene.watchlist, *bare), "TargetWithoutCode, the consumer's own"
    commercial = hashing(scene, UseClass.COMMERCIAL, 0)
    unlicensed = ("ask(uint64,bytes)", "7", "0x60", "--value-wei", "1")
    assert "the oracle refuses: AuthorizationRequired(" in scene.fails(77, commercial, *unlicensed)


def test_what_is_wrong_says_what_would_be_right(scene: Scene) -> None:
    ask = ("ask(address)", scene.oracle)
    paid = (*ask, "--value-wei", str(FEE))
    assert "there is no contract at 0x9999" in scene.fails(78, "0x" + "99" * 20, *ask)
    assert "takes 1 arguments, and there are 0" in scene.fails(78, scene.watchlist, "ask(address)")
    assert "must be 0x and 40 hex digits" in scene.fails(64, "0x12", *ask)
    assert "who calls? Name an account with --from" in scene.nobody.fails(78, "simulate", shown(scene.watchlist), *paid)
    poor = scene.fails(78, scene.watchlist, *paid, "--from", "0x" + "98" * 20)
    assert "has 0 wei and would send 1000" in poor
    assert "asks the oracle nothing" in scene.fails(78, scene.watchlist, "MODEL()")
    assert "the call reverts: it does not say why" in scene.fails(77, scene.watchlist, "nothing()")
    held = scene.fails(78, scene.watchlist, *paid)
    assert "is not held here: give its bundle with --bundle DIR" in held


def test_the_oracle_of_another_home_is_named(scene: Scene) -> None:
    world = scene.world
    receipt = deploy(world.client.rpc, world.client.chain_id, world.licensor, FEES, ORACLE, world.client.registry)
    other = ("--set", "chain.oracle=" + shown(address(receipt["contractAddress"])))
    done = scene.nobody.run(
        *other,
        *("simulate", shown(scene.watchlist), "ask(address)", scene.oracle, "--value-wei", str(FEE)),
        *("--from", shown(world.requester.address)),
    )
    assert done.status == 78
    assert f"the call asks the oracle {scene.oracle}" in done.err


@pytest.mark.parametrize("kind", [Kind.GANACHE, Kind.HARDHAT])
def test_an_endpoint_that_cannot_is_told(kind: Kind) -> None:
    with chains.start(kind) as chain:
        moment = Moment.next(Rpc(chain.rpc_url))
        with pytest.raises(Misconfigured, match="does not simulate"):
            moment.run(Unsent(ETHER, ETHER, b""))


def hashing(scene: Scene, use_class: UseClass, callback_gas: int, model_id: Hash32 | None = None) -> Address:
    chosen = (
        scene.world.client.oracle,
        model_id or scene.risk,
        scene.world.operator.address,
        int(use_class),
        callback_gas,
    )
    return scene.world.deploy(supported("HashingConsumer", "HashingConsumer.sol"), *chosen)

"""`themis committee`: three people make one, offer a model with it, answer, catch a liar, and leave. A real chain."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from demo import chains
from demo.chains import RunningChain
from tests.cli_kit import Person
from tests.committee_world import FIRST_ACCOUNT
from tests.homes import SELFTEST, register, running, wait_until_ready
from tests.patience import until
from tests.world import FEES, World
from themis.chain.oracle import RpcChain
from themis.config import STORE_FILE
from themis.core import canonical, committee
from themis.core.agreement import Heard
from themis.core.committee import RESULT_TYPE, Forum, Result
from themis.core.fees import answer_gas
from themis.core.types import Address, Hash32, Role, UseClass
from themis.keys.keystore import KeystoreSigner
from themis.store.store import SqlStore

STAKE = 5 * 10**18
RULES = ("--threshold", "2", "--stake-wei", str(STAKE), "--fine-wei", "1000", "--unbonding-days", "0.5")


@dataclass(frozen=True, slots=True)
class Scene:
    """Three people in a committee of theirs, and a model that it offers."""

    world: World
    model: str
    people: list[Person]
    committee: str
    factory: str


@pytest.fixture(scope="module")
def chain() -> Iterator[RunningChain]:
    with chains.start(chains.Kind.ANVIL) as chain:
        yield chain


@pytest.fixture(scope="module")
def scene(chain: RunningChain, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    homes = tmp_path_factory.mktemp("homes")
    world = World.build(chain)
    model_id = register(world, SELFTEST)
    options = ("--oracle", "0x" + world.client.oracle.hex(), "--start-block", str(world.start_block))
    keys = [bytes.fromhex(each.private_key[2:]) for each in chain.accounts[FIRST_ACCOUNT : FIRST_ACCOUNT + 3]]
    people = [Person.settle(homes / str(n), KeystoreSigner(key), chain.rpc_url, *options) for n, key in enumerate(keys)]
    made = people[0].tell(
        "committee",
        "create",
        "--threshold",
        "2",
        "--stake-wei",
        str(STAKE),
        "--fine-wei",
        "1000",
        "--unbonding-days",
        "0.5",
    )
    for person in people:
        port = chains.free_port()
        person.tell("committee", "join", made["committee"], "--endpoint", f"http://127.0.0.1:{port}")
        with (person.home / "config.toml").open("a") as config:
            config.write(f'turn_s = 2\n\n[[models]]\npath = "{SELFTEST}"\nmodel_id = "0x{model_id.hex()}"\n')
        spoiled = (person.home / "config.toml").read_text().replace("# port = 8553", f"port = {port}")
        (person.home / "config.toml").write_text(spoiled)
    world.grant(model_id, world.requester.address, Role.REQUESTER)
    for account in (bytes.fromhex(made["committee"][2:]), *(person.signer.address for person in people)):
        world.grant(model_id, Address(account), Role.OPERATOR)
    model = "0x" + model_id.hex()
    offer = ("committee", "offer", model, "--min-fee-wei", "1")
    first = people[0].tell(*offer)
    assert len(first["signers"]) == 1
    second = people[1].tell(*offer, "--signature", first["signature"], "--bundle", str(SELFTEST))
    assert len(second["signers"]) == 2
    return Scene(world, model, people, made["committee"], made["factory"])


def ask(scene: Scene, lane: int, window_s: int = 600) -> Hash32:
    world, operator = scene.world, bytes.fromhex(scene.committee[2:])
    model = bytes.fromhex(scene.model[2:])
    said = (model, operator, UseClass.COMMERCIAL, lane, world.now_s() + window_s, 0)
    _, logs = world.client.transact(world.requester, FEES, "request", said, b"a question", value_wei=10**9)
    return Hash32(logs[0].values["id"])


def test_what_stands_behind_it_is_shown(scene: Scene) -> None:
    found = scene.people[2].tell("committee", "show")
    assert (found["committee"], found["threshold"], found["signing"]) == (scene.committee, 2, 3)
    assert found["stake_behind_answer_wei"] == str(2 * STAKE)
    assert {each["member"] for each in found["members"]} == {person.address for person in scene.people}
    (listed,) = scene.people[0].tell("committee", "list")
    assert listed["committee"] == scene.committee
    assert scene.people[1].tell("committee", "list", "--factory", scene.factory) == [listed]


def test_making_the_same_one_again_finds_it(scene: Scene) -> None:
    again = (
        "committee",
        "create",
        "--threshold",
        "2",
        "--stake-wei",
        str(STAKE),
        "--fine-wei",
        "1000",
        "--unbonding-days",
        "0.5",
    )
    assert scene.people[0].tell(*again)["committee"] == scene.committee
    other = scene.people[0].tell("committee", "create", "--threshold", "3", "--stake-wei", "1")
    assert other["committee"] != scene.committee


def test_check_says_what_a_member_lacks(scene: Scene) -> None:
    first = scene.people[0]
    said = {each["name"]: each for each in first.tell("check")}
    assert said["committee"]["status"] == "ok"
    assert "one of 3 members, 2 must sign the same" in said["committee"]["detail"]
    assert said["members"]["status"] == "warn", "the others do not run yet"
    assert "cannot be reached" in said["members"]["detail"]
    assert (said["reachable"]["status"], said["reachable"]["detail"][:15]) == ("warn", "no other member")
    assert said["license of selftest-moe, the committee's"]["status"] == "ok"
    assert said["offer of selftest-moe"]["status"] == "ok"
    outside = "0x" + "11" * 20
    assert "there is no committee at" in first.fails(78, "committee", "show", outside)
    stranger = Person(first.home, first.signer)
    said = {
        each["name"]: each
        for each in json.loads(stranger.run("--set", f"committee.address={outside}", "check", "--json").out)
    }
    assert [said[name]["status"] for name in ("committee", "members", "reachable")] == ["fail", "skip", "skip"]


def test_it_answers_is_shown_and_catches_who_signs_two_results(scene: Scene) -> None:
    first, second, liar = scene.people
    with running(first.home) as one, running(second.home) as two:
        url = wait_until_ready(first.home, one)
        wait_until_ready(second.home, two)
        said = {each["name"]: each for each in liar.tell("check")}
        assert said["members"]["status"] == "ok", said["members"]
        assert "has called this node back" in said["reachable"]["detail"], "an open door stands in for its node"
        said = {each["name"]: each for each in first.tell("check")}
        assert said["reachable"]["status"] == "ok", "its node is called while it runs"
        id_ = ask(scene, lane=1)
        scene.world.wait_for_answers({id_})
        seen = httpx.get(f"{url}/v1/committees/{scene.committee}").json()
        assert seen == first.tell("committee", "show")
        assert httpx.get(f"{url}/v1/committees").json() == first.tell("committee", "list")
        assert (seen["asked"], seen["answered"]) == (1, 1)
        assert sum(each["answered"] for each in seen["members"]) == 2
        assert httpx.get(f"{url}/v1/committees/0x{'11' * 20}").status_code == 404
    _require_priced(scene, id_)
    claimed = first.tell("committee", "claim")
    assert claimed["owner"] == first.address
    assert int(claimed["amount"]) == 4 * 10**8, "half of the fee, a tenth for each grant aside"
    assert int(first.tell("committee", "claim")["amount"]) == 0
    assert int(second.tell("committee", "claim")["amount"]) == 4 * 10**8
    assert "no member is known here" in first.fails(78, "committee", "report", "0x" + id_.hex())
    _sign_both(scene, first, liar, id_)
    (told,) = first.tell("committee", "report", "0x" + id_.hex())
    assert told["member"] == liar.address
    found = {each["member"]: each for each in first.tell("committee", "show")["members"]}
    assert found[liar.address]["slashed"]
    assert found[liar.address]["stake_wei"] == "0"
    assert not found[liar.address]["signing"]


def _require_priced(scene: Scene, id_: Hash32) -> None:
    """What the chain says that the answer takes through the committee, and what is reckoned before it is signed."""
    client, operator = scene.world.client, Address(bytes.fromhex(scene.committee[2:]))
    chain = RpcChain(client, operator)
    stores = [
        SqlStore(
            person.home / STORE_FILE, chain_id=client.chain_id, oracle=client.oracle, operator=person.signer.address
        )
        for person in scene.people[:2]
    ]
    job = next(found for store in stores if (found := store.job(id_)) is not None and found.signatures)
    assert job.answer is not None
    assert job.mined_at is not None
    (receipt,) = chain.receipts([job.mined_at.tx_hash])
    assert receipt is not None
    (before,) = chain.blocks([job.mined_at.block_number - 1])
    assert before is not None
    (told,) = chain.answer_gas([(job, job.answer.output)], before.ref.id)
    assert isinstance(told, int)
    assert receipt.gas_used <= told < receipt.gas_used * 9 // 8
    assert receipt.gas_used <= answer_gas(job.request, len(job.answer.output), signatures=2)
    for store in stores:
        store.close()


def _sign_both(scene: Scene, witness: Person, liar: Person, id_: Hash32) -> None:
    """What the witness's node hears from the liar."""
    client = scene.world.client
    forum = Forum(client.chain_id, Address(bytes.fromhex(scene.committee[2:])))
    file, operator = witness.home / STORE_FILE, witness.signer.address
    store = SqlStore(file, chain_id=client.chain_id, oracle=client.oracle, operator=operator)
    model = Hash32(bytes.fromhex(scene.model[2:]))
    for output in (b"right", b"wrong"):
        result = canonical.result_hash(id_, model, output, client.chain_id, client.oracle)
        signature = liar.signer.sign_typed(committee.typed(forum, RESULT_TYPE, id_, result))
        store.hear([Heard(Result(liar.signer.address, id_, result, result, signature), 1.0)])
    store.close()


def test_what_is_due_on_chain_can_be_pushed_on_by_anybody(scene: Scene) -> None:
    first, second, _ = scene.people
    chain = scene.world.chain
    with running(first.home):
        ids = ["0x" + ask(scene, lane, 3_600).hex() for lane in (50, 51)]
        until(lambda: first.tell("jobs"), lambda jobs: [each["state"] for each in jobs].count("agreeing") == len(ids))

    def did(person: Person, id_: str) -> list[str]:
        return [each["did"] for each in person.tell("committee", "push", id_)]

    def pass_by(seconds: int) -> None:
        chain.rpc("evm_increaseTime", seconds)
        chain.rpc("evm_mine")

    assert [did(first, id_) for id_ in ids] == [["commitments of 1 on chain"]] * 2
    assert did(second, ids[0]) == [], "it has heard nothing, and more than its own is not due"
    pass_by(301)
    assert did(first, ids[0]) == [f"what {first.address} committed to is revealed"]
    pass_by(301)
    assert [did(second, id_) for id_ in ids] == [[], [f"{first.address} is fined, for it did not reveal"]]
    found = {each["member"]: each for each in second.tell("committee", "show")["members"]}
    assert (found[first.address]["fined"], found[first.address]["stake_wei"]) == (1, str(STAKE - 1_000))
    pass_by(3_000)
    assert did(second, ids[0]) == ["the fee is the requester's credit again"]
    assert "is not open" in first.fails(78, "committee", "push", ids[0])


def test_who_leaves_has_the_stake_back_when_it_is_bound_no_longer(scene: Scene) -> None:
    second = scene.people[1]
    assert not second.tell("committee", "leave")["released"]
    assert "StillBonded" in second.fails(77, "committee", "leave")
    found = {each["member"]: each for each in second.tell("committee", "show")["members"]}
    assert not found[second.address]["signing"]
    scene.world.chain.rpc("evm_increaseTime", 86_400)
    scene.world.chain.rpc("evm_mine")
    before = int(scene.world.chain.rpc("eth_getBalance", second.address, "latest"), 16)
    assert second.tell("committee", "leave")["released"]
    gained = int(scene.world.chain.rpc("eth_getBalance", second.address, "latest"), 16) - before
    assert STAKE - 10**16 < gained <= STAKE

"""Orders end to end: signed on the command line, answered by a real node on Anvil, proved to a contract."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo import chains
from tests.cli_kit import Person, Town
from tests.homes import SELFTEST, running, wait_until_ready
from tests.patience import until
from tests.solidity import compiled
from tests.world import FEES, World
from themis.bundles import bundle
from themis.chain import contracts
from themis.chain.client import transact
from themis.core import canonical
from themis.core.order import order_typed_data
from themis.core.spelling import shown
from themis.core.types import ETHER, Hash32, Request, Role
from themis.dispute.served import Served

KNOWN = bundle.load(SELFTEST).golden[:3]
FEE = 1_000


@dataclass(frozen=True, slots=True)
class Scene:
    """A town whose operator runs a node, and whose requester has a deposit."""

    town: Town
    url: str

    @property
    def world(self) -> World:
        return self.town.world

    @property
    def requester(self) -> Person:
        return self.town.requester

    @property
    def model_id(self) -> Hash32:
        return Hash32(bytes.fromhex(self.town.model_id[2:]))

    def ask(self, *options: str) -> tuple[str, ...]:
        return self.town.ask("--order", "--node", self.url, "--fee-wei", str(FEE), *options)

    def post(self, order: Request, signature: bytes, *inputs: bytes) -> httpx.Response:
        message = order_typed_data(order, self.world.client.chain_id, self.world.client.oracle)["message"]
        body = {"order": message, "signature": shown(signature), "inputs": [shown(each) for each in inputs]}
        return httpx.post(f"{self.url}/v1/orders", json=body)

    def told(self, path: str) -> Any:
        return httpx.get(self.url + path).raise_for_status().json()

    def answered(self, order: Request) -> list[bytes]:
        """What the chain has of it, once it has something."""
        id_ = canonical.request_id(order, self.world.client.chain_id, self.world.client.oracle)
        return self.world.wait_for_answers({id_})[id_]

    def deposited(self) -> int:
        (held,) = self.world.client.read("deposits", ETHER, self.requester.signer.address)
        return int(held)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with chains.start() as chain:
        town = Town.build(chain, tmp_path_factory.mktemp("homes"))
        with running(town.operator.home) as process:
            yield Scene(town, wait_until_ready(town.operator.home, process))


def test_a_requester_signs_pays_from_its_deposit_and_is_answered(scene: Scene) -> None:
    requester, ask = scene.requester, scene.ask("--input-hex", shown(KNOWN[0].input))
    assert f"`themis account deposit {FEE}`" in requester.fails(78, *ask)
    requester.tell("account", "deposit", str(10 * FEE))
    head = scene.world.client.rpc.call("eth_blockNumber")
    found = requester.tell(*ask)
    assert (found["output"], found["fee"]) == (shown(KNOWN[0].output), str(FEE))
    assert found["answer_block"] == int(head, 16) + 1, "one transaction, and it is the operator's"
    assert scene.deposited() == 9 * FEE
    assert requester.tell(*ask)["request_id"] != found["request_id"], "asked again it is another order"
    job = scene.town.operator.tell("jobs", found["request_id"])
    assert job["ordered"]
    verified = requester.run(
        "verify", found["answer_tx_hash"], "--input-hex", found["input"], "--bundle", str(SELFTEST)
    )
    assert (verified.status, verified.out.count("equal")) == (0, 1), verified
    told = httpx.get(f"{scene.url}/v1/verify/{found['request_id']}").json()
    assert [each["outcome"] for each in told] == ["equal"], "the node that took it knows its input"


def test_each_answer_of_a_list_is_proved_to_a_contract(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "questions"
    file.write_text("".join(f"{shown(each.input)}\n" for each in KNOWN))
    scene.world.deposit(FEE)
    found = scene.requester.tell(*scene.ask("--list", str(file)))
    assert [each["output"] for each in found["results"]] == [shown(each.output) for each in KNOWN]
    client = scene.world.client
    ((log, _),) = client.history(("OrderFulfilled",), scene.world.start_block, bytes.fromhex(found["request_id"][2:]))
    words = canonical.request_words(contracts.decode_order(log.values))
    artifact = compiled("ListReader", "ListReader.sol")
    reader = scene.world.deploy(artifact, client.oracle)

    def proves(proof: Any, output: str) -> bool:
        root, siblings = (bytes.fromhex(proof["root"][2:]), [bytes.fromhex(each[2:]) for each in proof["siblings"]])
        said = bytes.fromhex(proof["input"][2:]), bytes.fromhex(output[2:])
        data = artifact.call("proves", words, root, proof["index"], *said, siblings)
        result = client.rpc.call("eth_call", {"to": shown(reader), "data": "0x" + data.hex()}, "latest")
        (proved,) = artifact.result("proves", bytes.fromhex(result[2:]))
        return bool(proved)

    for index, known in enumerate(KNOWN):
        proof = scene.told(f"/v1/results/{found['request_id']}/{index}")
        assert proof["root"] == found["output"]
        assert proves(proof, shown(known.output))
        assert not proves(proof, shown(known.output + b"\0"))
        assert not proves(proof | {"index": (index + 1) % len(KNOWN)}, shown(known.output))
    order, root = contracts.decode_order(log.values), log.values["output"]
    with closing(Served([scene.url])) as served:  # as `themis watch` finds what it runs again
        shows = served.item(Hash32(log.values["id"]), order, root, 1)
        assert shows is not None
        assert (shows[0], shows[1].output) == (KNOWN[1].input, KNOWN[1].output)
        assert served.item(Hash32(log.values["id"]), order, bytes(32), 1) is None, "it does not lead there"


def test_wallets_and_delegated_accounts_sign_too(scene: Scene) -> None:
    """ERC-1271: the wallet's owner signs for it. EIP-7702: the account has code, and signs with its key as before."""
    world, artifact = scene.world, compiled("OwnedWallet", "OwnedWallet.sol")
    owner = scene.requester.signer
    wallet = world.deploy(artifact, owner.address)
    world.grant(scene.model_id, wallet, Role.REQUESTER, quota=9, pay_to=world.licensor.address)  # the dearest order
    world.client.transact(owner, FEES, "deposit", ETHER, wallet, FEE, value_wei=FEE)
    known = KNOWN[1]
    order = world.order(scene.model_id, known.input, requester=wallet, seq=1, fee=FEE)
    strangers = scene.post(order, world.signed(order, world.licensor), known.input)
    assert (strangers.status_code, strangers.json()["type"]) == (403, "urn:themis:problem:unsigned")
    assert scene.post(order, world.signed(order, owner), known.input).status_code == 202
    assert scene.answered(order) == [known.output]

    world.chain.rpc("anvil_setCode", shown(owner.address), "0xef0100" + wallet.hex())
    try:
        world.deposit(FEE)
        order = world.order(scene.model_id, known.input, lane=44, fee=FEE)
        assert scene.post(order, world.signed(order), known.input).status_code == 202
        assert scene.answered(order) == [known.output]
    finally:
        world.chain.rpc("anvil_setCode", shown(owner.address), "0x")


def test_tokens_are_deposited_by_signature_and_somebody_elses_ether(scene: Scene, tmp_path: Path) -> None:
    world, requester, licensor = scene.world, scene.requester, scene.town.licensor
    token = world.deploy(compiled("AuthorizedToken", "Tokens.sol"))
    mint = compiled("AuthorizedToken", "Tokens.sol").call("mint", requester.signer.address, 100)
    transact(world.client.rpc, world.client.chain_id, world.licensor, FEES, token, mint, 0)
    place = licensor.tell("deploy", "--signed-deposits")["signed_deposits"]
    assert "set already" in licensor.fails(78, "deploy", "--signed-deposits")
    of_token = ("--token", shown(token))
    sign = ("account", "sign", "60", str(tmp_path / "permit"), *of_token)
    assert "give --through" in requester.fails(78, *sign)
    assert "no SignedDeposits" in requester.fails(78, *sign, "--through", shown(world.client.oracle))
    before = world.client.rpc.call("eth_getTransactionCount", requester.address, "latest")
    signed = requester.tell(*sign, "--through", place)
    authorized = ("account", "sign", "40", str(tmp_path / "authorization"), *of_token, "--authorization")
    requester.tell(*authorized, "--through", place)
    less = ("account", "sign", "101", str(tmp_path / "more"), *of_token, "--through", place)
    assert "has less than 101 of it" in requester.fails(77, *less)
    brought = licensor.tell("account", "bring", str(tmp_path / "permit"))
    assert (brought["account"], brought["deposit"], signed["amount"]) == (signed["account"], "60", "60")
    assert licensor.tell("account", "bring", str(tmp_path / "authorization"))["deposit"] == "100"
    assert "was used or has ended" in licensor.fails(77, "account", "bring", str(tmp_path / "permit"))
    assert "no signed deposit" in licensor.fails(78, "account", "bring", str(requester.home / "config.toml"))
    assert requester.tell("account", "show", *of_token)["deposit"] == "100"
    assert world.client.rpc.call("eth_getTransactionCount", requester.address, "latest") == before


def test_an_order_that_is_canceled_by_its_number_is_answered_no_more(scene: Scene) -> None:
    world = scene.world
    world.deposit(FEE)
    order = world.order(scene.model_id, b"in", lane=70, fee=FEE)
    assert scene.requester.tell("account", "cancel", "70", "--number", "1")["number"] == 1
    again = scene.requester.fails(77, "account", "cancel", "70", "--number", "1")
    assert "NotNext(seq=1, next=2). Sign the order anew" in again
    refused = scene.post(order, world.signed(order), b"in")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:themis:problem:out_of_turn")
    assert scene.requester.tell("account", "cancel", "70")["number"] == 2


def test_many_at_once_are_each_answered_once(scene: Scene) -> None:
    world, orders = scene.world, []
    world.deposit(12 * FEE)
    before = scene.deposited()
    for n in range(12):
        order = world.order(scene.model_id, bytes([n + 1]), lane=100 + n, fee=FEE)
        orders.append(order)
        assert scene.post(order, world.signed(order), bytes([n + 1])).status_code == 202
    ids = {canonical.request_id(each, world.client.chain_id, world.client.oracle) for each in orders}
    world.wait_for_answers(ids)
    assert scene.deposited() == before - 12 * FEE
    again = scene.post(orders[0], world.signed(orders[0]), bytes([1]))
    assert again.json()["state"] in {"mined", "done"}


def test_what_the_node_refuses_is_said_on_the_command_line(scene: Scene, tmp_path: Path) -> None:
    requester, world = scene.requester, scene.world
    world.deposit(3 * FEE)
    cheap = scene.town.ask("--order", "--node", scene.url, "--fee-wei", "0", "--input-hex", "0x01")
    assert "refuses: underpaid: 0 of its fee is left" in requester.fails(77, *cheap)
    away = scene.town.ask("--order", "--node", "http://127.0.0.1:9", "--fee-wei", "10", "--input-hex", "0x01")
    assert "correct --node, or ask later" in requester.fails(75, *away)
    assert "no URL of a node" in requester.fails(78, *scene.town.ask("--order", "--node", "x", "--input-hex", "0x01"))
    empty = tmp_path / "empty"
    empty.write_text("\n")
    assert "has 0 inputs" in requester.fails(78, *scene.ask("--list", str(empty)))
    assert "give no input beside it" in requester.fails(78, *scene.ask("--list", str(empty), "--text", "x"))
    voucher = ("--grant", str(empty), "--input-hex", "0x01")
    assert "puts no voucher into force" in requester.fails(78, *scene.ask(*voucher))
    ahead = world.order(scene.model_id, b"in", lane=50, seq=2, fee=FEE)
    early = scene.post(ahead, world.signed(ahead), b"in")
    assert (early.status_code, early.json()["type"]) == (409, "urn:themis:problem:out_of_turn")
    stale = world.order(scene.model_id, b"in", lane=51, terms_version=7, fee=FEE)
    other = scene.post(stale, world.signed(stale), b"in")
    assert (other.status_code, other.json()["type"]) == (409, "urn:themis:problem:other_terms")
    mute = replace(ahead, seq=1, requester=world.licensor.address)
    stranger = scene.post(mute, world.signed(mute, world.licensor), b"in")
    assert (stranger.status_code, stranger.json()["type"]) == (403, "urn:themis:problem:unlicensed_requester")


def test_a_command_that_was_interrupted_goes_on_with_its_order(scene: Scene) -> None:
    scene.world.deposit(2 * FEE)
    outbox = scene.requester.home / "outbox"
    before = set(outbox.iterdir())
    ask = scene.ask("--input-hex", shown(KNOWN[2].input), "--lane", "60")
    first = scene.requester.tell(*ask, "--no-wait")
    assert len(set(outbox.iterdir()) - before) == 1
    until(lambda: scene.told(f"/v1/orders/{first['request_id']}"), lambda said: said["output"] is not None)
    again = scene.requester.run(*ask, "--json")
    assert "going on with the order that was signed before" in again.err
    assert json.loads(again.out)["request_id"] == first["request_id"]
    assert json.loads(again.out)["output"] == shown(KNOWN[2].output)
    assert set(outbox.iterdir()) == before

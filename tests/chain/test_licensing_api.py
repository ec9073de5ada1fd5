"""What a licensor's page is told and given, from a real chain: lists, grants to sign, calls that would succeed."""

from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address

from demo import chains
from tests.api_kit import VERIFIER
from tests.daemon_kit import Bench
from tests.patience import PATIENCE_S, until
from tests.world import DAY_S, FEES, World
from themis.api import licensing_models as models
from themis.api.access import LOOPBACK_NAMES
from themis.api.app import create
from themis.api.licensing import Licensing
from themis.api.reading import Reading
from themis.api.server import Server
from themis.config import ApiConfig
from themis.core import canonical
from themis.core.types import Address, Hash32, Role

ZERO = "0x" + "00" * 20
TOKEN = "0x" + "70" * 20


class Scene:
    """An oracle with one model, and an API that reads it."""

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.model_id = world.register(*(Hash32(bytes([each]) * 32) for each in (1, 2, 3)))
        self.bench = Bench(path)
        licensing = Licensing(world.client, world.start_block, {self.model_id: "test model"})
        self.server = Server(ApiConfig(port=0))
        reading = Reading(self.bench.node, {}, {}, 0.0)
        self.server.start(create(reading, licensing, VERIFIER, hosts=LOOPBACK_NAMES, token=None))
        self.http = httpx.Client(base_url=self.server.url, timeout=PATIENCE_S)
        self.licensor = world.licensor.account.address
        self.requester = world.requester.account.address

    def get(self, path: str, **query: Any) -> Any:
        reply = self.http.get("/v1/licensing" + path, params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def problem(self, status: int, path: str, **query: Any) -> str:
        reply = self.http.get("/v1/licensing" + path, params=query)
        assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), reply.text
        detail: str = reply.json()["detail"]
        return detail

    def draft(self, **more: Any) -> Any:
        holder = {"model_id": "0x" + self.model_id.hex(), "licensee": self.requester, "role": "requester"}
        return self.get("/draft", **(holder | {"classes": "research,commercial", "days": 30} | more))

    def sign(self, draft: Any, key: str | None = None) -> str:
        signable = encode_typed_data(full_message=draft["typed_data"])
        account = Account.from_key(key) if key else self.world.licensor.account
        return "0x" + bytes(account.sign_message(signable).signature).hex()

    def send(self, call: Any, account: Address) -> None:
        """What a wallet does with a call; Anvil holds the key."""
        transaction = {"from": "0x" + account.hex(), "to": call["to"], "data": call["data"]}
        tx_hash = self.world.chain.rpc("eth_sendTransaction", transaction)
        receipt = until(lambda: self.world.chain.rpc("eth_getTransactionReceipt", tx_hash), lambda found: found)
        assert receipt["status"] == "0x1"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with chains.start() as chain:
        yield World.build(chain)


@pytest.fixture
def scene(world: World, tmp_path: Path) -> Iterator[Scene]:
    """The chain is put back afterwards."""
    snapshot = world.chain.rpc("evm_snapshot")
    made = Scene(world, tmp_path / "db")
    with made.http:
        yield made
    made.server.stop()
    made.bench.store.close()
    assert world.chain.rpc("evm_revert", snapshot)


def test_models_and_the_history_of_their_terms(scene: Scene) -> None:
    world = scene.world
    later_s = world.now_s() + 15 * DAY_S
    closed = (scene.model_id, b"\x55" * 32, 0, later_s, "ipfs://later", "")
    world.client.transact(world.licensor, FEES, "publishTerms", *closed)
    (found,) = scene.get("/models")
    assert (found["name"], found["licensor"], found["epoch"]) == ("test model", scene.licensor, 0)
    first, second = found["terms"]
    modes = {"personal": "open", "research": "open", "commercial": "grant"}
    assert (first["state"], first["policy"]) == ("in force", {"requester": modes, "operator": modes})
    assert (second["state"], second["effective_at_s"], second["uri"]) == ("pending", later_s, "ipfs://later")
    assert set(second["policy"]["operator"].values()) == {"closed"}
    world.chain.rpc("evm_setNextBlockTimestamp", later_s)
    world.chain.rpc("evm_mine")
    assert [each["state"] for each in scene.get("/models")[0]["terms"]] == ["past", "in force"]
    place = scene.get("")
    assert (place["chain_id"], place["now_s"]) == (world.client.chain_id, later_s)


def test_a_draft_is_signed_activated_listed_and_revoked(scene: Scene) -> None:
    floor = 2**96 - 1
    draft = scene.draft(quota=5, daily_rate=2, royalty_bps=1_250, price_token=TOKEN, price_floor=floor, terms_version=1)
    message = draft["typed_data"]["message"]
    assert (message["seq"], message["epoch"], message["licensor"]) == (1, 0, scene.licensor.lower())
    assert (message["priceFloor"], message["expiry"] - message["notBefore"]) == (str(floor), 30 * DAY_S)
    grant = canonical.grant_of_message(message)
    (digest,) = scene.world.client.read("hashGrant", astuple(grant))
    assert draft["grant_hash"] == "0x" + digest.hex()

    query = message | {"signature": scene.sign(draft), "sender": scene.licensor}
    scene.send(scene.get("/calls/activate", **query), scene.world.licensor.address)
    (row,) = scene.get("/grants", model_id="0x" + scene.model_id.hex())
    models.Grant.model_validate(row)
    assert (row["state"], row["quota"], row["quota_left"], row["daily_rate"]) == ("active", 5, 5, 2)
    assert (row["price_token"], row["price_floor"]) == (to_checksum_address(TOKEN), str(floor))
    assert row["classes"] == ["research", "commercial"]
    assert scene.draft()["typed_data"]["message"]["seq"] == 2
    assert scene.get("/grants", model_id="0x" + "77" * 32) == []

    holder = {"model_id": row["model_id"], "licensee": row["licensee"], "role": row["role"]}
    assert "NotLicensor" in scene.problem(403, "/calls/revoke", sender=scene.requester, **holder)
    scene.send(scene.get("/calls/revoke", sender=scene.licensor, **holder), scene.world.licensor.address)
    assert [each["state"] for each in scene.get("/grants")] == ["revoked"]


def test_a_voucher_may_be_revoked_before_anybody_activates_it(scene: Scene) -> None:
    draft = scene.draft()
    holder = {"model_id": "0x" + scene.model_id.hex(), "licensee": scene.requester, "role": "requester"}
    scene.send(scene.get("/calls/revoke", sender=scene.licensor, **holder), scene.world.licensor.address)
    query = draft["typed_data"]["message"] | {"signature": scene.sign(draft), "sender": scene.licensor}
    assert "the oracle refuses: " in scene.problem(403, "/calls/activate", **query)


def test_a_signature_of_somebody_else_is_refused_before_it_costs_anything(scene: Scene) -> None:
    draft = scene.draft()
    query = draft["typed_data"]["message"] | {"sender": scene.licensor}
    signature = scene.sign(draft, key="0x" + "31" * 32)
    assert "InvalidSignature" in scene.problem(403, "/calls/activate", signature=signature, **query)


def test_asks_are_listed_and_refused(scene: Scene) -> None:
    world = scene.world
    ask = (scene.model_id, int(Role.OPERATOR), 0b101, "<b>serve</b>", "ipfs://who")
    world.client.transact(world.requester, FEES, "requestAuthorization", *ask)
    (row,) = scene.get("/asks")
    models.Ask.model_validate(row)
    assert (row["purpose"], row["classes"], row["state"]) == ("<b>serve</b>", ["personal", "commercial"], "pending")
    holder = {"model_id": row["model_id"], "licensee": row["licensee"], "role": row["role"], "reason": "No."}
    assert "NotLicensor" in scene.problem(403, "/calls/refuse", sender=scene.requester, **holder)
    scene.send(scene.get("/calls/refuse", sender=scene.licensor, **holder), world.licensor.address)
    assert [(each["state"], each["reason"]) for each in scene.get("/asks")] == [("refused", "No.")]


def test_income_is_read_and_withdrawn(scene: Scene) -> None:
    world = scene.world
    nothing = {"token": ZERO, "withdrawable": "0", "withdrawn": "0"}
    empty = {"accounts": [nothing], "earnings": [], "royalties": [], "months": [], "users": []}
    assert scene.get("/income", account=scene.requester) == empty
    withdraw = {"sender": scene.licensor, "token": ZERO, "account": scene.requester}
    assert "nothing to withdraw in ether" in scene.problem(403, "/calls/withdraw", **withdraw)
    deadline_s = world.now_s() + 60
    ask = (scene.model_id, world.operator.address, 0, 0, deadline_s, 0)
    _, (log,) = world.client.transact(world.requester, FEES, "request", ask, b"", value_wei=777)
    world.chain.rpc("evm_increaseTime", 61)
    world.client.transact(world.requester, FEES, "refund", log.values["request"])
    income = scene.get("/income", account=scene.requester)
    models.Income.model_validate(income)
    assert income["accounts"][0]["withdrawable"] == "777"
    (earned,) = income["earnings"]
    assert (earned["model_id"], earned["refunds"], earned["royalties"]) == ("0x" + scene.model_id.hex(), "777", "0")
    scene.send(scene.get("/calls/withdraw", **withdraw), world.licensor.address)
    assert scene.get("/income", account=scene.requester)["accounts"] == [nothing | {"withdrawn": "777"}]


def test_what_a_licensor_decides_about_a_model_is_tried_first(scene: Scene) -> None:
    world, model = scene.world, "0x" + scene.model_id.hex()
    licensor, requester = {"sender": scene.licensor}, {"sender": scene.requester}
    terms = {
        "model_id": model,
        "terms_hash": "0x" + "55" * 32,
        "requester": "personal=open",
        "operator": "research=grant",
    }
    place = scene.get("")
    later = {
        "effective_at_s": place["now_s"] + place["notice_s"] + 60,
        "uri": "ipfs://2",
        "attribution": "Built with 2",
    }
    assert "NoticeTooShort" in scene.problem(403, "/calls/publish", **terms, **licensor)
    assert "NotLicensor" in scene.problem(403, "/calls/publish", **terms, **later, **requester)
    assert "query.operator" in scene.problem(422, "/calls/publish", **(terms | {"operator": "all=open"}), **licensor)
    scene.send(scene.get("/calls/publish", **terms, **later, **licensor), world.licensor.address)
    second = scene.get("/models")[0]["terms"][1]
    assert (second["state"], second["policy"]["operator"]["research"], second["uri"]) == (
        "pending",
        "grant",
        "ipfs://2",
    )

    assert "NotLicensor" in scene.problem(403, "/calls/revoke-all", model_id=model, **requester)
    scene.send(scene.get("/calls/revoke-all", model_id=model, **licensor), world.licensor.address)
    assert scene.get("/models")[0]["epoch"] == 1

    nonce = 2**256 - 1
    scene.send(scene.get("/calls/cancel", nonce=nonce, **licensor), world.licensor.address)
    assert world.client.read("isCanceled", world.licensor.address, nonce) == (True,)
    assert "query.nonce" in scene.problem(422, "/calls/cancel", nonce=nonce + 1, **licensor)

    heir = {"model_id": model, "successor": scene.requester}
    assert "NotLicensor" in scene.problem(403, "/calls/transfer", **heir, **requester)
    scene.send(scene.get("/calls/transfer", **heir, **licensor), world.licensor.address)
    assert scene.get("/models")[0]["successor"] == scene.requester
    assert "NotSuccessor" in scene.problem(403, "/calls/accept", model_id=model, **licensor)
    scene.send(scene.get("/calls/accept", model_id=model, **requester), world.requester.address)
    found = scene.get("/models")[0]
    assert (found["licensor"], found["successor"]) == (scene.requester, None)


def test_a_model_that_is_not_registered_has_no_licensor_to_sign(scene: Scene) -> None:
    query = {"model_id": "0x" + "77" * 32, "licensee": scene.requester, "role": "requester"}
    assert "is not registered" in scene.problem(404, "/draft", classes="research", days=1, **query)


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": ""},
        {"classes": "military"},
        {"role": "licensor"},
        {"days": 0},
        {"days": 36_501},
        {"royalty_bps": 5_001},
        {"price_floor": 2**96},
        {"quota": 2**32},
        {"licensee": "0x12"},
        {"licensee": "0x" + "00" * 20},
        {"pay_to": "themis.eth"},
        {"royalty": 1},
    ],
)
def test_a_grant_that_cannot_be_is_not_drafted(scene: Scene, wrong: dict[str, Any]) -> None:
    query = {"model_id": "0x" + scene.model_id.hex(), "licensee": scene.requester, "role": "requester"}
    assert f"query.{next(iter(wrong))}" in scene.problem(
        422, "/draft", **(query | {"classes": "research", "days": 1} | wrong)
    )

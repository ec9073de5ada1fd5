"""Orders over HTTP: each refusal is its own problem, answers are told when a block has them, lists are proved."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes import CHAIN_ID, ORACLE_ADDRESS, SIGNATURE
from tests.scene import NOBODY, Scene
from themis.core import canonical, listing, merkle
from themis.core.keccak import keccak
from themis.core.order import order_typed_data
from themis.core.spelling import shown
from themis.core.types import Hash32, Request


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("scene") / "db")
    yield made
    made.close()


def body(order: Request, *inputs: bytes, signature: bytes = SIGNATURE) -> dict[str, Any]:
    message = order_typed_data(order, CHAIN_ID, ORACLE_ADDRESS)["message"]
    return {"order": message, "signature": shown(signature), "inputs": [shown(each) for each in inputs]}


def posted(scene: Scene, order: Request, *inputs: bytes, signature: bytes = SIGNATURE) -> httpx.Response:
    return scene.client.post("/v1/orders", json=body(order, *inputs, signature=signature))


def test_an_order_is_taken_answered_and_told(scene: Scene) -> None:
    order = scene.bench.chain.order(b"a question")
    id_ = shown(canonical.request_id(order, CHAIN_ID, ORACLE_ADDRESS))
    taken = posted(scene, order, b"a question")
    assert taken.status_code == 202, taken.text
    assert (taken.json()["id"], taken.json()["state"]) == (id_, "seen")
    assert taken.json() == scene.get(f"/v1/orders/{id_}")
    scene.bench.work()
    for path in (f"/v1/orders/{id_}", f"/v1/jobs/{id_}"):
        found = scene.get(path)
        assert (found["state"], found["output"]) == ("sending", None), "who could read it now could cancel"
    assert scene.get(f"/v1/orders/{id_}")["input"] is None
    assert next(each for each in scene.get("/v1/jobs") if each["id"] == id_)["output"] is None
    assert scene.get(f"/v1/jobs/{id_}/words")["answer"] == []
    assert '"output": null' in scene.client.get(f"/v1/jobs/{id_}/stream").text
    scene.bench.mine()
    found = posted(scene, order, b"a question").json()
    assert (found["state"], found["output"], found["outputs"]) == ("done", shown(keccak(b"a question")), None)
    assert found["input"] == shown(b"a question"), "who runs it again has its hash alone from the chain"
    assert found["mined_block"] == scene.bench.chain.head().number
    assert scene.get(f"/v1/jobs/{id_}")["ordered"]
    assert scene.client.get(f"/v1/results/{id_}/0").status_code == 404


def test_each_result_of_a_list_is_proved_once_a_block_has_the_root(scene: Scene) -> None:
    inputs = [bytes([n, 1]) for n in range(5)]
    order = scene.bench.chain.order(listing.pack(inputs), items=5)
    id_ = posted(scene, order, *inputs).json()["id"]
    scene.bench.work()
    early = scene.client.get(f"/v1/results/{id_}/0")
    assert (early.status_code, early.json()["detail"].endswith("its results come with its answer")) == (409, True)
    scene.bench.mine()
    root = scene.get(f"/v1/orders/{id_}")["output"]
    for index, input_ in enumerate(inputs):
        found = scene.get(f"/v1/results/{id_}/{index}")
        assert (found["root"], found["input"], found["output"]) == (root, shown(input_), shown(keccak(input_)))
        results, asked = (
            merkle.Proof(index, 5, tuple(Hash32(bytes.fromhex(each[2:])) for each in found[name]))
            for name in ("siblings", "input_siblings")
        )
        assert merkle.verify(Hash32(bytes.fromhex(root[2:])), listing.result_leaf(input_, keccak(input_)), results)
        assert merkle.verify(order.input_hash, keccak(input_), asked)
    assert scene.client.get(f"/v1/results/{id_}/5").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"requester": NOBODY}, 403, "unlicensed_requester"),
        ({"operator": NOBODY}, 403, "unserved_requester"),
        ({"fee": 2**96 - 1}, 402, "uncovered"),
        ({"deadline_s": 1}, 409, "expired"),
        ({"model_id": bytes(32)}, 422, "unknown_model"),
        ({"callback_gas": 2**31}, 422, "unsendable"),
    ],
)
def test_each_refusal_is_a_problem_of_its_own(scene: Scene, changes: dict[str, Any], status: int, code: str) -> None:
    refused = posted(scene, scene.bench.chain.order(**changes), b"in")
    said = refused.json()
    assert (refused.status_code, said["type"]) == (status, f"urn:themis:problem:{code}")
    assert refused.headers["content-type"] == "application/problem+json"
    assert said["detail"]


def test_what_is_not_signed_or_in_another_lane_s_way_is_said(scene: Scene) -> None:
    unsigned = posted(scene, scene.bench.chain.order(), b"in", signature=b"")
    assert (unsigned.status_code, unsigned.json()["type"]) == (403, "urn:themis:problem:unsigned")
    other = posted(scene, scene.bench.chain.order(), b"another")
    assert (other.status_code, other.json()["type"]) == (422, "urn:themis:problem:invalid_input")
    first, second = (scene.bench.chain.order(input_, lane=77) for input_ in (b"1", b"2"))
    assert posted(scene, first, b"1").status_code == 202
    later = posted(scene, second, b"2")
    assert (later.status_code, later.json()["type"]) == (409, "urn:themis:problem:out_of_turn")
    scene.bench.work()
    scene.bench.mine()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 200_000,
        b'{"order": 1, "signature": "0x", "inputs": ["0x00"]}',
        b'{"order": {}, "signature": "0x", "inputs": []}',
    ],
    ids=["nothing", "nested", "no order", "no inputs"],
)
def test_what_is_no_order_is_said_and_harms_nobody(scene: Scene, content: bytes) -> None:
    refused = scene.client.post("/v1/orders", content=content)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:themis:problem:invalid_request")
    assert scene.get("/livez") == {"live": True}


def test_a_number_beyond_its_width_is_no_order(scene: Scene) -> None:
    said = body(scene.bench.chain.order(), b"in")
    said["order"]["lane"] = str(2**64)
    refused = scene.client.post("/v1/orders", json=said)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:themis:problem:invalid_request")


def test_orders_have_a_size(scene: Scene) -> None:
    order = scene.bench.chain.order(bytes(150_000))
    assert posted(scene, order, bytes(150_000)).status_code == 413


def test_who_has_no_order_here_is_told(scene: Scene) -> None:
    for path in ("/v1/orders/0x" + "ab" * 32, f"/v1/orders/{shown(scene.done)}", "/v1/results/0x" + "ab" * 32 + "/0"):
        assert scene.client.get(path).status_code == 404


def test_the_door_is_described(scene: Scene) -> None:
    said = scene.get("/v1/openapi.json")
    assert said["paths"]["/v1/orders"]["post"]["requestBody"]["required"]
    assert set(said["components"]["schemas"]["OrderMessage"]["required"]) >= {"requester", "seq", "useClass"}

"""The API on a node of fakes with a real store: what it says, and that every error is a problem."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api_kit import UNREACHABLE
from tests.daemon_kit import Bench
from tests.fakes import GENESIS_S, KEY, MODEL, REQUESTER
from tests.scene import BIG_LANE, ENDPOINTS, NOBODY, Scene
from themis.api import models
from themis.api.app import create
from themis.api.fees import FeesNow
from themis.api.metrics import NodeCollector
from themis.api.pages import PAGES, PARTS
from themis.api.reading import Reading
from themis.api.server import Server
from themis.cli.node import panel
from themis.config import ApiConfig
from themis.core.errors import Broken, Reason
from themis.core.fees import ANSWER_GAS
from themis.core.job import State
from themis.core.permission import Explanation, Standing
from themis.core.pricing import Pricing, Rule
from themis.core.requesters import Requesters
from themis.core.types import Hash32
from themis.daemon.attempts import RESEND_AFTER_S
from themis.daemon.settle import STANDING_EVERY_S
from themis.daemon.supervisor import Health
from themis.daemon.unsettled import AFTER_BLOCKS


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "db")
    yield made
    made.close()


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/", "/v1/status", "/page/style.css", "/v1/jobs/0x00", "/none"])
def test_head_is_answered_as_get_without_a_body(scene: Scene, path: str) -> None:
    head, got = scene.client.head(path), scene.client.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_head_says_whether_the_node_is_ready(scene: Scene) -> None:
    assert scene.client.head("/readyz").status_code == scene.client.get("/readyz").status_code == 200
    scene.health["infer"].error = "waits"
    assert scene.client.head("/readyz").status_code == 503


def problem(scene: Scene, path: str, status: int) -> dict[str, Any]:
    reply = scene.client.get(path)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = reply.json()
    models.Problem.model_validate(body)
    assert (body["status"], body["instance"]) == (status, path.partition("?")[0])
    return body


def test_status_counts_what_the_store_holds(scene: Scene) -> None:
    status = scene.get("/v1/status")
    models.Status.model_validate(status)
    assert status["running"]
    assert status["jobs"] == {str(state): 0 for state in State} | {"done": 1, "closed": 1, "seen": 1}
    assert status["closed"] == {str(reason): 0 for reason in Reason} | {"unlicensed_requester": 1}
    assert status["operator"] == KEY.address
    assert status["head"]["number"] == status["recorded_block"] == 4
    assert status["balance_wei"] == str(10**18)
    assert status["rpc_calls"] == 10
    assert [model["name"] for model in status["models"]] == ["fake"]
    assert status["alerts"] == []


def test_integers_over_2_to_the_53_and_bytes_are_strings(scene: Scene) -> None:
    detail = scene.get(f"/v1/jobs/0x{scene.done.hex()}")
    assert detail["request"]["lane"] == str(BIG_LANE)
    assert detail["request"]["fee"] == str(10**15)
    assert detail["input"] == "0x" + b"in".hex()
    for value in _scalars(scene.get("/v1/status"), detail, scene.get("/v1/jobs")):
        assert not isinstance(value, int) or abs(value) <= 2**53


def test_a_job_has_its_history(scene: Scene) -> None:
    detail = scene.get(f"/v1/jobs/0x{scene.done.hex()}")
    models.JobDetail.model_validate(detail)
    assert detail["state"] == "done"
    assert [entry["fact"] for entry in detail["history"]][-2:] == ["Mined", "Finalized"]
    assert detail["latency_s"] == 0
    assert detail["mined_at"]["block_number"] == 3
    refused = scene.get(f"/v1/jobs/0x{scene.closed.hex()}")
    assert (refused["reason"], refused["mined_at"], refused["output"]) == ("unlicensed_requester", None, None)
    assert "AuthorizationRequired" in refused["detail"]


def test_jobs_are_listed_newest_first_and_filtered(scene: Scene) -> None:
    ids = ["0x" + id_.hex() for id_ in (scene.seen, scene.closed, scene.done)]
    assert [job["id"] for job in scene.get("/v1/jobs")] == ids
    assert [job["id"] for job in scene.get("/v1/jobs?state=done")] == ids[2:]
    assert [job["id"] for job in scene.get("/v1/jobs?limit=1")] == ids[:1]


def test_models(scene: Scene) -> None:
    (model,) = scene.get("/v1/models")
    assert (model["name"], model["attribution"], model["exact"]) == ("fake", "Built with fake", True)


def test_a_node_that_works_is_ready(scene: Scene) -> None:
    assert scene.get("/livez") == {"live": True}
    assert scene.get("/readyz") == {"ready": True}
    verbose = scene.get("/readyz?verbose")
    assert [each["name"] for each in verbose["conditions"]][-1] == "head"
    assert all(each["ok"] for each in verbose["conditions"])


def test_a_waiting_loop_is_not_ready_and_an_alert(scene: Scene) -> None:
    scene.health["send"].error = "the RPC is down: start it"
    body = problem(scene, "/readyz?verbose", 503)
    assert body["type"] == "urn:themis:problem:not_ready"
    assert body["detail"] == "the RPC is down: start it"
    assert {each["name"] for each in body["conditions"] if not each["ok"]} == {"loop send"}
    assert scene.get("/v1/status")["alerts"] == ["send waits: the RPC is down: start it"]
    assert scene.get("/livez") == {"live": True}


def test_an_old_head_is_not_ready(scene: Scene) -> None:
    scene.bench.wait(61)
    assert "read 61.0 s ago" in problem(scene, "/readyz", 503)["detail"]


def test_a_low_balance_is_an_alert(scene: Scene) -> None:
    scene.bench.node.telemetry.balance_wei.set(10**14 * 5)
    (alert,) = scene.get("/v1/status")["alerts"]
    assert alert == f"the balance pays for about 1 answers: fund {KEY.address}"


@pytest.mark.parametrize(
    ("allowed", "expiry_s", "said"),
    [
        (True, GENESIS_S + 7 * 86_400, "fake: the operator's grant ends at "),
        (False, None, "fake: paid requests are refused: the rule. Do this"),
    ],
)
def test_a_license_that_ends_or_lacks_is_an_alert(scene: Scene, allowed: bool, expiry_s: int | None, said: str) -> None:
    explanation = Explanation(allowed=allowed, rule="the rule", denial=None, next_step="Do this", expiry_s=expiry_s)
    scene.bench.chain.standings[MODEL] = Standing(explanation, asks_fee=True)
    scene.bench.wait(STANDING_EVERY_S)
    scene.bench.settle.step()
    status = scene.get("/v1/status")
    assert any(alert.startswith(said) for alert in status["alerts"])
    assert status["models"][0]["license"] == {
        "allowed": allowed,
        "rule": "the rule",
        "next_step": "Do this",
        "expiry_s": expiry_s,
    }


def test_a_result_carries_its_terms(scene: Scene) -> None:
    detail = scene.get(f"/v1/jobs/0x{scene.done.hex()}")
    assert (detail["terms_hash"], detail["attribution"]) == ("0x" + MODEL.hex(), "version 1")
    assert scene.get(f"/v1/jobs/0x{scene.seen.hex()}")["attribution"] == "version 1"


def test_a_stuck_transaction_is_an_alert(scene: Scene) -> None:
    scene.bench.work()
    for _ in range(AFTER_BLOCKS + 1):
        scene.bench.chain.mine(include=False)
        scene.bench.wait(RESEND_AFTER_S)
        scene.bench.work()
    (alert,) = scene.get("/v1/status")["alerts"]
    assert alert.startswith("nonce 1 has been open for 10 blocks: the RPC's pool has it at 3 gwei, and no block takes")


def test_status_and_metrics_tell_policy_cap_and_limits(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path / "db",
        pricing=Pricing(Rule.WAIT, margin_percent=10),
        requesters=Requesters(deny=frozenset([NOBODY]), max_per_hour=5),
        max_spend_wei=10**17,
    )
    bench.chain.ask()
    bench.work()
    reading = Reading(bench.node, {loop.name: Health(bench.clock.now) for loop in bench.loops}, {}, 900.0)
    status = reading.status()
    assert status.fees is not None
    assert status.fees.policy == "wait"
    assert status.fees.cap_wei == str(200 * 10**9)
    assert status.fees.price_wei == str(2 * 10**9)
    assert int(status.fees.least_wei or 0) == ANSWER_GAS * 2 * 10**9 * 110 // 100
    assert status.fees.max_spend_wei_per_day == str(10**17)
    assert 0 < int(status.fees.spent_wei or 0) < 10**17
    assert status.requesters == models.Requesters(allowed=0, denied=1, max_per_hour=5, max_per_day=None)
    facts = dict(panel.status(status))
    assert facts["fees"].startswith("policy wait; an answer must earn 0.000")
    assert facts["fees"].endswith(" of 0.1 ether a day spent")
    assert facts["requesters"] == "everybody; 1 denied; 5 requests an hour each"
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in NodeCollector(reading).collect()
        for sample in family.samples
    }
    assert [samples["themis_fees_policy", rule] for rule in ("free", "wait", "refuse")] == [0, 1, 0]
    assert samples["themis_gas_price_cap_wei",] == 200 * 10**9
    assert samples["themis_gas_price_wei",] == 2 * 10**9
    assert samples["themis_answer_price_wei",] == int(status.fees.least_wei or 0)
    assert samples["themis_spend_cap_wei",] == 10**17
    assert samples["themis_spent_wei",] == int(status.fees.spent_wei or 0)
    assert samples["themis_requester_limit", "hour"] == 5
    assert samples["themis_requester_limit", "day"] == math.inf


def test_what_is_not_set_or_not_read_is_told_as_such(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "db")
    fees = FeesNow.of(bench.node).shown()
    assert (fees.price_wei, fees.least_wei, fees.spent_wei, fees.max_spend_wei_per_day) == (None, "0", None, None)


def test_metrics_have_every_state_and_reason(scene: Scene) -> None:
    reply = scene.client.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain")
    found = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }
    assert {label for name, label in found if name == "themis_jobs"} == {(str(state),) for state in State}
    assert {label for name, label in found if name == "themis_jobs_closed"} == {(str(reason),) for reason in Reason}
    assert found["themis_jobs", ("done",)] == 1
    assert found["themis_rpc_calls_total", ("eth_getLogs",)] == 7
    assert found["themis_endpoint_fit", ("0", "http://one")] == 1
    assert found["themis_endpoint_requests_total", ("0", "http://one")] == 9
    assert found["themis_head_block", ()] == 4
    assert ("themis_inference_seconds_count", ()) in found


@pytest.mark.parametrize(
    ("path", "status", "type_"),
    [
        ("/nowhere", 404, "not_found"),
        ("/v1/jobs/0x" + "00" * 32, 404, "not_found"),
        ("/v1/jobs/0x12", 422, "invalid_request"),
        ("/v1/jobs?state=lost", 422, "invalid_request"),
        ("/v1/jobs?limit=0", 422, "invalid_request"),
        ("/v1/jobs?limit=1001", 422, "invalid_request"),
    ],
)
def test_every_error_is_a_problem(scene: Scene, path: str, status: int, type_: str) -> None:
    assert problem(scene, path, status)["type"] == f"urn:themis:problem:{type_}"


def test_the_api_is_read_only_but_for_orders(scene: Scene) -> None:
    paths: dict[str, dict[str, Any]] = scene.get("/v1/openapi.json")["paths"]
    others = {path: set(operations) for path, operations in paths.items() if set(operations) != {"get"}}
    assert others == {"/v1/orders": {"post"}}
    reply = scene.client.post("/v1/status")
    assert reply.status_code == 405
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["allow"] == "GET"


@pytest.mark.parametrize(("error", "type_"), [(Broken("no job"), "broken"), (ZeroDivisionError("secret"), "bug")])
def test_a_bug_is_a_problem_too(scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception, type_: str) -> None:
    def fail(_: object, job_id: Hash32) -> None:
        raise error

    monkeypatch.setattr(type(scene.bench.store), "job", fail)
    body = problem(scene, f"/v1/jobs/0x{scene.done.hex()}", 500)
    assert body["type"] == f"urn:themis:problem:{type_}"
    assert "secret" not in json.dumps(body)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_a_foreign_host_name_is_refused(scene: Scene, host: str) -> None:
    reply = scene.client.get("/v1/status", headers={"Host": host})
    assert reply.status_code == 421
    assert reply.json()["type"] == "urn:themis:problem:misdirected_request"


def test_a_token_guards_data_and_metrics(scene: Scene, tmp_path: Path) -> None:
    bench = Bench(tmp_path / "other")
    server = Server(ApiConfig(port=0))
    server.start(create(Reading(bench.node, scene.health, {}, 0.0), *UNREACHABLE, hosts=None, token="t" * 16))
    with httpx.Client(base_url=server.url, headers={"Host": "node.example"}) as client:
        for path in ("/v1/status", "/v1/jobs", "/v1/models", "/v1/openapi.json", "/metrics"):
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "t" * 16}):
                reply = client.get(path, headers=headers)
                assert reply.status_code == 401
                assert reply.headers["www-authenticate"] == "Bearer"
                assert reply.headers["content-type"] == "application/problem+json"
            assert client.get(path, headers={"Authorization": "Bearer " + "t" * 16}).status_code == 200
        assert client.get("/livez").status_code == 200
        assert client.get("/").status_code == 200
    server.stop()
    bench.store.close()


@pytest.mark.parametrize("path", [*PAGES, *(f"/page/{part}" for part in PARTS)])
def test_the_pages_need_nothing_from_elsewhere(scene: Scene, path: str) -> None:
    reply = scene.client.get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"].endswith("; charset=utf-8")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for text in ("http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", " style="):
        assert text not in reply.text
    assert not re.search(r"<script(?![^>]* src=)|<style| on[a-z]+=\"", reply.text)


def test_all_that_the_pages_are_made_of_is_served(scene: Scene) -> None:
    named = {part for path in (*PAGES, *(f"/page/{part}" for part in PARTS)) for part in _parts_named(scene, path)}
    assert named == set(PARTS)
    for path in re.findall(
        r'"(/v1/(?!licensing)[^"]+[^/])"', scene.client.get("/page/status.js").text
    ):  # no chain here
        scene.get(path)


def _parts_named(scene: Scene, path: str) -> list[str]:
    return re.findall(r'"(?:/page|\.)/([a-z]+\.(?:js|css))"', scene.client.get(path).text)


def test_what_the_outside_world_is_at_fault_for_is_said_to_be_temporary(scene: Scene) -> None:
    body = problem(scene, "/v1/licensing", 503)
    assert body["type"] == "urn:themis:problem:unavailable"
    assert "did not answer" in body["detail"]


def test_requests_are_told_apart_by_their_requesters(scene: Scene) -> None:
    by_id = {job["id"]: job["requester"] for job in scene.get("/v1/jobs")}
    assert by_id["0x" + scene.done.hex()].lower() == "0x" + REQUESTER.hex()
    assert by_id["0x" + scene.closed.hex()].lower() == "0x" + NOBODY.hex()


def _scalars(*values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, dict):
            yield from _scalars(*value.values())
        elif isinstance(value, list):
            yield from _scalars(*value)
        else:
            yield value


def test_each_endpoint_is_shown_and_one_that_is_not_asked_is_an_alert(scene: Scene) -> None:
    scene.endpoints = ENDPOINTS
    status = scene.get("/v1/status")
    assert [(each["url"], each["fit"], each["lag_blocks"]) for each in status["endpoints"]] == [
        ("http://one", True, 0),
        ("http://two", False, 3),
    ]
    assert status["alerts"] == ["http://two is not asked: HTTP status 503"]
    assert 'themis_endpoint_lag_blocks{place="1",url="http://two"} 3.0' in scene.client.get("/metrics").text
    assert 'themis_endpoint_errors_total{place="1",url="http://two"} 4.0' in scene.client.get("/metrics").text

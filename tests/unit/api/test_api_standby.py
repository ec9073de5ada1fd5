"""What a node that stands by says over HTTP: that it lives, that it is not to be asked, and then a leader's answers."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from themis.api import standby
from themis.cli.node.front import Front
from themis.config import ApiConfig
from themis.daemon.lead import STANDING_BY

TOKEN = {"Authorization": "Bearer " + "t" * 20}


@pytest.fixture
def client() -> TestClient:
    return TestClient(standby.create(hosts=None, token="t" * 20))


def test_it_lives_and_is_not_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"live": True}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:themis:problem:standing_by"
    assert answer.json()["detail"] == STANDING_BY


@pytest.mark.parametrize("path", ["/v1/status", "/v1/orders", "/committee/hello", "/licensing"])
def test_whatever_a_leader_answers_it_does_not(client: TestClient, path: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        assert client.request(method, path, headers=TOKEN).status_code == 503
    if path.startswith("/v1"):
        assert client.get(path).status_code == 401


def test_its_page_says_so_without_a_token(client: TestClient) -> None:
    page = client.get("/")
    assert "Another node with this key leads" in page.text
    for part in ("style.css", "standby.js"):
        assert f'"/page/{part}"' in page.text
        assert client.get(f"/page/{part}").status_code == 200
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_prometheus_sees_a_node_that_is_up_and_not_ready(client: TestClient) -> None:
    assert client.get("/metrics").status_code == 401
    told = client.get("/metrics", headers=TOKEN).text
    samples = {each.name: each.value for family in text_string_to_metric_families(told) for each in family.samples}
    assert (samples["themis_ready"], samples["themis_standing_by"], samples["themis_build_info"]) == (0, 1, 1)
    assert "themis_head_block" not in samples, "0 would be a chain that stands still"


def test_a_node_that_leads_answers_where_it_stood_by(tmp_path: Path) -> None:
    leads = FastAPI()
    leads.get("/readyz")(lambda: {"ready": True})
    with Front(tmp_path, ApiConfig(port=0), None) as front:
        front.stand_by()
        url = f"http://127.0.0.1:{(tmp_path / 'api.port').read_text().strip()}"
        with httpx.Client() as client:
            assert client.get(f"{url}/readyz").status_code == 503
            assert front.show(leads) == url
            assert client.get(f"{url}/readyz").json() == {"ready": True}
    assert not (tmp_path / "api.port").exists()

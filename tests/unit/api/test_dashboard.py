"""The Grafana dashboard: Grafana's own types read all of it, and a Prometheus that watches a node answers it."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.homes import ROOT
from tests.patience import until
from tests.prometheus import NEEDS_PROMETHEUS
from tests.scene import Scene

DASHBOARD: Final[dict[str, Any]] = json.loads((ROOT / "docs/grafana.json").read_text())
PANELS: Final = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES: Final = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
OLDEST: Final = 36
"""Since Grafana 9: older ones know no datasource of a target."""


def test_grafanas_own_types_know_every_word_of_it() -> None:
    register_default_plugins()
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))
    assert list(_lost(DASHBOARD, read)) == []
    assert list(_lost({"panels": [{"nonsense": 1}]}, read)) != []


def test_it_has_what_grafana_needs_to_show_it() -> None:
    assert DASHBOARD["schemaVersion"] >= OLDEST
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["instance"]["datasource"] == SOURCE
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids) > 20
    taken = [cell for panel in DASHBOARD["panels"] for cell in _cells(panel["gridPos"])]
    assert len(set(taken)) == len(taken), "panels lie upon each other"
    for panel in PANELS:
        assert panel["datasource"] == SOURCE
        assert panel["targets"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        assert all(target["datasource"] == SOURCE for target in panel["targets"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("scene") / "db")
    yield made
    made.close()


def test_every_metric_it_asks_for_exists(scene: Scene) -> None:
    exported = set(re.findall(r"^(\w+)[ {]", scene.client.get("/metrics").text, re.MULTILINE))
    assert set(re.findall(r"\b(?:themis|process)_\w+", str(QUERIES))) <= exported


@NEEDS_PROMETHEUS
def test_prometheus_answers_its_queries(scene: Scene, tmp_path: Path) -> None:
    with prometheus(scene.server.url, tmp_path) as client:

        def asked(query: str) -> list[Any]:
            reply = client.get("/api/v1/query", params={"query": query}).json()
            assert reply["status"] == "success", (query, reply)
            found: list[Any] = reply["data"]["result"]
            return found

        def scraped(answers: int) -> None:
            until(
                lambda: asked("sum(themis_answers_total)"), lambda found: found and found[0]["value"][1] == str(answers)
            )

        scraped(1)
        scene.bench.work()
        scene.bench.mine()
        scene.bench.settle.step()
        scraped(2)
        for title, query in QUERIES:
            ready = query.replace("$instance", ".+").replace("$__rate_interval", "10s")
            assert "$" not in ready
            assert until(partial(asked, ready), bool, partial(str, title))
        assert float(asked("sum(increase(themis_answers_total[1m]))")[0]["value"][1]) > 0
        alerts = client.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
        assert {rule["health"] for rule in alerts} <= {"ok", "unknown"}
        assert len(alerts) > 15


@contextmanager
def prometheus(node: str, home: Path) -> Iterator[httpx.Client]:
    """A Prometheus with the shipped configuration, but for the node's address and its haste."""
    shipped = yaml.safe_load((ROOT / "docs/prometheus.yml").read_text())
    shipped["global"] = {"scrape_interval": "1s"}
    shipped["rule_files"] = [str(ROOT / "docs/alerts.yml")]
    shipped["scrape_configs"][0]["static_configs"] = [{"targets": [node.removeprefix("http://")]}]
    file, log = home / "prometheus.yml", home / "prometheus.log"
    file.write_text(json.dumps(shipped))
    arguments = [f"--config.file={file}", f"--storage.tsdb.path={home / 'data'}", "--web.listen-address=127.0.0.1:0"]
    with log.open("w") as said, subprocess.Popen(["prometheus", *arguments], stdout=said, stderr=said) as running:
        try:
            found = until(
                lambda: re.search(r"Listening on\" address=127\.0\.0\.1:(\d+)", log.read_text()), bool, log.read_text
            )
            assert found is not None
            with httpx.Client(base_url=f"http://127.0.0.1:{found[1]}", timeout=30) as client:
                until(lambda: client.get("/-/ready").status_code, lambda status: status == 200, log.read_text)
                yield client
        finally:
            running.terminate()


def _lost(wanted: Any, found: Any, at: str = "dashboard") -> Iterator[str]:
    """What was written and is not understood."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            if not isinstance(found, dict) or key not in found:
                yield f"{at}.{key}"
            else:
                yield from _lost(value, found[key], f"{at}.{key}")
    elif isinstance(wanted, list):
        for index, value in enumerate(wanted):
            yield from _lost(value, found[index], f"{at}[{index}]") if index < len(found) else (f"{at}[{index}]",)
    elif wanted != found:
        yield f"{at}: {wanted} is {found}"


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        assert x < 24
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y

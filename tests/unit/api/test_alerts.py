"""The shipped alerting rules: each fires when it should and not before, speaks of metrics a node has, is explained."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tests.homes import ROOT
from tests.prometheus import NEEDS_PROMTOOL
from tests.scene import Scene
from themis.api.traces import alone
from themis.dispute.archive import Archive
from themis.dispute.tally import Tally

RULES: Final = ROOT / "docs/alerts.yml"
ALERTS: Final[Mapping[str, Mapping[str, Any]]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
OPERATORS: Final = (ROOT / "docs/operators.md").read_text()
NODE: Final = {"job": "themis", "instance": "node:8553"}
PROMETHEUS_OWN: Final = {"up"}


@dataclass(frozen=True, slots=True)
class Case:
    """What makes an alert fire. Series in promtool's notation, one value a minute."""

    series: Mapping[str, str]
    at: str
    """When it fires."""
    quiet: str = "0m"
    """When it does not yet."""
    labels: Mapping[str, str] = field(default_factory=lambda: NODE)


def trouble(kind: str, at: str = "10m") -> Case:
    return Case({_named("themis_trouble", kind=kind): "0x5 1x20"}, at, "5m")


def _named(name: str, **labels: str) -> str:
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in (NODE | labels).items()) + "}"


CASES: Final[Mapping[str, Case]] = {
    "ThemisDown": Case({_named("up"): "1x5 0x5"}, "9m", "7m"),
    "ThemisRestarting": Case({_named("process_start_time_seconds"): "0x9 600x9 1200x9 1800x9 2400x9"}, "45m", "35m"),
    "ThemisBehind": Case(
        {_named("themis_head_block"): "100+10x20", _named("themis_recorded_block"): "100x20"}, "6m", "2m"
    ),
    "ThemisHeadOld": Case({_named("themis_head_timestamp_seconds"): "0x20"}, "9m", "5m"),
    "ThemisLoopWaits": Case(
        {_named("themis_loop_waiting", loop="send"): "0 1x20"}, "7m", "5m", NODE | {"loop": "send"}
    ),
    "ThemisUnsettled": trouble("unsettled"),
    "ThemisDry": trouble("unfunded"),
    "ThemisBalanceLow": Case({_named("themis_balance_answers"): "20x5 19x20"}, "8m", "5m"),
    "ThemisAtFeeCap": trouble("capped"),
    "ThemisSpendCapReached": trouble("spent"),
    "ThemisTransactionsRefused": trouble("refused"),
    "ThemisForeignTransaction": trouble("foreign"),
    "ThemisTwoResultsSigned": trouble("two_faced"),
    "ThemisSignatureVoid": Case({_named("themis_member_signing"): "NaN 1x4 0x20"}, "8m", "6m"),
    "ThemisRecourseGasUsedUp": trouble("bound"),
    "ThemisWebSocketAway": trouble("unheard", "20m"),
    "ThemisEndpointBad": Case(
        {_named("themis_endpoint_fit", place="1", url="http://two"): "1x5 0x20"},
        "9m",
        "7m",
        NODE | {"place": "1", "url": "http://two"},
    ),
    "ThemisWorkerCrashing": Case(
        {_named("themis_worker_restarts_total", model="0x01"): "0x10 1 2 3 4x30"},
        "14m",
        "11m",
        NODE | {"model": "0x01"},
    ),
    "ThemisRequestsExpire": Case(
        {
            _named("themis_refusals_total", model="0x01", reason="expired"): "0x10 1x20",
            _named("themis_refusals_total", model="0x01", reason="underpaid"): "0+1x30",
        },
        "12m",
        "10m",
    ),
    "ThemisLicenseExpiresSoon": Case(
        {_named("themis_license_expiry_timestamp_seconds", model="0x01"): "605100x20"},  # 7 days and 5 minutes
        "6m",
        "5m",
        NODE | {"model": "0x01"},
    ),
    "ThemisPaidAnswersRefused": Case(
        {_named("themis_license_expiry_timestamp_seconds", model="0x01"): "NaN 0x20"},
        "4m",
        "2m",
        NODE | {"model": "0x01"},
    ),
    "ThemisGameClock": Case({_named("themis_watch_deadline_timestamp_seconds"): "7500x20"}, "6m", "5m"),
    "ThemisWatchStopped": Case({_named("themis_watch_stepped_timestamp_seconds"): "0x20"}, "13m", "10m"),
    "ThemisConvicted": Case(
        {_named("themis_watch_games_ended", side="guarantor", how="convicted"): "0x5 1x20"}, "7m", "5m"
    ),
    "ThemisBondSpent": Case(
        {
            _named("themis_watch_bond_wei", part="reserved"): "0x5 9x20",
            _named("themis_watch_bond_wei", part="free"): "9x5 0x20",
        },
        "12m",
        "10m",
    ),
    "ThemisAnswerWrong": Case(
        {_named("themis_watch_answers_total", verdict="wrong"): "0x5 1x20"},
        "7m",
        "5m",
        NODE | {"verdict": "wrong"},
    ),
    "ThemisDiskFull": Case({_named("themis_disk_free_bytes"): "9e8x30"}, "11m", "9m"),
}
OTHERWISE: Final[Sequence[tuple[str, Case]]] = (
    ("ThemisDown", Case({}, "3m", "1m", {"job": "themis"})),
    ("ThemisUnsettled", Case({_named("themis_transactions_unsettled_age_seconds"): "0+60x20"}, "13m", "10m")),
    ("ThemisDry", trouble("dry")),
    (
        "ThemisAtFeeCap",
        Case({_named("themis_gas_price_wei"): "5x5 9x20", _named("themis_gas_price_cap_wei"): "9x30"}, "9m", "7m"),
    ),
    ("ThemisDiskFull", Case({_named("themis_disk_free_bytes"): "9e9-1e7x60"}, "20m", "5m")),
)
"""Other ways for some of them."""


def test_every_alert_is_tried() -> None:
    assert list(CASES) == list(ALERTS)


def test_every_metric_exists_with_the_labels_it_is_asked_for(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "db")
    exported: dict[str, list[Mapping[str, str]]] = {}
    watch = TestClient(alone(Archive(tmp_path, 0), Tally().registry)).get("/metrics").text
    for family in text_string_to_metric_families(scene.client.get("/metrics").text + watch):
        for sample in family.samples:
            exported.setdefault(sample.name, []).append(sample.labels)
    scene.close()
    for name, rule in ALERTS.items():
        wanted = set(re.findall(r"\b(?:themis|process)_\w+", rule["expr"])) - PROMETHEUS_OWN
        assert wanted or name == "ThemisDown"
        asked = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        for metric in wanted:
            assert exported[metric], f"{name}: nothing exports {metric}"
            assert all(asked <= set(labels) for labels in exported[metric]), name
            for label, values in re.findall(rf"{metric}{{(\w+)=~?\"([^\"]+)\"}}", rule["expr"]):
                if label != "job":
                    assert set(values.split("|")) <= {labels[label] for labels in exported[metric]}, name


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in {"critical", "warning"}, name
        assert set(rule["annotations"]) == {"summary", "action"}, name
        assert f"`{name}`" in OPERATORS, f"docs/operators.md does not tell of {name}"


@NEEDS_PROMTOOL
def test_each_alert_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    tried = [*CASES.items(), *OTHERWISE]
    groups = [_group(name, case) for name, case in tried]
    file = tmp_path / "tests.json"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": groups}))
    for arguments in (["check", "rules", str(RULES)], ["test", "rules", str(file)]):
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@NEEDS_PROMTOOL
def test_the_shipped_configuration_is_one() -> None:
    done = subprocess.run(
        ["promtool", "check", "config", str(ROOT / "docs/prometheus.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _group(name: str, case: Case) -> dict[str, Any]:
    rule = ALERTS[name]
    fires = {
        "exp_labels": {**case.labels, **rule["labels"]},
        "exp_annotations": {what: _rendered(text, case.labels) for what, text in rule["annotations"].items()},
    }
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [
            {"alertname": name, "eval_time": case.quiet, "exp_alerts": []},
            {"alertname": name, "eval_time": case.at, "exp_alerts": [fires]},
        ],
    }


def _rendered(text: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)

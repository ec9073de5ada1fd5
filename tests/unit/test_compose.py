"""docker-compose.yml keeps its promises, as far as its text shows. `make compose-test` runs it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
NODES = ("node", "operator", "member-1", "member-2", "member-3")
RUN_ONCE = ("deployer", "committee")


def sources(service: dict[str, Any]) -> list[str]:
    return [volume.split(":")[0] for volume in service.get("volumes", ())]


def test_who_starts_is_chosen_by_profile() -> None:
    by_profile: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for profile in service.get("profiles", ["always"]):
            by_profile.setdefault(profile, set()).add(name)
    assert by_profile == {
        "always": {"chain", "deployer", "node"},
        "operator": {"operator"},
        "committee": {"committee", "member-1", "member-2", "member-3"},
        "monitoring": {"prometheus", "grafana"},
    }


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_may_do_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "network_mode", "pid", "user"} & service.keys()
    assert all(service[limit] for limit in ("mem_limit", "cpus", "pids_limit"))
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), "this machine alone is let in"
    assert service["restart"] == ("no" if name in RUN_ONCE else "unless-stopped")


@pytest.mark.parametrize("name", NODES)
def test_the_token_is_a_secret_and_no_variable(name: str) -> None:
    service = SERVICES[name]
    assert service["secrets"] == ["token"]
    assert service["environment"]["THEMIS_API__TOKEN_FILE"] == "/run/secrets/token"
    assert FILE["secrets"] == {"token": {"file": ".secrets/token"}}
    assert not [key for key, value in service["environment"].items() if "token" in f"{key}{value}".lower()][1:]


def test_the_token_is_in_no_image_and_no_commit() -> None:
    assert ".secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert not [line for line in ignored if line.startswith("!") and "secret" in line]


def test_what_is_mounted_exists() -> None:
    mounted = {source for service in SERVICES.values() for source in sources(service)}
    assert {source for source in mounted if not source.startswith("./")} == FILE["volumes"].keys()
    assert [source for source in mounted if source.startswith("./") and not (ROOT / source).exists()] == []
    assert sources(SERVICES["chain"]) == ["chain"], "its state survives"


def test_prometheus_watches_every_node() -> None:
    (job,) = yaml.safe_load((ROOT / "node/compose/prometheus.yml").read_text())["scrape_configs"]
    assert job["authorization"] == {"credentials_file": "/run/secrets/token"}
    (watched,) = job["static_configs"][0]["targets"]
    aliases = {name: SERVICES[name]["networks"]["default"]["aliases"] for name in ("node", "operator")}
    assert aliases == {"node": [watched.split(":")[0]], "operator": [watched.split(":")[0]]}
    assert set(job["dns_sd_configs"][0]["names"]) == set(NODES) - {"node", "operator"}


def test_grafana_is_provisioned() -> None:
    """As its documentation says: a directory for each kind, and a dashboard's file where its provider looks."""
    folder = ROOT / "node/compose/grafana"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((folder / "dashboards/themis.yml").read_text())["providers"]
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    assert mounted["./node/compose/grafana"] == "/etc/grafana/provisioning"
    assert mounted["./docs/grafana.json"].startswith(provider["options"]["path"] + "/")

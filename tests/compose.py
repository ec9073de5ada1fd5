"""`make compose-test`: docker-compose.yml is started, asked, cut off and started again, with each of its profiles.

Needs docker and docker-compose (Debian's packages docker.io and docker-compose; COMPOSE="docker compose" takes Compose
v2), and root where no daemon runs. Prints what it has seen; takes minutes and some 10 GB of disk while it runs.
"""

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import yaml

from tests import docker
from tests.homes import ROOT
from tests.patience import until
from tests.unit.api.test_dashboard import QUERIES
from themis.core.errors import Broken, Misconfigured, ThemisError

COMPOSE: Final = os.environ.get("COMPOSE", "docker-compose").split()
MOST_MB: Final = 450
PAGE: Final = "http://127.0.0.1:8553"
PROMETHEUS: Final = "http://127.0.0.1:9090"
CHAIN: Final = "http://127.0.0.1:8545"
MODEL: Final = "/opt/models/evm-risk-moe"
_MEMBERS: Final = ("member-1", "member-2", "member-3")
_IN_THE_NODES_CONTAINER: Final = ("exec", "-T", "node", "themis")
_IMAGES: Final = {"node": "themis-node", "chain": "themis-chain"}


@dataclass(frozen=True, slots=True)
class Project:
    """What a stranger has: the file and what it mounts, and a token of its own."""

    folder: Path
    token: str

    def __call__(self, *line: str) -> str:
        patient = {"COMPOSE_HTTP_TIMEOUT": "600"}  # of docker-compose 1.29: a slow disk takes minutes for a container
        return docker.run([*COMPOSE, "--project-name", "themis-test", *line], cwd=self.folder, more=patient)

    def themis(self, service: str, *line: str) -> Any:
        """A command in a service's container, as JSON."""
        return json.loads(self("exec", "-T", service, "themis", *line, "--json"))

    def id_of(self, service: str) -> str:
        return self("ps", "--all", "--quiet", service).strip()  # Compose v2 lists what runs alone, else

    def inspected(self, service: str) -> Any:
        (found,) = json.loads(docker.run(["docker", "inspect", self.id_of(service)]))
        return found

    def healthy(self, *services: str) -> None:
        """Wait until they are. Raises AssertionError with their last words."""
        for service in services:
            state = partial(self.inspected, service)
            said = partial(self, "logs", "--tail", "30", service)
            until(state, lambda found: found["State"].get("Health", {}).get("Status") == "healthy", said)


def main() -> int:
    """Exit status 0 only if all of it held."""
    try:
        with docker.daemon(), _project() as project:
            for check in (
                _built,
                _up,
                _hardened,
                _chain_stops,
                _chain_is_killed,
                _all_stops,
                _monitored,
                _agreed,
                _real,
            ):
                started_s = time.monotonic()
                for line in check(project):
                    sys.stdout.write(f"{line}\n")
                sys.stdout.write(f"    {check.__name__.strip('_')}: {time.monotonic() - started_s:.0f} s\n")
                sys.stdout.flush()
            for line in _silent(project):
                sys.stdout.write(f"{line}\n")
    except ThemisError as error:
        sys.stderr.write(f"error[{error.code}]: {error}\n")
        return error.exit_status
    return 0


@contextmanager
def _project() -> Iterator[Project]:
    if shutil.which(COMPOSE[0]) is None:
        raise Misconfigured(f"there is no {COMPOSE[0]}: install Debian's package docker-compose")
    with TemporaryDirectory(prefix="themis-compose-") as name:
        folder = Path(name)
        for each in ("docker-compose.yml", "node/compose", "docs/alerts.yml", "docs/grafana.json"):
            target = folder / each
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
            copy(ROOT / each, target)
        project = Project(folder, secrets.token_hex(32))
        (folder / ".secrets").mkdir(mode=0o700)
        (folder / ".secrets/token").write_text(project.token + "\n")
        try:
            yield project
        finally:
            profiles = [word for profile in ("committee", "operator", "monitoring") for word in ("--profile", profile)]
            project(*profiles, "down", "--volumes", "--timeout", "20")


def _built(project: Project) -> Iterator[str]:
    """Straight, not by compose: on the network of this machine, which a daemon of ours has no way around."""
    docker.image(docker.BASE)
    base_mb = _size_mb(docker.BASE)
    for target, name in _IMAGES.items():
        line = ["docker", "build", "--network", "host", "--file", "node/Dockerfile", "--target", target, "--tag", name]
        docker.run([*line, "."], cwd=ROOT, more={"DOCKER_BUILDKIT": "0"})
        size_mb = _size_mb(name)
        yield f"{name}: {size_mb:.0f} MB, of which {base_mb:.0f} are its base"
        if size_mb > MOST_MB:
            raise Broken(f"{name} has {size_mb:.0f} MB, more than {MOST_MB}")


def _up(project: Project) -> Iterator[str]:
    """What is there already is what the deployer leaves behind when it is cut off: a key that nobody may overwrite."""
    project("run", "--rm", "--no-deps", "-T", "--entrypoint", "themis", "deployer", "keys", "new")
    project("up", "--detach")
    project.healthy("chain", "node")
    yield "`up`, after a deployer that was cut off: chain, deployer and node; both are healthy"
    assert httpx.get(PAGE).status_code == httpx.codes.OK
    assert httpx.get(f"{PAGE}/v1/status").status_code == httpx.codes.UNAUTHORIZED
    assert _status(project)["running"]
    yield "the page is at 127.0.0.1:8553, and data for the token alone"
    yield _answer(project, 1)


def _hardened(project: Project) -> Iterator[str]:
    for service in ("chain", "node"):
        found = project.inspected(service)
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Memory"] > 0 < host["PidsLimit"]
        assert host["NanoCpus"] > 0
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
        assert all(at["HostIp"] == "127.0.0.1" for ports in host["PortBindings"].values() for at in ports)
        status = project("exec", "-T", service, "cat", "/proc/1/status")
        lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert {int(lines[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
        assert lines["NoNewPrivs"] == "1"
        assert lines["Uid"].split()[0] != "0"
        wrote = project("exec", "-T", service, "sh", "-c", "touch /here 2>&1 || true")
        assert "Read-only file system" in wrote, wrote
    yield "neither is root, has or can gain a capability, or can write outside its volume; all they take is bounded"


def _chain_stops(project: Project) -> Iterator[str]:
    height = _height()
    project("stop", "chain")
    until(lambda: httpx.get(f"{PAGE}/readyz").status_code, lambda code: code == httpx.codes.SERVICE_UNAVAILABLE)
    assert project.inspected("node")["State"]["Running"]
    project("start", "chain")
    project.healthy("chain", "node")
    assert _height() >= height, "the chain has forgotten blocks"
    assert project.inspected("node")["RestartCount"] == 0
    yield "chain stopped and started: the node said so, was not restarted, and the chain has its blocks still"
    yield _answer(project, 2)


def _chain_is_killed(project: Project) -> Iterator[str]:
    """It loses what came after it last wrote: the node sees a chain that was reorganized."""
    height = _height()
    project("kill", "--signal", "SIGKILL", "chain")
    project("start", "chain")
    project.healthy("chain", "node")
    yield f"chain killed at block {height}, back at {_height()}"
    yield _answer(project, 3)


def _all_stops(project: Project) -> Iterator[str]:
    """A request that is open while everything is away is answered afterwards."""
    told = _status(project)
    asked = _asked(project, told, told["operator"], 4, "--no-wait")["request_id"]
    project("down", "--timeout", "20")
    project("up", "--detach")
    project.healthy("chain", "node")
    job = until(lambda: _job(project, asked), lambda job: job["state"] in ("mined", "done", "closed"))
    assert job["state"] != "closed", job
    again = _status(project)
    assert [again[name] for name in ("oracle", "operator")] == [told[name] for name in ("oracle", "operator")]
    yield "`down` and `up` with a request just asked: it is answered, by the same oracle on the same chain"


def _monitored(project: Project) -> Iterator[str]:
    services = yaml.safe_load((project.folder / "docker-compose.yml").read_text())["services"]
    if not docker.image(services["prometheus"]["image"]):
        raise Misconfigured(f"{services['prometheus']['image']} cannot be had")
    shown = ["prometheus"]
    if docker.image(services["grafana"]["image"]):
        shown.append("grafana")
    project("--profile", "monitoring", "up", "--detach", "--no-deps", *shown)
    project.healthy(*shown)
    _watched(1)
    rules = _prometheus("rules")["groups"]
    named = [rule["name"] for group in rules for rule in group["rules"]]
    assert len(named) > 10
    ready = _prometheus("query", query="themis_ready")["result"]
    assert [each["value"][1] for each in ready] == ["1"]
    yield f"Prometheus reads the node with the token, and has {len(named)} rules"
    yield _answer(project, 5)
    until(partial(_prometheus, "query", query="sum(increase(themis_answers_total[10m])) > 0"), lambda it: it["result"])
    for title, query in QUERIES:
        ready = query.replace("$instance", ".+").replace("$__rate_interval", "1m")
        assert _prometheus("query", query=ready)["result"], f"{title}: nothing"
    yield f"it answers all {len(QUERIES)} queries of docs/grafana.json, and counted that answer"
    yield f"Grafana: {'healthy' if 'grafana' in shown else 'NOT RUN, its image cannot be had'}"


def _agreed(project: Project) -> Iterator[str]:
    project("--profile", "committee", "up", "--detach", "--no-recreate", "chain", "node", "committee", *_MEMBERS)
    project.healthy(*_MEMBERS)
    place = project.themis("member-1", "committee", "show")["committee"]
    told = _asked(project, _status(project), place, 1)
    members = project.themis("member-1", "committee", "show")
    yield f"three members, {members['threshold']} must agree: their committee answered {told['request_id']}"
    _watched(4)
    yield "Prometheus watches them too"
    project("--profile", "committee", "stop", *_MEMBERS)


def _real(project: Project) -> Iterator[str]:
    """The profile `operator`, with the chain in the place of a real one."""
    told = _status(project)
    oracle, model = told["oracle"], told["models"][0]["model_id"]
    project("stop", "node")

    def once(*line: str) -> str:
        return project("run", "--rm", "-T", "operator", *line)

    # As in committee.sh: a chain that goes on from a saved state has several first blocks. A real one has not.
    once("init", "--rpc-url", "http://chain:8545", "--oracle", oracle, "--start-block", "2")
    account = json.loads(once("keys", "new", "--json"))["address"]
    _rpc("anvil_setBalance", account, hex(10**20))
    once("models", "serve", MODEL, model, "--min-fee-wei", "0", "--max-callback-gas", "200000")
    once("check")
    project("up", "--detach", "operator")
    project.healthy("operator")
    asked = _asked(project, told, account, 1, by=("run", "--rm", "--no-deps", "-T", "node"))
    yield f"`operator`: set up by `run --rm`, started alone, and answered {asked['request_id']}"
    assert not project.inspected("node")["State"]["Running"]


def _silent(project: Project) -> Iterator[str]:
    """The token is in no log, no setting and no layer; a mount alone names its file."""
    ours = "label=com.docker.compose.project=themis-test"  # the daemon may have other work
    ids = docker.run(["docker", "ps", "--all", "--quiet", "--filter", ours]).split()
    assert len(ids) > len(_MEMBERS)
    said = {
        "inspect": docker.run(["docker", "inspect", *ids]),
        **{f"log {each}": docker.run(["docker", "logs", each]) for each in ids},
        **{f"history {each}": docker.run(["docker", "history", "--no-trunc", each]) for each in _IMAGES.values()},
    }
    for service in ("node", "operator"):
        homes = project(
            "run", "--rm", "-T", "--entrypoint", "sh", service, "-c", f"grep -rl {project.token} /home || true"
        )
        said[f"files of {service}"] = homes
        assert not homes.strip(), homes
    assert [where for where, text in said.items() if project.token in text] == []
    yield f"the token is in none of {len(said)} logs, settings, layers and homes"


def _answer(project: Project, lane: int) -> str:
    told = _status(project)
    return f"the node answered {_asked(project, told, told['operator'], lane)['request_id']}"


def _asked(
    project: Project, told: Any, operator: str, lane: int, *more: str, by: Sequence[str] = _IN_THE_NODES_CONTAINER
) -> Any:
    """The requester asks about the oracle, and waits for the answer unless `--no-wait`. `told`: the node's status."""
    whom = ("--target", told["oracle"], "--operator", operator, "--class", "research", "--lane", str(lane))
    line = ("--home", "operator/requester", "request", told["models"][0]["model_id"], *whom, "--bundle", MODEL, *more)
    return json.loads(project(*by, *line, "--json"))


def _status(project: Project) -> Any:
    return _get(project, "/v1/status")


def _job(project: Project, id_: str) -> Any:
    return _get(project, f"/v1/jobs/{id_}")


def _get(project: Project, path: str) -> Any:
    answer = httpx.get(PAGE + path, headers={"Authorization": f"Bearer {project.token}"}, timeout=30)
    answer.raise_for_status()
    return answer.json()


def _height() -> int:
    return int(_rpc("eth_blockNumber"), 16)


def _rpc(method: str, *params: Any) -> Any:
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return httpx.post(CHAIN, json=call).json()["result"]


def _prometheus(what: str, **query: str) -> Any:
    return httpx.get(f"{PROMETHEUS}/api/v1/{what}", params=query).json()["data"]


def _watched(count: int) -> None:
    def health() -> list[str]:
        return [each["health"] for each in _prometheus("targets", state="active")["activeTargets"]]

    until(health, lambda found: found == ["up"] * count)


def _size_mb(name: str) -> float:
    return int(docker.run(["docker", "image", "inspect", "--format", "{{.Size}}", name])) / 1e6


if __name__ == "__main__":
    sys.exit(main())

"""A Ray cluster of the tests' own: two nodes on this machine, started and deployed to by `ray` and `serve`."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest

PROGRAMS: Final = Path(sys.executable).parent
NEEDS_RAY: Final = pytest.mark.skipif(
    not (PROGRAMS / "ray").exists(), reason="NOT RUN for want of Ray (`make ray-test` installs it): models on a cluster"
)
_PATIENCE_S: Final = 600
_CPUS: Final = 8
"""That each node says it has: Ray starts no more replicas than fit."""


class RayCluster:
    """A head and another node, each with a proxy of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gcs, self._dashboard, self._client, *self._proxies = _free_ports(5)
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._ids: dict[str, str] = {}
        """Ray's, by name. It takes a dead node for alive, and its replicas for running, for a while."""
        self._known = set[str]()
        self._environment = os.environ | {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # 15 otherwise: on a busy machine replicas would never start
            "RAY_DASHBOARD_STARTUP_TIMEOUT_S": str(_PATIENCE_S),
            "RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(self._proxies[1]),
            "RAY_ADDRESS": f"127.0.0.1:{self._gcs}",
            "RAY_DASHBOARD_ADDRESS": f"http://127.0.0.1:{self._dashboard}",
        }

    @property
    def url(self) -> str:
        """For `engine.url`: the head's proxy and the other node's."""
        return "ray://" + ",".join(f"127.0.0.1:{port}" for port in self._proxies)

    def start_head(self) -> None:
        head = [
            "--head",
            f"--port={self._gcs}",
            f"--temp-dir={self._folder}",
            f"--ray-client-server-port={self._client}",
        ]
        head += ["--include-dashboard=true", f"--dashboard-port={self._dashboard}"]
        self._start("head", head)

    def start_other(self) -> None:
        self._start("other", [f"--address=127.0.0.1:{self._gcs}"])

    def deploy(self, config: Mapping[str, Any]) -> None:
        """Run what `themis config ray` prints, and wait until all of it does, or cannot."""
        options = {"host": "127.0.0.1", "port": self._proxies[0]}
        file = self._folder / "serve.json"
        file.write_text(json.dumps({**config, "http_options": options}))
        self._wait(lambda: self._tool("serve", "deploy", str(file)))  # on a busy machine Ray gives up sooner than we do
        self._wait(lambda: all(each["status"] != "DEPLOYING" for each in self.applications().values()))

    def applications(self) -> dict[str, Any]:
        """What `serve status` says of each."""
        told: dict[str, Any] = self._told("/api/serve/applications/")["applications"]
        return told

    def replicas(self) -> list[tuple[str, int]]:
        """Of all models, those that run: the id of the node that each is on, and its process."""
        return [
            (each["node_id"], each["pid"])
            for application in self.applications().values()
            for deployment in application["deployments"].values()
            for each in deployment["replicas"]
            if each["state"] == "RUNNING"
        ]

    def wait_for_replicas(self, count: int, nodes: int = 1) -> None:
        """Until so many run, on so many nodes or more, and each of these has a proxy."""

        def spread() -> bool:
            running = self.replicas()
            proxies = self._told("/api/serve/applications/")["proxies"]
            used = {node for node, _ in running}
            ready = all(proxies.get(node, {}).get("status") == "HEALTHY" for node in used)
            return len(running) == count and len(used) >= nodes and used <= set(self._ids.values()) and ready

        self._wait(spread)

    def kill(self, name: str) -> None:
        """SIGKILL to all that runs on a node, `head` or `other`, as when its machine loses its power."""
        node = self._nodes.pop(name)
        self._ids.pop(name, None)
        for pid in [node.pid, *_descendants(node.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()

    def close(self) -> None:
        for name in list(self._nodes):
            self.kill(name)

    def _start(self, name: str, options: Sequence[str]) -> None:
        line = [
            "setpriv",
            "--pdeathsig",
            "TERM",
            str(PROGRAMS / "ray"),
            "start",
            "--block",
            "--node-ip-address=127.0.0.1",
        ]
        line += [f"--num-cpus={_CPUS}", "--object-store-memory=80000000", "--min-worker-port=0", "--max-worker-port=0"]
        line += options

        def start() -> None:
            with (self._folder / f"{name}.log").open("ab") as log:
                self._nodes[name] = subprocess.Popen(line, stdout=log, stderr=log, env=self._environment)

        def joined() -> bool:
            if self._nodes[name].poll() is not None:
                start()  # Ray gives up after 30 s, on a busy machine too: its service would start it again
            nodes = self._told("/api/v0/nodes?limit=100")["data"]["result"]["result"]
            new = {each["node_id"] for each in nodes if each["state"] == "ALIVE"} - self._known
            self._known |= new
            if new:
                self._ids[name] = new.pop()
            return name in self._ids

        start()
        self._wait(joined)

    def _told(self, path: str) -> dict[str, Any]:
        with urlopen(f"http://127.0.0.1:{self._dashboard}{path}", timeout=30) as reply:
            said: dict[str, Any] = json.loads(reply.read())
        return said

    def _tool(self, name: str, *arguments: str) -> bool:
        with (self._folder / f"{name}.log").open("ab") as log:
            line = [str(PROGRAMS / name), *arguments]
            return subprocess.run(line, stdout=log, stderr=log, env=self._environment, check=False).returncode == 0

    def _wait(self, until: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + _PATIENCE_S
        while True:
            with suppress(OSError):
                if until():
                    return
            gone = [name for name, node in self._nodes.items() if node.poll() is not None]
            if gone or time.monotonic() > give_up_s:
                said = (log.read_text(errors="replace")[-2_000:] for log in self._folder.glob("*.log"))
                raise AssertionError(f"ended: {gone}; " + "\n".join(said))
            time.sleep(0.25)


@contextmanager
def cluster() -> Iterator[RayCluster]:
    """Both nodes, and nothing deployed. Sockets have short names, so it lies in /tmp."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    made = RayCluster(folder)
    try:
        made.start_head()
        made.start_other()
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def on_each_node(config: Mapping[str, Any], replicas: int = 2) -> dict[str, Any]:
    """What `themis config ray` prints, with so many replicas of each model, each on a node, and one try."""
    changed = json.loads(json.dumps(config))
    for application in changed["applications"]:
        (deployment,) = application["deployments"]
        del deployment["autoscaling_config"]
        deployment |= {"num_replicas": replicas, "max_replicas_per_node": 1, "max_constructor_retry_count": 1}
    return dict(changed)


def _descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents.setdefault(int(stat.read_text().rsplit(")", 1)[1].split()[1]), []).append(int(stat.parent.name))
    found, left = [], [pid]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports

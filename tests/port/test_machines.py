"""Models on a Ray cluster whose replicas, nodes and head are killed under load: every request is answered."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from benchmarks.track import laid, start
from tests.homes import ROOT
from tests.port.test_engine import ID, REAL, SELFTEST
from tests.ray_cluster import NEEDS_RAY, RayCluster, on_each_node
from themis.bundles import bundle
from themis.config import EngineConfig
from themis.core.errors import Unavailable
from themis.engine.afar import Machines
from themis.engine.cluster import serve_config
from themis.engine.engine import OnnxEngine

pytestmark = NEEDS_RAY
OUTLIVES_S: Final = 50
WORK: Final = [(bytes(range(first, 256)), None) for first in range(200)]


@pytest.fixture
def engine(machines: RayCluster) -> Iterator[OnnxEngine]:
    machines.wait_for_replicas(4, nodes=2)
    with closing(OnnxEngine({ID: SELFTEST}, 1, machines=Machines(machines.url))) as engine:
        yield engine


def answered(engine: OnnxEngine) -> list[bytes]:
    """As a node's loop does: what is unavailable now is asked again. Not for longer than Ray outlives its head."""
    give_up_s = time.monotonic() + OUTLIVES_S
    while True:
        try:
            return engine.infer(ID, WORK)
        except Unavailable:
            if time.monotonic() > give_up_s:
                raise


def under_load(engine: OnnxEngine, harm: Callable[[], None]) -> None:
    """Ask before, while and after something is done to the cluster."""
    expected, found = REAL.infer(ID, WORK), list[list[bytes]]()
    harmed = threading.Event()

    def ask() -> None:
        while not harmed.is_set():
            found.append(answered(engine))
        found.extend(answered(engine) for _ in range(3))

    asking = threading.Thread(target=ask)
    asking.start()
    while not found:
        asking.join(0.01)
    harm()
    harmed.set()
    asking.join(120)
    assert not asking.is_alive()
    assert len(found) >= 4
    assert all(each == expected for each in found)


def test_a_bundle_that_is_not_what_was_deployed_is_not_served(machines: RayCluster, tmp_path: Path) -> None:
    """Neither one whose files were changed, nor an unharmed one of another version."""
    good = serve_config([SELFTEST, bundle.load(ROOT / "models/olmoe-tiny")], EngineConfig())
    (harmed, other) = (json.loads(json.dumps(good["applications"][0])) for _ in range(2))
    shutil.copytree(SELFTEST.path, tmp_path / "harmed")
    with (tmp_path / "harmed/golden.json").open("ab") as file:
        file.write(b" ")
    harmed |= {"name": "harmed", "route_prefix": "/harmed"}
    harmed["args"]["path"] = str(tmp_path / "harmed")
    other |= {"name": "other", "route_prefix": "/other"}
    other["args"]["manifest_hash"] = "0x" + "11" * 32
    machines.deploy(on_each_node({**good, "applications": [*good["applications"], harmed, other]}))
    found = machines.applications()
    assert found["harmed"]["status"] == found["other"]["status"] == "DEPLOY_FAILED"
    assert "golden.json has SHA-256" in found["harmed"]["deployments"]["Model"]["message"]
    assert "put that one there" in found["other"]["deployments"]["Model"]["message"]
    machines.deploy(on_each_node(good))
    assert {each["status"] for each in machines.applications().values()} == {"RUNNING"}


def test_a_replica_that_dies_loses_nothing(engine: OnnxEngine, machines: RayCluster) -> None:
    def kill() -> None:
        for _, pid in machines.replicas()[:3]:
            os.kill(pid, signal.SIGKILL)

    under_load(engine, kill)


def test_a_node_of_the_cluster_that_dies_loses_no_request_of_a_chain(
    engine: OnnxEngine, machines: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`themis run` between a chain and the cluster; then the node comes back."""
    monkeypatch.setenv("THEMIS_ENGINE__URL", machines.url)
    with laid(SELFTEST.path, tmp_path) as track, start(track):
        assert track.burst(20)[1] == 0
        killing = threading.Timer(0.5, machines.kill, ["other"])
        killing.start()
        assert track.burst(300)[1] == 0
        killing.join()
        assert track.burst(20)[1] == 0
    machines.start_other()


def test_a_head_that_dies_loses_nothing(engine: OnnxEngine, machines: RayCluster) -> None:
    """Whatever the other node's proxy and replicas need, they have. Ray ends them a minute later."""
    under_load(engine, lambda: machines.kill("head"))

"""What ports' suites run on: stores in a file and in a PostgreSQL, models on a Ray cluster, where these are had."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres, ray_cluster
from tests.homes import ROOT
from tests.port.test_store import close_all
from tests.ray_cluster import RayCluster
from themis.bundles import bundle
from themis.config import EngineConfig
from themis.engine.cluster import serve_config
from themis.store.location import Location


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "themis.db"


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    with postgres.serving() as url:
        yield url


@pytest.fixture(scope="session")
def machines() -> Iterator[RayCluster]:
    """Two Ray nodes that run both models, each of them on each."""
    bundles = [bundle.load(ROOT / "models" / name) for name in ("selftest-moe", "olmoe-tiny")]
    with ray_cluster.cluster() as cluster:
        cluster.deploy(ray_cluster.on_each_node(serve_config(bundles, EngineConfig())))
        cluster.wait_for_replicas(4, nodes=2)
        yield cluster


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=postgres.NEEDS_POSTGRES)])
def location(request: pytest.FixtureRequest, path: Path) -> Iterator[Location]:
    """Where nothing is yet."""
    yield path if request.param == "SQLite" else postgres.schema_of(request.getfixturevalue("database"))
    close_all()

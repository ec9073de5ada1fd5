"""Where the ports' suites keep stores: in a file, and in a PostgreSQL where the machine has one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.port.test_store import close_all
from themis.store.location import Location


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "themis.db"


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    with postgres.serving() as url:
        yield url


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=postgres.NEEDS_POSTGRES)])
def location(request: pytest.FixtureRequest, path: Path) -> Iterator[Location]:
    """Where nothing is yet."""
    yield path if request.param == "SQLite" else postgres.schema_of(request.getfixturevalue("database"))
    close_all()

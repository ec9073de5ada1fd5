"""A PostgreSQL for the ports' suites, where the machine has one."""

from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    with postgres.serving() as url:
        yield url

"""What holds for every test: the same examples each time, no limit on how long one may take, the slowest are named."""

import pytest
from hypothesis import settings

from tests.slowest import Slowest

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Slowest(), "slowest")

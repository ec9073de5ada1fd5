"""What holds for every test: the same examples each time, no limit on how long one may take, the slowest are named."""

import signal

import pytest
from hypothesis import settings

from tests.slowest import Slowest

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts `command &` with SIGINT ignored, and what that starts inherits it: what tests interrupt, too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Slowest(), "slowest")

"""What holds for every test: the same examples each time, no limit on how long one may take, the slowest are named."""

import signal

import pytest
from hypothesis import settings

from tests.slowest import Slowest

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    # `command &` in a script ignores SIGINT, nohup SIGHUP, and what that starts inherits it: what tests interrupt, too.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    config.pluginmanager.register(Slowest(), "slowest")

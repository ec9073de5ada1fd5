"""What holds for every test: the same examples each time, no limit on how long one may take, the slowest are named."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from tests import forking, turns
from tests.slowest import Slowest

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

MEMORY: Final = Path("/dev/shm")  # noqa: S108 (pytest makes directories of its own in it)
ENOUGH_BYTES: Final = 2 * 1_024**3


def pytest_configure(config: pytest.Config) -> None:
    # `command &` in a script ignores SIGINT, nohup SIGHUP, and what that starts inherits it: what tests interrupt, too.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    config.pluginmanager.register(Slowest(), "slowest")
    config.pluginmanager.register(turns, "turns")
    forking.install()
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:  # stores wait for disks
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session", autouse=True)
def _locks_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Anvils of two workers that start in one second have one genesis block: one chain to the locks of their nodes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))
        patched.setattr(tempfile, "tempdir", None)
        yield

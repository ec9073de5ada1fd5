"""How a node that cannot go on says so."""

import _thread
import logging
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.daemon_kit import Bench
from themis.core.errors import Broken, Misconfigured, ThemisError
from themis.daemon import supervisor
from themis.daemon.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Stuck:
    """A loop that cannot go on."""

    error: Exception
    name: str = "stuck"

    def step(self) -> bool:
        raise self.error


@pytest.mark.parametrize(
    ("met", "raised", "traceback"),
    [(Misconfigured("start with a new home"), Misconfigured, False), (KeyError("lane"), Broken, True)],
)
def test_only_bugs_leave_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, met: Exception, raised: type[ThemisError], traceback: bool
) -> None:
    bench = Bench(tmp_path / "node.db")
    with caplog.at_level(logging.ERROR), pytest.raises(raised, match=str(met)):
        Supervisor(bench.node, [Stuck(met)], poll_interval_s=1.0).run()
    (said,) = caplog.records
    assert (said.exc_info is not None) is traceback
    bench.store.close()


def test_a_signal_that_wakes_nobody_is_heard_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one is that comes between the last instruction and the wait: its handler runs when the wait ends."""
    monkeypatch.setattr(supervisor, "_LISTENS_S", 0.1)
    bench = Bench(tmp_path / "node.db")
    running = Supervisor(bench.node, [], poll_interval_s=1.0)
    before = signal.signal(signal.SIGHUP, lambda *_: running.stop())
    try:
        threading.Timer(0.2, _thread.interrupt_main, (signal.SIGHUP,)).start()
        give_up = threading.Timer(5, running.stop)
        give_up.start()
        begun_s = time.monotonic()
        running.run()
        give_up.cancel()
        assert time.monotonic() - begun_s < 4
    finally:
        signal.signal(signal.SIGHUP, before)
        bench.store.close()

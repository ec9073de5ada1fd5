"""How a node that cannot go on says so."""

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.daemon_kit import Bench
from themis.core.errors import Broken, Misconfigured, ThemisError
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

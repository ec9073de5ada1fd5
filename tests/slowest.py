"""Says at the end which test files took longest: in seconds, and in seconds of processor time with their children's."""

import os
from collections import defaultdict
from collections.abc import Generator
from typing import Any, Final

import pytest

SHOWN: Final = 5


class Slowest:
    """A pytest plugin. Where several processes run tests, each measures, and the first one adds up."""

    def __init__(self) -> None:
        self._cpu_s = _cpu_s()
        self.took: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
        """By file: seconds, and seconds of processor time."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, Any]:
        report = yield
        before, self._cpu_s = self._cpu_s, _cpu_s()
        report.cpu_s = self._cpu_s - before
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        file = report.nodeid.split("::")[0]
        wall_s, cpu_s = self.took[file]
        self.took[file] = (wall_s + report.duration, cpu_s + getattr(report, "cpu_s", 0.0))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if len(self.took) <= SHOWN:
            return
        total_s = sum(cpu_s for _, cpu_s in self.took.values())
        terminalreporter.section(f"slowest files of {len(self.took)}, which took {total_s:.0f} s of processor time")
        slowest = sorted(self.took.items(), key=lambda item: item[1], reverse=True)[:SHOWN]
        for file, (wall_s, cpu_s) in slowest:
            terminalreporter.write_line(f"{wall_s:7.1f} s {cpu_s:7.1f} s of processor time  {file}")


def _cpu_s() -> float:
    """Processor time of this process and of all its children that have ended."""
    return sum(os.times()[:4])

"""Prometheus' own programs, where the machine has them: Debian's package `prometheus` brings both."""

import shutil
from typing import Final

import pytest

_HOW: Final = "(Debian's package prometheus has it)"
NEEDS_PROMTOOL: Final = pytest.mark.skipif(
    not shutil.which("promtool"), reason=f"NOT RUN for want of promtool {_HOW}: whether each alert fires"
)
NEEDS_PROMETHEUS: Final = pytest.mark.skipif(
    not shutil.which("prometheus"), reason=f"NOT RUN for want of prometheus {_HOW}: the dashboard's queries"
)

"""Mangled models are refused or served: never a crash, a hang or a bug. `python -m tests.fuzz_models` looks longer."""

import sys

import pytest

from tests import fuzz_models

CASES = 120


def test_mangled_models_are_refused_or_served() -> None:
    seen, failed = fuzz_models.hunt(0, CASES)
    assert failed == []
    assert sum(seen.values()) == CASES
    assert {"Misconfigured", "exact", "tolerant"} <= seen.keys(), "the cases reach both ends"


def test_a_case_can_be_looked_at_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz_models.main(["--case", "1"]) == 0
    assert capsys.readouterr().out == fuzz_models.examine(1) + "\n"


def test_what_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hunt can fail: a child that dies, hangs or meets a bug is counted, and the next case still runs."""
    script = "import os, sys; n = int(sys.argv[2]); print(f'{n} ', end='', flush=True); n == 3 and os.abort(); "
    script += "print('BUG ValueError here' if n == 4 else 'exact')"
    monkeypatch.setattr(fuzz_models, "CHILD", (sys.executable, "-c", script))
    seen, failed = fuzz_models.hunt(3, 3)
    assert seen == {"crash": 1, "BUG": 1, "exact": 1}
    assert [line.split(":")[0] for line in failed] == ["case 3", "case 4"]

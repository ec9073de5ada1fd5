"""A node that is told to stop ends, whatever hangs."""

import signal
import subprocess
import sys
import time

import pytest

from tests.homes import ROOT
from themis.cli.node import signals

_SCRIPT = """
import sys, time
from themis.cli.node import signals
signals._PATIENCE_S = {patience_s}
with signals.Stop() as stop, stop.calling(lambda: None):
    print("ready", flush=True)
    while not {over}:
        time.sleep(0.2)
"""
"""A signal that comes between the last instruction and one long sleep is heard at its end: CPython has no other way."""
_HANGS = _SCRIPT.format(patience_s=0.5, over=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_hangs_is_left_behind(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", _HANGS], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(60) == 0
        assert b"something hung and was left behind" in process.stderr.read()


def test_the_patience_is_shorter_than_dockers() -> None:
    assert signals._PATIENCE_S < 8


def test_what_ends_in_time_ends_by_itself() -> None:
    script = _SCRIPT.format(patience_s=600, over="stop.wait(0.2)")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert time.monotonic() - started < 60
        assert process.stderr.read() == b""


@pytest.mark.parametrize(("script", "number"), [("{} & wait $!", signal.SIGINT), ("nohup {}", signal.SIGHUP)])
def test_tests_hold_where_signals_are_ignored(script: str, number: signal.Signals) -> None:
    """`( make test & )` has SIGINT ignored, and each of its children would: three tests failed so in `make bare`."""
    chosen = f"{__file__}::test_what_hangs_is_left_behind[{number.value}]"
    line = script.format(f"{sys.executable} -m pytest -p no:cacheprovider '{chosen}'")
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout

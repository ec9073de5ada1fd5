"""The command as a process: streams that are closed, full or nobody's, and Ctrl-C at any moment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forking import THEMIS
from tests.patience import PATIENCE_S

VERSION = (*THEMIS, "version")
INTERRUPTING = """
import os, signal, sys
awaited = sys.argv.pop(1)
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == awaited:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born without it
from themis.cli import main
main()
"""


def shell(line: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", line, "themis", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


@pytest.mark.parametrize("line", [("version",), ("--help",), ("--version",), ("keys", "list", "--json")])
def test_a_reader_who_has_seen_enough_hears_nothing(line: tuple[str, ...]) -> None:
    told = shell('"$@" | true; exit ${PIPESTATUS[0]}', *THEMIS, *line)
    assert (told.returncode, told.stderr) == (141, "")


@pytest.mark.parametrize(
    ("redirection", "why"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
@pytest.mark.parametrize("line", [("version",), ("--help",)])
def test_a_stdout_that_takes_nothing_is_said_once(line: tuple[str, ...], redirection: str, why: str) -> None:
    told = shell(f'"$@" {redirection}', *THEMIS, *line)
    said = f"error[output]: stdout takes nothing ({why}): what was to be printed is lost\n"
    assert (told.returncode, told.stderr) == (74, said)


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_a_stderr_that_takes_nothing_changes_nothing(tmp_path: Path, redirection: str) -> None:
    told = shell(f'"$@" {redirection}', *THEMIS, "--home", str(tmp_path), "keys", "list")
    assert (told.returncode, told.stdout) == (0, "")
    assert shell(f'"$@" {redirection}', *THEMIS, "nonsense").returncode == 64


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    told = shell('"$@" 0<&- >&- 2>&-', *THEMIS, "--home", str(tmp_path), "keys", "new")
    assert told.returncode == 74
    assert (tmp_path / "keys/default.json").read_text().startswith("{")


def test_what_an_encoding_lacks_is_escaped(tmp_path: Path) -> None:
    home = tmp_path / "\u2603"
    home.mkdir()
    (home / "config.toml").write_text(
        '[chain]\nrpc_url = "http://127.0.0.1:1"\nchain_id = 1\n[key]\nkeystore = "\u2603"\n'
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    line = [*THEMIS, "--home", str(home), "config", "show", "--json"]
    told = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=PATIENCE_S, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert "\\u2603" in told.stdout


@pytest.mark.parametrize("module", ["themis.cli.program", "typer", "themis.cli.license.commands", "pydantic_settings"])
def test_ctrl_c_while_loading_is_130_and_no_word(module: str) -> None:
    line = [sys.executable, "-c", INTERRUPTING, module, "license", "list"]
    told = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (told.returncode, told.stdout, told.stderr) == (130, "", "")

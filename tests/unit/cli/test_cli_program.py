"""The command as a whole: one line for an error, its class's exit status, no traceback, no secret."""

import importlib
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from themis.cli.manual import COMMANDS
from themis.cli.program import invoke
from themis.core.errors import Broken, Denied, Misconfigured, Raced, Reason, Refused, ThemisError, Unavailable

Captured = pytest.CaptureFixture[str]


def test_the_manual_lists_every_command(capsys: Captured) -> None:
    assert invoke([]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n  {name} " in listed for name in COMMANDS)


def test_the_manual_says_what_each_command_says_itself() -> None:
    for name, entry in COMMANDS.items():
        module = importlib.import_module(f"themis.cli.{entry.module}")
        command = typer.main.get_group(module.app).commands[name]
        assert command.get_short_help_str(1_000) == entry.says


def test_every_command_has_a_manual(capsys: Captured) -> None:
    for name in COMMANDS:
        assert invoke([name, "--help"]) == 0
        assert f"Usage: themis {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Misconfigured("m"), 78),
        (Denied("m"), 77),
        (Unavailable("m"), 75),
        (Broken("m"), 70),
        (Refused(Reason.NO_CODE, "m"), 65),
        (Raced(Reason.EXPIRED, "m"), 0),
    ],
)
def test_an_error_is_one_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, error: ThemisError, status: int
) -> None:
    _raise(monkeypatch, error)
    assert invoke(["version"]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"error[{error.code}]: {error}\n"


def test_a_bug_is_an_apology_without_traceback(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    _raise(monkeypatch, ZeroDivisionError("two\nlines"))
    assert invoke(["version"]) == 70
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error[bug]: ZeroDivisionError: two lines. Sorry, this is a bug in themis.")
    assert "THEMIS_DEBUG=1" in captured.err


def test_a_bug_shows_its_traceback_when_asked(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    _raise(monkeypatch, ZeroDivisionError("twice"))
    monkeypatch.setenv("THEMIS_DEBUG", "1")
    assert invoke(["version"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["nonsense"], "No such command 'nonsense'. See `themis --help`."),
        (["jbs"], "No such command 'jbs'. Did you mean 'jobs'? See `themis --help`."),
        (["license", "shw"], "No such command 'shw'. Did you mean 'show'? See `themis license --help`."),
        (["version", "--jsn"], "No such option: --jsn (Possible options: --json) See `themis version --help`."),
        (["jobs", "--state", "dnoe"], "'dnoe' is not one of 'seen', 'waiting', 'queued',"),
        (["keys"], "Missing command. See `themis keys --help`."),
        (["license", "show"], "Missing argument 'MODEL'. See `themis license show --help`."),
        (["license", "explain", "--as", "owner"], "Invalid value for '--as': 'owner' is not requester or operator."),
        (["init", "--rpc-url", "ws://h/s3cret"], "'--rpc-url': must begin with http:// or https://. See `themis init"),
        (["license", "delegate", "0x12"], "Invalid value for 'HOTKEY': '0x12' must be 0x and 40 hex digits."),
    ],
)
def test_a_wrong_command_line_says_where(capsys: Captured, line: list[str], said: str) -> None:
    assert invoke(line) == 64
    captured = capsys.readouterr()
    assert captured.err.startswith("error[usage]: ")
    assert said in captured.err
    assert not {"Value error", "s3cret"} & set(captured.err.split(", "))
    assert captured.err.count("\n") == 1


def test_help_and_version_have_the_names_that_people_try(capsys: Captured) -> None:
    for line in (["-h"], ["license", "-h"], ["license", "grant", "-h"]):
        assert invoke(line) == 0
        assert capsys.readouterr().out.startswith("Usage: themis")
    assert invoke(["--version"]) == 0
    assert capsys.readouterr().out == f"themis {version('themis-oracle')}\n"


@pytest.mark.parametrize(("typed", "offered"), [("themis li", "license"), ("themis license gr", "grant")])
def test_a_shell_can_complete(monkeypatch: pytest.MonkeyPatch, capsys: Captured, typed: str, offered: str) -> None:
    for name, value in {"_THEMIS_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": "9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    with pytest.raises(SystemExit) as ended:
        invoke([])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"{offered}\n")


def test_overrides_are_checked(capsys: Captured) -> None:
    assert invoke(["--set", "port=1", "version"]) == 78
    assert capsys.readouterr().err == "error[misconfigured]: --set port=1: write it as section.key=value\n"


def test_the_home_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Captured) -> None:
    monkeypatch.setenv("THEMIS_HOME", f"{tmp_path}\r")
    assert invoke(["config", "show"]) == 78
    said = f"there is no {tmp_path}/config.toml: run `themis --home {tmp_path} init --rpc-url URL`"
    assert capsys.readouterr().err == f"error[misconfigured]: {said}\n"


def _raise(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: str) -> str:
        raise error

    monkeypatch.setattr(importlib.import_module("themis.cli.config.versions"), "version_of", fail)

"""What commands print: whole hashes into pipes, and nothing that a terminal would obey."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.forking import THEMIS
from themis.api import models
from themis.cli import output
from themis.cli.node import panel
from themis.cli.table import Column

STATUS = models.Status(
    running=False,
    version="0",
    started_at_s=None,
    chain_id=1,
    oracle="0x",
    operator="0x",
    head=None,
    recorded_block=None,
    balance_wei=None,
    jobs={},
    closed={},
    unsettled=0,
    rpc_calls=None,
    endpoints=[],
    fees=None,
    requesters=None,
    explorer_url=None,
    models=[],
    loops=[],
    alerts=[],
)
NOBODY = "0x" + "00" * 20
EVIL = "\x1b[2J[red]\a\u202e"
TAME = "\\x1b[2J[red]\\x07\\u202e"


def test_a_strangers_text_cannot_drive_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    view = (Column("uri", lambda row: row["uri"], flows=True),)
    output.print_record({"uri": EVIL, "none": None, "yes": True}, as_json=False)
    output.print_list([{"uri": EVIL}], view, as_json=False, wide=False, empty="")
    output.print_facts(panel.status(STATUS.model_copy(update={"alerts": [EVIL], "operator": EVIL})))
    printed = capsys.readouterr().out
    assert printed.count(TAME) == 4
    assert not set(EVIL) & set(printed) - set("[2Jred]")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.print_list([{"uri": EVIL}], view, as_json=False, wide=False, empty="")
    output.print_list([{"uri": EVIL}], view, as_json=False, wide=True, empty="")
    assert capsys.readouterr().out == f"\x1b[1muri\x1b[0m\n{TAME}\nuri  {TAME}\n"


def test_records_and_lists_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_record({"a": 1}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    output.print_list([], (), as_json=True, wide=False, empty="nothing")
    assert json.loads(capsys.readouterr().out) == []


def test_an_empty_list_is_talk(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_list([], (), as_json=False, wide=False, empty="nothing yet")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "nothing yet\n")


def test_a_long_reading_is_told_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output.progress(1_000, 2_000)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    output.progress(1_000, 2_000)
    output.progress(2_000, 2_000)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "reading logs: block 1,000 of 2,000\x1b[K\r\x1b[K\r")


def test_lists_into_a_pipe_have_every_field_and_are_separated_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [{"a": "x" * 300, "b": ["p", "q"]}, {"a": 1, "b": {"k": "v"}}]
    output.print_list(rows, (), as_json=False, wide=False, empty="")
    assert capsys.readouterr().out == f"a\tb\n{'x' * 300}\tp, q\n1\tk v\n"


def test_a_person_reads_times_and_ether_where_json_has_seconds_and_wei(capsys: pytest.CaptureFixture[str]) -> None:
    record: dict[str, Any] = {
        "expiry_s": 1_900_000_000,
        "not_before_s": None,
        "deadline_s": 2**40 - 1,
        "token": NOBODY,
        "fee": "10",
    }
    output.print_record(record | {"min_fee": str(10**15)}, as_json=False)
    output.print_list([record], (), as_json=False, wide=False, empty="")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["expiry      2030-03-17T17:46:40Z", "not_before  -"]
    assert lines[4:6] == ["fee         10 wei", f"min_fee     {10**15} wei (0.001 ether)"]
    assert lines[6] == "expiry\tnot_before\tdeadline\ttoken\tfee"
    assert lines[7] == f"2030-03-17T17:46:40Z\t-\tsecond 1099511627775\t{NOBODY}\t10"
    output.print_record(record | {"token": "0x" + "11" * 20}, as_json=False)
    assert capsys.readouterr().out.endswith("fee         10\n")
    output.print_record(record, as_json=True)
    output.print_list([record], (), as_json=True, wide=False, empty="")
    assert capsys.readouterr().out.count('"expiry_s": 1900000000') == 2


def test_no_id_is_broken_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    id_ = "0x" + "ab" * 32
    record: dict[str, str] = {"id": id_, "manifest_hash_of_it": id_, "said": f"{'word ' * 20}{id_}", "uri": "u" * 100}
    output.print_record(record, as_json=False)
    printed = capsys.readouterr().out
    assert printed.count(id_) == 3
    assert f"\nmanifest_hash_of_it\n  {id_}\n" in printed
    output.print_list([record, record], (), as_json=False, wide=True, empty="")
    assert capsys.readouterr().out == f"{printed}\n{printed}"


@pytest.mark.parametrize("columns", [80, 120])
def test_a_list_is_as_wide_as_its_terminal(tmp_path: Path, columns: int) -> None:
    """In a process of its own, whose stdout is guarded: every terminal was taken for one of 80 columns there."""
    (tmp_path / "config.toml").write_text(
        f'[chain]\nrpc_url = "http://127.0.0.1:9"\nchain_id = 1\n[key]\nkeystore = "/{"k" * 60}"\n'
    )
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    line = [*THEMIS, "--home", str(tmp_path), "config", "show"]
    with subprocess.Popen(line, stdout=its, env=environment):
        os.close(its)
        printed = b"".join(_until_closed(ours)).decode()
    os.close(ours)
    widest = max(len(each) for each in re.sub("\x1b[^m]*m", "", printed).splitlines())
    assert widest == min(columns, len(f"fees.max_spend_wei_per_day  /{'k' * 60}  default"))


def _until_closed(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # that nobody holds the other end any more
        while read := os.read(terminal, 2**16):
            yield read

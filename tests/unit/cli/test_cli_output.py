"""What commands print: whole hashes into pipes, and nothing that a terminal would obey."""

import json

import pytest

from themis.api import models
from themis.cli import output
from themis.cli.node import panel

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
    models=[],
    loops=[],
    alerts=[],
)
EVIL = "\x1b[2J[red]\a\u202e"
TAME = "\\x1b[2J[red]\\x07\\u202e"


def test_a_strangers_text_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_record({"uri": EVIL, "none": None, "yes": True}, as_json=False)
    output.print_rows([{"uri": EVIL}], as_json=False, empty="")
    output.console().print(panel.status(STATUS.model_copy(update={"alerts": [EVIL], "operator": EVIL})))
    printed = capsys.readouterr().out
    assert printed.count(TAME) == 4
    assert not set(EVIL) & set(printed) - set("[2Jred]")


def test_records_and_rows_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_record({"a": 1}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    output.print_rows([], as_json=True, empty="nothing")
    assert json.loads(capsys.readouterr().out) == []


def test_an_empty_list_is_talk(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_rows([], as_json=False, empty="nothing yet")
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


def test_rows_into_a_pipe_are_separated_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_rows([{"a": "x" * 300, "b": ["p", "q"]}, {"a": 1, "b": {"k": "v"}}], as_json=False, empty="")
    assert capsys.readouterr().out == f"a\tb\n{'x' * 300}\tp, q\n1\tk v\n"


def test_rows_on_a_terminal_are_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.print_rows([{"uri": "[/not markup]"}], as_json=False, empty="")
    assert "[/not markup]" in capsys.readouterr().out


def test_a_person_reads_times_where_json_has_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"expiry_s": 1_900_000_000, "not_before_s": None, "deadline_s": 2**40 - 1, "seq": 1}
    output.print_record(record, as_json=False)
    output.print_rows([record], as_json=False, empty="")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["expiry      2030-03-17T17:46:40Z", "not_before  -"]
    assert lines[4] == "expiry\tnot_before\tdeadline\tseq"
    assert lines[5] == "2030-03-17T17:46:40Z\t-\tsecond 1099511627775\t1"
    output.print_record(record, as_json=True)
    output.print_rows([record], as_json=True, empty="")
    assert capsys.readouterr().out.count('"expiry_s": 1900000000') == 2

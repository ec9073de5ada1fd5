"""The node's log: its forms, its levels, its clock, and what is said again and again."""

import io
import json
import logging
import os
from collections.abc import Iterator

import pytest

from themis.cli.node import log
from themis.config import LogConfig

NODE = logging.getLogger("themis.daemon.watch")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root, themis = logging.getLogger(), logging.getLogger("themis")
    before = root.handlers[:], root.level, themis.level
    yield
    root.handlers[:], root.level, themis.level = before[0], before[1], before[2]


def said(config: LogConfig) -> str:
    stream = io.StringIO()
    log.start(config, stream)
    NODE.debug("debug")
    NODE.info("info %d", 1)
    NODE.warning("warning")
    logging.getLogger("urllib3").info("a library")
    logging.getLogger("urllib3").warning("a library's warning")
    return stream.getvalue()


def test_a_line_has_time_level_and_words() -> None:
    lines = said(LogConfig()).splitlines()
    assert [line.split(",", 1)[1][4:] for line in lines] == [
        "INFO    info 1",
        "WARNING warning",
        "WARNING a library's warning",
    ]
    assert all(line[:2] == "20" for line in lines)


def test_the_level_is_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(LogConfig(level="debug")).count("\n") == 4
    assert said(LogConfig(level="warning")).count("\n") == 2


def test_json_is_an_object_a_line() -> None:
    first, *_ = said(LogConfig(format="json")).splitlines()
    told = json.loads(first)
    assert told.pop("at").endswith("Z")
    assert told == {"level": "info", "from": "themis.daemon.watch", "message": "info 1"}
    stream = io.StringIO()
    log.start(LogConfig(format="json"), stream)
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        NODE.exception("met a bug")
    assert "ZeroDivisionError: " in json.loads(stream.getvalue())["traceback"]


def test_journald_writes_the_time_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as reader:
        with os.fdopen(write, "w") as stream:
            found = os.fstat(write)
            assert not log.is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"}, stream)
            monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
            log.start(LogConfig(), stream)
            NODE.info("said")
        assert reader.read() == "INFO    said\n"


def test_what_is_said_again_is_counted() -> None:
    repeated = log.Repeated()

    def warn(at_s: float, text: str = "the endpoint is away", level: int = logging.WARNING) -> str | None:
        record = logging.LogRecord("themis", level, "", 0, "%s", (text,), None)
        record.created = at_s
        return record.getMessage() if repeated.filter(record) else None

    assert warn(100) == "the endpoint is away"
    assert [warn(100 + second) for second in range(1, 60)] == [None] * 59
    assert warn(101, "something else") == "something else"
    assert warn(160) == "the endpoint is away (and 59 times more since it was last said)"
    assert warn(161) is None
    assert warn(161, level=logging.INFO) == warn(162, level=logging.INFO) == "the endpoint is away"

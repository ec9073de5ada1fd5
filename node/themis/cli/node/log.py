"""The log of a running node on stderr: text or JSON, without a second clock under journald; repetitions are counted."""

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TextIO

from themis.config import LogConfig

REPEAT_S: Final = 60.0
"""A warning is said again after that long, with how often it came meanwhile."""
_KEPT: Final = 1_000
"""Different warnings that are remembered."""
_CLOCK: Final = "%(asctime)s "
_LINE: Final = "%(levelname)-7s %(message)s"


def start(config: LogConfig, stream: TextIO | None = None) -> None:
    """Say what a node does. Libraries are heard from warnings on."""
    chosen = stream or sys.stderr
    handler = logging.StreamHandler(chosen)
    clock = "" if is_journal(os.environ, chosen) else _CLOCK
    handler.setFormatter(Json() if config.format == "json" else logging.Formatter(clock + _LINE))
    handler.addFilter(Repeated())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("themis").setLevel(config.level.upper())


def is_journal(environment: Mapping[str, str], stream: TextIO) -> bool:
    """Whether a stream is journald's, which writes the time itself: JOURNAL_STREAM names it (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Json(logging.Formatter):
    """An object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {"at": at, "level": record.levelname.lower(), "from": record.name, "message": record.getMessage()}
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said)


class Repeated(logging.Filter):
    """Lets a warning through once in a while, with how often it was held back."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or record.exc_info:
            return True
        text = record.getMessage()
        key = (record.name, text)
        with self._lock:
            since, held = self._said.pop(key, (0.0, 0))
            again = record.created - since >= REPEAT_S
            self._said[key] = (record.created, 0) if again else (since, held + 1)
            if len(self._said) > _KEPT:
                self._said.pop(next(iter(self._said)))
        if again and held:
            record.msg, record.args = f"{text} (and {held} times more since it was last said)", ()
        return again

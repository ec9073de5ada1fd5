"""What stands in the way of answers now, by kind: for alerts, metrics and one line in the log each time."""

import logging
import threading
from typing import Final

from prometheus_client import Gauge

from themis.core.trouble import Trouble

log = logging.getLogger(__name__)


class Troubles:
    """Written by the loops, read by the API."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge: Final = gauge
        self._lock = threading.Lock()
        self._found: dict[Trouble, str] = {}

    def say(self, kind: Trouble, what: str) -> None:
        """It stands in the way now; `what` says what to do."""
        with self._lock:
            new = kind not in self._found
            self._found[kind] = what
        if new:
            log.warning("%s", what)
            self._gauge.labels(str(kind)).set(1)

    def over(self, kind: Trouble) -> None:
        with self._lock:
            gone = self._found.pop(kind, None)
        if gone is not None:
            log.info("no longer: %s", gone)
            self._gauge.labels(str(kind)).set(0)

    def found(self) -> list[str]:
        with self._lock:
            return list(self._found.values())

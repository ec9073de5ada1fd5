"""SIGTERM, SIGINT and SIGHUP: the first asks the node to stop in order, the second ends it at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Self

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PATIENCE_S: Final = 7.0
"""What hangs is left behind then: Docker kills after ten seconds, and a node survives that at any point anyhow."""


class Stop:
    """Listens while it is entered. What is ignored already stays so: that is what `nohup` is for.

    A handler runs between two instructions of the main thread, which may hold any lock: so it starts a thread, and that
    one calls what has to be called.
    """

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._call: Callable[[], None] | None = None
        self._before: dict[int, Any] = {}
        self._over = threading.Event()

    def __enter__(self) -> Self:
        heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._asked) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def wanted(self) -> bool:
        return self._wanted.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until asked to stop, or for a while. Whether it was asked."""
        return self._wanted.wait(timeout_s)

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """Have `call` called when asked to stop, also if that was just before."""
        self._call = call
        if self.wanted:
            call()
        yield
        self._call = None

    def _asked(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (a handler's signature)
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        threading.Thread(target=self._tell, name="stop", daemon=True).start()

    def _tell(self) -> None:
        self._wanted.set()
        if (call := self._call) is not None:
            call()
        if not self._over.wait(_PATIENCE_S):
            sys.stderr.write("stopped: something hung and was left behind; the next start goes on from here\n")
            sys.stderr.flush()
            os._exit(0)

"""Waiting for other processes: much longer than a slow machine needs, because only a failure waits to the end."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

PATIENCE_S: Final = 180
_POLL_S: Final = 0.05

T = TypeVar("T")


def until(read: Callable[[], T], good: Callable[[T], object], said: Callable[[], Any] = str) -> T:
    """The first value that is `good`. Raises AssertionError with the last value, and what `said` tells, otherwise."""
    give_up = time.monotonic() + PATIENCE_S
    while not good(value := read()):
        assert time.monotonic() < give_up, f"after {PATIENCE_S} s it was {value!r}\n{said()}"
        time.sleep(_POLL_S)
    return value

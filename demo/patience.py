"""Waiting for others: much longer than a slow machine needs, and then with a word about what was waited for."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from themis.core.errors import Unavailable

PATIENCE_S: Final = 180
_POLL_S: Final = 0.02

T = TypeVar("T")


def until(read: Callable[[], T], good: Callable[[T], object], what: str) -> T:
    """The first value that is `good`. Raises Unavailable, saying what was waited for."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not good(value := read()):
        if time.monotonic() > give_up_s:
            raise exhausted(what)
        time.sleep(_POLL_S)
    return value


def exhausted(what: str) -> Unavailable:
    """What to raise when nobody waits any more."""
    return Unavailable(f"waited {PATIENCE_S} s for {what}: run it again when the machine has less to do")

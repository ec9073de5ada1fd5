"""The supervisor: one thread a loop, patience with the world, none with bugs."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from themis.core.errors import Broken, Misconfigured, Unavailable
from themis.daemon.node import Node
from themis.daemon.pace import Pace

_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 15.0
IDLE_S: Final = 1.0
"""How long a loop sleeps when nobody wakes it."""
_LISTENS_S: Final = 1.0
"""A signal that comes just before the main thread waits does not wake it: it is heard when the wait ends."""
_FAREWELL_S: Final = 3.0
"""How long a stopping node waits for its loops together; what they drop is done again at the next start."""
_LAST_WORDS_S: Final = 1.0
"""And once more, for those whose process apart was ended: they note that its request runs again."""

log = logging.getLogger(__name__)


class Loop(Protocol):
    """One step of work, done again and again."""

    @property
    def name(self) -> str: ...

    def step(self) -> bool:
        """Do one thing. True when there may be more, for itself or for others."""
        ...


@runtime_checkable
class Waiting(Loop, Protocol):
    """A loop that may have to go on sooner than an idle one looks again."""

    @property
    def pause_s(self) -> float | None:
        """After a step: how long nobody needs to wake it; None: as long as the others."""
        ...


@dataclass(slots=True)
class Health:
    """How a loop is doing. Written by its thread only."""

    stepped_at_s: float = 0.0
    error: str = ""
    """What stands in its way now; empty when nothing does."""


class Supervisor:
    """Runs loops until told to stop, or until one of them meets a bug or what only the operator can mend."""

    def __init__(
        self,
        node: Node,
        loops: Sequence[Loop],
        *,
        poll_interval_s: float,
        let_go: Callable[[], None] = lambda: None,
    ) -> None:
        """`let_go` ends the processes that loops wait for."""
        self._let_go = let_go
        self._node = node
        self._loops = loops
        self._pace = Pace(poll_interval_s)
        self._stop = threading.Event()
        self._called = threading.Event()
        self._wake = threading.Condition()
        self._rounds = 0
        self._failure: Exception | None = None
        self.health = {loop.name: Health() for loop in loops}

    def run(self) -> None:
        """Block until `stop`. Raises Misconfigured when a loop met what the operator must mend, Broken for a bug."""
        threads = [
            threading.Thread(target=self._run, args=(loop,), name=loop.name, daemon=True) for loop in self._loops
        ]
        for thread in threads:
            thread.start()
        while not self._stop.wait(_LISTENS_S):
            pass
        _join(threads, _FAREWELL_S)
        self._let_go()
        _join(threads, _LAST_WORDS_S)
        if isinstance(self._failure, Misconfigured):
            raise self._failure
        if self._failure is not None:
            raise Broken(f"stopped: {self._failure}") from self._failure

    def look(self) -> None:
        """Somebody knows of a new block: the watcher looks at once."""
        self._called.set()

    def nudge(self) -> None:
        """Something new is there for a loop that may be asleep."""
        self._notify()

    def stop(self) -> None:
        self._stop.set()
        self._called.set()
        self._notify()

    def _run(self, loop: Loop) -> None:
        health = self.health[loop.name]
        pause_s = _FIRST_PAUSE_S
        while not self._stop.is_set():
            rounds, begun_s = self._rounds, time.monotonic()
            try:
                worked = loop.step()
            except Unavailable as error:
                self._node.telemetry.loop_errors.labels(loop.name, error.code).inc()
                if health.error != str(error):
                    log.warning("%s waits: %s", loop.name, error)
                health.error = str(error)
                self._stop.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            except Misconfigured as error:
                log.error("%s stops the node: %s", loop.name, error)  # noqa: TRY400 (no bug: nobody needs its traceback)
                self._fail(error)
            except Exception as error:
                log.exception("%s met a bug", loop.name)
                self._fail(error)
            else:
                self._note(loop)
                pause_s = _FIRST_PAUSE_S
                if worked:
                    self._notify()
                if loop.name == "watch":
                    self._look_again(loop, begun_s, found=worked)
                elif not worked:
                    self._sleep(rounds, _pause_s(loop))

    def _look_again(self, watch: Loop, begun_s: float, *, found: bool) -> None:
        """Only the watcher does not wait for the other loops: they know of no block."""
        now_s = time.monotonic()
        if found:
            self._pace.saw_block(now_s)
            self._stop.wait(_pause_of(watch) or 0)
        else:
            self._called.wait(self._pace.wait_s(now_s, now_s - begun_s))
            self._called.clear()

    def _note(self, loop: Loop) -> None:
        """A step was done: what stood in the way is gone."""
        health = self.health[loop.name]
        if health.error:
            log.info("%s goes on: what it waited for is back", loop.name)
        health.stepped_at_s, health.error = self._node.clock.now_s(), ""

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self.stop()

    def _notify(self) -> None:
        with self._wake:
            self._rounds += 1
            self._wake.notify_all()

    def _sleep(self, rounds: int, most_s: float) -> None:
        """Sleep until somebody has worked since `rounds` was read, or for a while."""
        with self._wake:
            self._wake.wait_for(lambda: self._rounds != rounds or self._stop.is_set(), most_s)


def _pause_s(loop: Loop) -> float:
    waits_s = _pause_of(loop)
    return IDLE_S if waits_s is None else min(waits_s, IDLE_S)


def _pause_of(loop: Loop) -> float | None:
    return loop.pause_s if isinstance(loop, Waiting) else None


def _join(threads: Sequence[threading.Thread], within_s: float) -> None:
    """Wait for all of them together."""
    give_up_s = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, give_up_s - time.monotonic()))

"""A stranger's graph in a process of its own, with limits: what it does there it does to nobody else.

Its parent asks one request at a time and takes bytes back, never objects. A worker that dies or takes too long costs
the request that it was at, and another one takes its place.
"""

import atexit
import multiprocessing
import os
import resource
import signal
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from themis.bundles.bundle import Bundle, size_of
from themis.core.errors import Misconfigured, Reason, Refused, ThemisError, Unavailable
from themis.core.types import Draft
from themis.engine.crew import deaf, starting
from themis.engine.generic import Hear, Heard
from themis.engine.runner import Answers, OneByOne, Work
from themis.engine.tuning import Tuning

MAX_REPLY_BYTES: Final = 8 * 1_024
LOADING_BYTES: Final = 8 * 1_024**3
"""Address space, most of which libraries reserve and never use."""
LOADING_PER_BYTE: Final = 6
LOADING_S: Final = 600
LOADING_S_PER_GIB: Final = 600
READY, OUTPUT, REFUSED, UNFIT, DRAFT = b"R", b"O", b"X", b"U", b"D"
"""How a reply begins."""
_KILLED_FOR_MEMORY: Final = "it wanted more memory than engine.request_memory_mib gives, or the machine had no more"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request to a stranger's graph may take."""

    seconds: float = 120.0
    memory_bytes: int = 2 * 1_024**3
    """Beyond what the model takes when it is loaded."""
    abreast: int = 1
    """Requests to one graph at once, each in a process that holds it."""


class Apart:
    """As `OneByOne`, in a worker process."""

    def __init__(self, bundle: Bundle, tuning: Tuning, limits: Limits) -> None:
        """Raises Misconfigured for a model that cannot be loaded in its limits, Unavailable where no process starts."""
        self._bundle, self._tuning, self._limits = bundle, tuning, limits
        self._lock = threading.Lock()
        self._closed = False
        self.restarts = 0
        """How often a worker had to be replaced."""
        weights = sum(size_of(bundle.path, name) for name in bundle.manifest.files)
        self._loading_bytes = LOADING_BYTES + LOADING_PER_BYTE * weights
        self._loading_s = LOADING_S + LOADING_S_PER_GIB * weights / 1_024**3
        self._start()
        with ExitStack() as started:
            started.callback(self.close)
            self._require_ready()
            started.pop_all()

    def answer(self, work: Work) -> Answers:
        """Raises Unavailable where it was closed meanwhile, or no new worker loads."""
        with self._lock:
            heard = [Heard(input_) for input_, _ in work]
            return Answers([self._ask(each.input, each) for each in heard], sum(each.tokens for each in heard))

    def stream(self, input_: bytes, hear: Hear) -> bytes:
        """One answer; `hear` is told what a decoder has written, in this thread. Raises as `answer`."""
        with self._lock:
            return self._ask(input_, hear)

    def close(self) -> None:
        """End the worker, whatever it is at."""
        self._closed = True
        atexit.unregister(self.close)
        self.worker.kill()
        self.worker.join()

    def _ask(self, input_: bytes, hear: Hear) -> bytes:
        if not self.worker.is_alive():
            self._replace()
        try:
            self._require_ready()
        except Misconfigured as error:
            self._replace()
            raise Unavailable(f"its process cannot be started again: {error}") from error
        try:
            self._line.send_bytes(input_)
            give_up_s = time.monotonic() + self._limits.seconds
            while (reply := self._heard(give_up_s))[:1] == DRAFT:
                hear(_draft(reply[1:]))
        except (EOFError, OSError) as error:
            raise self._lost() from error
        kind, said = reply[:1], reply[1:]
        if kind == OUTPUT:
            return said
        reason, _, detail = said.decode(errors="replace").partition("\n")
        raise Refused(Reason(reason), detail)

    def _heard(self, give_up_s: float) -> bytes:
        """What the worker says next. Raises Refused where it says nothing in time, however much it said before."""
        if not self._line.poll(max(0.0, give_up_s - time.monotonic())):
            with suppress(Unavailable):  # the next request tries again
                self._replace()
            raise Refused(
                Reason.ENGINE_REFUSED, f"it took more than {self._limits.seconds:g} s (engine.request_seconds)"
            )
        return self._line.recv_bytes(MAX_REPLY_BYTES)

    def _lost(self) -> ThemisError:
        """Why there is no reply. A worker that is gone has a successor from here on."""
        if self._closed:
            return Unavailable("the node stops")
        self.worker.join(1)
        code = self.worker.exitcode
        with suppress(Unavailable):  # the next request tries again
            self._replace()
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"status {code}"
        if code == -signal.SIGKILL:
            how += f": {_KILLED_FOR_MEMORY}"
        return Refused(Reason.ENGINE_REFUSED, f"it ended the process that ran it ({how})")

    def _start(self) -> None:
        """Raises Unavailable where the system starts no process."""
        self._ready = False
        context = multiprocessing.get_context("spawn")
        with starting():
            self._line, theirs = context.Pipe()
            with theirs, deaf():
                arguments = (self._bundle, self._tuning, self._limits, self._loading_bytes, theirs)
                worker = context.Process(target=_serve, args=arguments, name=f"{self._bundle.name} worker", daemon=True)
                worker.start()
        self.worker: BaseProcess = worker
        self._give_up_s = time.monotonic() + self._loading_s
        atexit.register(self.close)  # before multiprocessing's own: it would wait for it forever

    def _replace(self) -> None:
        """End the worker and start another, which loads while others wait for nothing. Raises Unavailable."""
        self.worker.kill()
        self.worker.join()
        self._line.close()
        atexit.unregister(self.close)
        if not self._closed:
            self.restarts += 1
            self._start()

    def _require_ready(self) -> None:
        """Wait until the model is loaded. Raises Misconfigured where it does not fit this machine or version."""
        if self._ready:
            return
        reply = b""
        with suppress(EOFError, OSError):
            if self._line.poll(max(0.0, self._give_up_s - time.monotonic())):
                reply = self._line.recv_bytes(MAX_REPLY_BYTES)
        if self._closed:
            raise Unavailable("the node stops")
        if not reply:
            raise Misconfigured(
                f"{self._bundle.path} ended the process that loaded it, or took more than {self._loading_bytes >> 20} "
                f"MiB or {self._loading_s:.0f} s: it is hostile, or too large for this machine. Do not serve it."
            )
        if reply[:1] != READY:
            raise Misconfigured(reply[1:].decode(errors="replace"))
        self._ready = True


def _serve(bundle: Bundle, tuning: Tuning, limits: Limits, loading_bytes: int, line: Connection) -> None:
    """A worker's life. It ends with its parent; one that is at work then, after twice the time it had."""
    _limit(resource.RLIMIT_AS, loading_bytes)
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        _limit(what, 0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # rather this process than the node
    try:
        model = OneByOne(bundle, tuning)
    except Misconfigured as error:
        line.send_bytes(UNFIT + _cut(str(error)))
        return
    _limit(resource.RLIMIT_AS, _address_space() + limits.memory_bytes)
    line.send_bytes(READY)
    cores = (tuning.threads or os.cpu_count() or 1) * tuning.lanes
    while True:
        try:
            input_ = line.recv_bytes()
        except (EOFError, OSError):
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = used.ru_utime + used.ru_stime + 2 * cores * limits.seconds
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s) + 1, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        try:
            reply = OUTPUT + model.stream(input_, lambda draft: line.send_bytes(DRAFT + _told(draft)))
        except Refused as refused:
            reply = REFUSED + _cut(f"{refused.reason}\n{refused.detail}")
        except MemoryError:
            detail = f"it needs more than {limits.memory_bytes >> 20} MiB (engine.request_memory_mib)"
            reply = REFUSED + f"{Reason.ENGINE_REFUSED}\n{detail}".encode()
        line.send_bytes(reply)


def _told(draft: Draft) -> bytes:
    """How many tokens, their ids, and as much of the text as fits."""
    ids = b"".join(token.to_bytes(4, "big") for token in draft.tokens)
    return (len(draft.tokens).to_bytes(4, "big") + ids + draft.text.encode())[: MAX_REPLY_BYTES - 1]


def _draft(told: bytes) -> Draft:
    """Of whatever a worker said: bytes, and no more than a reply has."""
    end = min(4 + 4 * int.from_bytes(told[:4], "big"), len(told))
    tokens = tuple(int.from_bytes(told[first : first + 4], "big") for first in range(4, end, 4))
    return Draft(tokens, told[end:].decode(errors="replace"))


def _limit(what: int, most: int) -> None:
    """Lower a limit for this process, below what it inherited."""
    inherited = resource.getrlimit(what)[1]
    if inherited != resource.RLIM_INFINITY:
        most = min(most, inherited)
    resource.setrlimit(what, (most, inherited))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _cut(said: str) -> bytes:
    return said.encode()[: MAX_REPLY_BYTES - 1]

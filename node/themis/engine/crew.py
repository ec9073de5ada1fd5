"""One model in several processes, which prepare, run and render side by side: Python itself uses one core only."""

import atexit
import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from typing import Final

from themis.bundles.bundle import Bundle
from themis.core.errors import Broken, ThemisError, Unavailable
from themis.engine.runner import Answers, Runner, Work
from themis.engine.tuning import Tuning

_SHARES: Final = 2
"""Of each worker in one call: the first one done helps the others."""


class Crew:
    """As `Runner`, by `tuning.processes` workers. A worker whose parent is gone, however it went, ends too."""

    def __init__(self, bundle: Bundle, tuning: Tuning) -> None:
        """Raises Unavailable where the system starts no process."""
        self._name = bundle.name
        self._lock = threading.Lock()
        context = multiprocessing.get_context("spawn")
        self.workers: list[BaseProcess] = []
        self._lines: list[Connection] = []
        with ExitStack() as started, starting(), deaf():
            started.callback(self.close)
            for _ in range(tuning.processes):
                process, line = _start(context, bundle, tuning)
                self.workers.append(process)
                self._lines.append(line)
            started.pop_all()
        atexit.register(self.close)  # before multiprocessing's own: it would wait for them forever

    def answer(self, work: Work) -> Answers:
        """Raises Misconfigured where a worker cannot load the model, Broken where one died."""
        order = sorted(range(len(work)), key=lambda index: -len(work[index][1] or work[index][0]))
        size = max(1, -(-len(work) // (_SHARES * len(self._lines))))
        shares = [order[first : first + size] for first in range(0, len(order), size)]
        with self._lock:
            done = self._hand_out([[work[index] for index in share] for share in shares])
        outputs = [b""] * len(work)
        for share, answers in zip(shares, done, strict=True):
            for index, output in zip(share, answers.outputs, strict=True):
                outputs[index] = output
        return Answers(outputs, sum(answers.tokens for answers in done))

    def close(self) -> None:
        atexit.unregister(self.close)
        for worker, line in zip(self.workers, self._lines, strict=True):
            worker.kill()
            line.close()
        for worker in self.workers:
            worker.join()

    def _hand_out(self, shares: Sequence[Work]) -> list[Answers]:
        """Give each worker a share whenever it has none."""
        idle, busy, done = list(self._lines), dict[Connection, int](), dict[int, Answers]()
        failure: ThemisError | None = None
        left = list(range(len(shares)))
        try:
            while left or busy:
                while left and idle:
                    line, index = idle.pop(), left.pop(0)
                    line.send(shares[index])
                    busy[line] = index
                for ready in wait(list(busy)):
                    line = next(each for each in busy if each is ready)
                    result = line.recv()
                    index = busy.pop(line)
                    idle.append(line)
                    if isinstance(result, ThemisError):
                        failure = failure or result
                        left.clear()
                    else:
                        done[index] = result
        except (EOFError, OSError) as error:
            raise Broken(f"a worker process of {self._name} died: see the log, and the kernel's, for why") from error
        if failure is not None:
            raise failure
        return [done[index] for index in range(len(shares))]


def _start(context: SpawnContext, bundle: Bundle, tuning: Tuning) -> tuple[BaseProcess, Connection]:
    ours, theirs = context.Pipe()
    with theirs:
        process = context.Process(
            target=_serve, args=(bundle, tuning, theirs), name=f"{bundle.name} worker", daemon=True
        )
        process.start()
    return process, ours


def _serve(bundle: Bundle, tuning: Tuning, line: Connection) -> None:
    """A worker's life. What cannot be answered is said; anything else is a bug and ends it with a traceback."""
    runner: Runner | None = None
    while True:
        try:
            work = line.recv()
        except (EOFError, OSError):
            return
        try:
            runner = runner or Runner(bundle, tuning)
            line.send(runner.answer(work))
        except ThemisError as error:
            line.send(error)


@contextmanager
def starting() -> Iterator[None]:
    """Raises Unavailable where the system gives no process, or not what a process needs."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"this system starts no process ({error.strerror}): raise its limits (`ulimit -n -u`, LimitNOFILE and "
            "TasksMax of the service), or give it more memory"
        ) from error


@contextmanager
def deaf() -> Iterator[None]:
    """Processes started here never hear Ctrl-C and SIGTERM: their parent does, and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

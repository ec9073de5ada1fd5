"""Several processes of one model that runs apart: as many requests at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

from themis.engine.apart import Apart
from themis.engine.generic import Hear
from themis.engine.runner import Answers, Work


class Abreast:
    """As `Apart`: a request is answered by a worker that has no other, or waits for one."""

    def __init__(self, workers: Sequence[Apart]) -> None:
        self._workers = tuple(workers)
        self._free = SimpleQueue[Apart]()
        for worker in self._workers:
            self._free.put(worker)

    @property
    def restarts(self) -> int:
        """How often workers had to be replaced."""
        return sum(worker.restarts for worker in self._workers)

    def answer(self, work: Work) -> Answers:
        with self._taken() as worker:
            return worker.answer(work)

    def stream(self, input_: bytes, hear: Hear) -> bytes:
        with self._taken() as worker:
            return worker.stream(input_, hear)

    def close(self) -> None:
        for worker in self._workers:
            worker.close()

    @contextmanager
    def _taken(self) -> Iterator[Apart]:
        worker = self._free.get()
        try:
            yield worker
        finally:
            self._free.put(worker)

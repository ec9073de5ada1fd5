"""Batches: answers of a committee that share a transaction, for their one root has M signatures."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from themis.core.job import Job
from themis.core.types import Hash32

_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes in one transaction, and not in parts: the root is of all of it."""

    ids: tuple[Hash32, ...]
    data: bytes
    gas: int
    """Its limit."""


class Batches:
    """Those that can be sent, the newest ones; after a crash each answer goes by itself. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Batch] = []

    def add(self, batch: Batch) -> None:
        with self._lock:
            self._kept = [*self._kept, batch][-_KEPT:]

    def holding(self, ids: Iterable[Hash32]) -> Batch | None:
        """The newest one with all of these."""
        wanted = frozenset(ids)
        with self._lock:
            return next((batch for batch in reversed(self._kept) if wanted <= frozenset(batch.ids)), None)

    def of_one_transaction(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Those of several answers that one transaction can hold: a committee's need a root that is signed."""
        if len(jobs) < 2 or not jobs[0].signatures or self.holding(job.id for job in jobs):  # noqa: PLR2004
            return jobs
        return jobs[:1]

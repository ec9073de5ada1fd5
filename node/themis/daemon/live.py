"""What decoders have written of answers that are not known yet: for people who read along, and kept nowhere else."""

import threading
from collections import OrderedDict
from typing import Final

from themis.core.types import Draft, Hash32

MOST: Final = 64
"""Requests, the ones that were written last: a late reader still sees what was said."""


class Live:
    """By request. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._drafts: OrderedDict[Hash32, Draft] = OrderedDict()

    def hear(self, id_: Hash32, draft: Draft) -> None:
        """Keep what was written so far."""
        with self._lock:
            self._drafts[id_] = draft
            self._drafts.move_to_end(id_)
            while len(self._drafts) > MOST:
                self._drafts.popitem(last=False)

    def draft(self, id_: Hash32) -> Draft | None:
        with self._lock:
            return self._drafts.get(id_)

"""Keep: reads a large store from end to end once, beside the work, and stops a node whose store is damaged."""

from pathlib import Path

from themis.store import upkeep
from themis.store.location import Location


class Keep:
    """A small store was checked before anything ran on it: reading a large one would keep requests waiting.

    A database keeps itself.
    """

    name = "keep"

    def __init__(self, store: Location) -> None:
        self._store = store
        self._checked = False

    def step(self) -> bool:
        """False: there is never more to do."""
        store = self._store
        if not self._checked and isinstance(store, Path) and store.stat().st_size > upkeep.SMALL_BYTES:
            upkeep.check(store)
        self._checked = True
        return False

"""Whether the files of an open store are still those that were opened, and nobody else writes into them."""

import os
from pathlib import Path
from typing import Final

from themis.core.errors import Misconfigured

_BESIDE: Final = ("-wal", "-shm")
"""Where SQLite keeps what is newest, and what is where in it."""

_State = tuple[int, ...]


class Presence:
    """SQLite goes on in files that are deleted, and what it writes there is gone at the next start."""

    def __init__(self, path: Path) -> None:
        self._main = path
        self._beside = beside(path)
        self._known: dict[Path, _State] = {}

    def remember(self) -> None:
        """What the files are after a write of our own. Raises Misconfigured where one is gone, or another."""
        for file in (self._main, *self._beside):
            found = _state(file)
            if (known := self._known.get(file)) is not None and (found is None or found[:2] != known[:2]):
                raise _lost(file, found)
            if found is not None:
                self._known[file] = found if file == self._main else found[:2]

    def require(self) -> None:
        """Raises Misconfigured where a file is gone or another, or somebody else wrote into the store."""
        for file, known in self._known.items():
            found = _state(file)
            if found is None or found[: len(known)] != known:
                raise _lost(file, found)


def beside(path: Path) -> list[Path]:
    """The files that SQLite keeps beside a store."""
    return [Path(f"{path}{suffix}") for suffix in _BESIDE]


def size(file: Path) -> int:
    """Its bytes; 0 where it is not there now."""
    found = _state(file)
    return 0 if found is None else found[-1]


def _state(file: Path) -> _State | None:
    """What stays as it is unless the file is replaced, and what changes with each write."""
    try:
        found = os.stat(file)  # noqa: PTH116 (called for each transaction: Path.stat takes three times as long)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _lost(file: Path, found: _State | None) -> Misconfigured:
    what = "deleted" if found is None else "replaced or written to"
    return Misconfigured(
        f"{file} was {what} by another program while the node ran: it stops, so that nothing more is lost. "
        "Bring back a backup with `themis db restore FILE`, or start anew: the node reads the chain again"
    )

"""What SQLite and the disk below it say, as errors that name the cause and what to do."""

import errno
import os
import pwd
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from themis.core.errors import Misconfigured, ThemisError, Unavailable

_PRIMARY: Final = 0xFF
"""An extended code's last byte says what kind it is of (sqlite.org/rescode.html)."""
DAMAGED: Final = "is damaged: stop the node, then `themis db restore FILE` from a backup"
_KINDS: Final[Mapping[int, tuple[type[ThemisError], str]]] = {
    sqlite3.SQLITE_FULL: (Unavailable, "the disk of {path} is full: make room, the node goes on by itself"),
    sqlite3.SQLITE_IOERR: (Unavailable, "the disk of {path} fails ({name}): see the kernel's log, and make room"),
    sqlite3.SQLITE_BUSY: (Unavailable, "another program holds {path}: end it"),
    sqlite3.SQLITE_LOCKED: (Unavailable, "another program holds {path}: end it"),
    sqlite3.SQLITE_READONLY: (
        Misconfigured,
        "{path} cannot be written: its disk is read-only, or its modes forbid it",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        Misconfigured,
        "{path} cannot be opened: check that its directory is there and may be written",
    ),
    sqlite3.SQLITE_PERM: (Misconfigured, "{path} cannot be opened: its modes forbid it"),
    sqlite3.SQLITE_CORRUPT: (Misconfigured, f"{{path}} {DAMAGED}"),
    sqlite3.SQLITE_NOTADB: (Misconfigured, f"{{path}} cannot be used as the store: it is none, or {DAMAGED}"),
}


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Raises Unavailable for what passes by itself or by making room, Misconfigured for what does not."""
    try:
        yield
    except sqlite3.Error as error:
        if (translated := _translated(path, error)) is None:
            raise
        raise translated from error


def _translated(path: Path, error: sqlite3.Error) -> ThemisError | None:
    """None for what is a bug of ours."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None or (code & _PRIMARY) not in _KINDS:
        return None
    kind, said = _KINDS[code & _PRIMARY]
    return kind(said.format(path=path, name=error.sqlite_errorname))


def os_fault(path: Path, error: OSError) -> ThemisError:
    """What stands in the way of a file beside the store."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Unavailable(f"the disk of {path} is full: make room, then try again")
        case errno.EROFS:
            return Misconfigured(f"{path} cannot be written: its disk is read-only")
        case errno.EACCES | errno.EPERM:
            return Misconfigured(f"{path} cannot be opened: {_owner(path)}")
        case _:
            return Misconfigured(f"{path} cannot be used: {error.strerror or error}")


def _owner(path: Path) -> str:
    """Whose a file is that is not ours."""
    try:
        uid = path.stat().st_uid
    except OSError:
        return "check the modes of its directory"
    if uid == os.getuid():
        return "its modes forbid it"
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return f"it belongs to the user {name}, whose themis may run: stop that one, and have {name} remove the file"

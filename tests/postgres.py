"""A PostgreSQL of the tests' own, where the machine has its programs: Debian's package `postgresql` brings them."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from psycopg import Connection

_DEBIAN: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
PROGRAMS: Final = next((path.parent for path in map(Path, [shutil.which("initdb") or ""]) if path.name), None) or (
    _DEBIAN[-1] if _DEBIAN else None
)
NEEDS_POSTGRES: Final = pytest.mark.skipif(
    PROGRAMS is None, reason="NOT RUN for want of PostgreSQL (Debian's package postgresql has it): the store on it"
)
_FAST: Final = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "listen_addresses=", "max_connections=20")
_PATIENCE_S: Final = 30


@contextmanager
def serving() -> Iterator[str]:
    """A fresh server on a socket; the URL of its database. It is no root's: one of its own, where we are root."""
    assert PROGRAMS is not None
    account: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="themis-pg-", dir="/tmp") as name:
        folder = Path(name)
        data = folder / "data"
        if account:
            shutil.chown(folder, account["user"], account["group"])
        making = ["--no-sync", "--auth=trust", "--username=themis", "--encoding=UTF8", "--locale=C"]
        subprocess.run([PROGRAMS / "initdb", *making, data], check=True, capture_output=True, cwd="/", **account)
        settings = [part for each in _FAST for part in ("-c", each)]
        line = [str(PROGRAMS / "postgres"), "-D", str(data), "-k", name, *settings]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(line, stdout=log, stderr=log, cwd="/", **account)
        try:
            url = f"postgresql://themis@/postgres?host={quote(name, safe='')}"
            _wait(url, folder / "log")
            yield url
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait()


def connected(url: str) -> "Connection[tuple[Any, ...]]":
    """Beside any node. psycopg stands on libpq, which comes with PostgreSQL."""
    from psycopg import connect  # noqa: PLC0415

    return connect(url, autocommit=True)


def schema_of(url: str) -> str:
    """A new schema in a database, as the URL of a database of its own."""
    name = f"a{uuid4().hex}"
    with connected(url) as db:
        db.execute(f'CREATE SCHEMA "{name}"'.encode())
    return f"{url}&options={quote(f'-csearch_path={name}', safe='')}"


def _wait(url: str, log: Path) -> None:
    from psycopg import OperationalError  # noqa: PLC0415

    give_up_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connected(url).close()
        except OperationalError:
            assert time.monotonic() < give_up_s, log.read_text()
            time.sleep(0.05)
        else:
            return

"""Where a store is: a file in a node's home, or a PostgreSQL database."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from themis.core.errors import Misconfigured
from themis.store.database import Database
from themis.store.schema import SCHEMA_VERSION, Binding

Location = Path | str
"""A file, or the URL of a PostgreSQL database."""


class Sql(Protocol):
    """A database that is bound to one node. Its statements mark values as SQLite does, `?` and `:name`."""

    def lead(self) -> bool:
        """Become the one that writes; False while another node does."""
        ...

    def all(self, query: str, *values: Any) -> list[Any]:
        """Rows."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written within, or nothing."""
        ...

    def execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Within a transaction: how many rows it changed."""
        ...

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Within a transaction, for each of these: how many rows they changed together."""
        ...

    def room(self) -> tuple[int, int | None]:
        """Bytes that it takes, and bytes that are free beside it; None where that is not known."""
        ...

    def close(self) -> None: ...


def opened(location: Location, binding: Binding) -> Sql:
    """Raises Misconfigured for what is not ours, Unavailable where it is away now."""
    if isinstance(location, Path):
        return Database(location, binding)
    with _an_extra():
        from themis.store.postgres import Postgres  # noqa: PLC0415 (an extra)
    return Postgres(location, binding)


def is_there(location: Location) -> bool:
    """Whether a node has made its store there. Raises as `opened`."""
    if isinstance(location, Path):
        return location.exists()
    with _an_extra():
        from themis.store.postgres import is_made  # noqa: PLC0415 (an extra)
    return is_made(location)


@contextmanager
def reading(location: Location) -> Iterator[Callable[..., list[Any]]]:
    """A query, to read a store that a node may have open. Raises Misconfigured for what is none of this version."""
    if not isinstance(location, Path):
        with _an_extra():
            from themis.store import postgres  # noqa: PLC0415 (an extra)
        with postgres.reading(location) as query:
            yield query
        return
    try:
        with closing(sqlite3.connect(f"file:{quote(str(location))}?mode=ro", uri=True)) as db:
            ((version,),) = db.execute("PRAGMA user_version").fetchall()
            if version != SCHEMA_VERSION:
                raise Misconfigured(f"{location} was written by another version of themis: run `themis check`")
            yield lambda query, *values: db.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise Misconfigured(f"{location} cannot be read ({error}): run `themis check`") from error


def migrate(url: str, binding: Binding) -> int:
    """Bring a PostgreSQL store to the newest schema; the version it had. Raises Misconfigured while a node uses it."""
    with _an_extra():
        from themis.store.postgres import migrate  # noqa: PLC0415 (an extra)
    return migrate(url, binding)


@contextmanager
def _an_extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise Misconfigured(f"store.url needs `pip install 'themis-oracle[postgres]'`: {error}") from error

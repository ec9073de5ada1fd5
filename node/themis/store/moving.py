"""A store in a file becomes one in a database: all of it in one transaction, so there is never a part of it."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from themis.core.errors import Misconfigured
from themis.store.database import Database
from themis.store.location import Sql
from themis.store.schema import STATEMENTS, Binding

_BATCH: Final = 1_000
"""Rows in memory at once."""
_TABLES: Final = {found[1]: each for each in STATEMENTS if (found := re.match(r"CREATE TABLE (\w+)", each))}
_MADE_THERE: Final = {"binding", "tallies"}
"""Who leads binds a database, and triggers count there."""


def move(file: Path, into: Sql, binding: Binding) -> int:
    """Copy every row, in the order it was written; how many jobs. `into` must lead. The file stays.

    Raises Misconfigured where something is there already, and as both stores do.
    """
    with closing(Database(file, binding)) as source, into.transaction():
        for table in _TABLES.keys() - _MADE_THERE:
            if into.all(f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608 (our own names)
                raise Misconfigured("the database has a store of this key already: only an empty one takes another")
        for table in _TABLES.keys() - _MADE_THERE:
            _copy(source, into, table)
        into.execute("DELETE FROM tallies")  # triggers have counted, and pruned jobs count too
        _copy(source, into, "tallies")
        ((jobs,),) = into.all("SELECT count(*) FROM jobs")
        return int(jobs)


def _copy(source: Database, into: Sql, table: str) -> None:
    """Numbers of rows are given anew, in their order: those of a database go on from there."""
    names = [name for _, name, *_ in source.all(f"PRAGMA table_info({table})") if name != "seq"]
    joined = ", ".join(names)
    statement = f"INSERT INTO {table} ({joined}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
    for rows in _rows(source, table, joined):
        into.executemany(statement, rows)


def _rows(source: Database, table: str, names: str) -> Iterator[list[Any]]:
    if _TABLES[table].endswith("WITHOUT ROWID"):
        yield source.all(f"SELECT {names} FROM {table}")  # noqa: S608
        return
    last = -1
    query = f"SELECT rowid, {names} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
    while found := source.all(query, last, _BATCH):
        last = found[-1][0]
        yield [row[1:] for row in found]

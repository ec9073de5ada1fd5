"""A PostgreSQL database as the store of one key: one node leads and writes, others stand by (ADR 60)."""

import functools
import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final, cast

import psycopg
from psycopg.types.string import StrDumperUnknown, TextLoader

from themis.core.errors import Broken, Misconfigured, Superseded, Unavailable
from themis.store import postgres_schema
from themis.store.postgres_faults import place, told
from themis.store.schema import SCHEMA_VERSION, Binding, require_version

_PATIENCE: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "3",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",
}
"""A server that is gone is noticed within some 10 s."""
_SESSION: Final = (
    "SET synchronous_commit = on",
    "SET tcp_keepalives_idle = 3",
    "SET tcp_keepalives_interval = 1",
    "SET tcp_keepalives_count = 3",
    "SET default_transaction_isolation = 'read committed'",
)
"""The server notices as soon that a machine is gone, and lets go of the lock that it held."""
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)

_Db = psycopg.Connection[tuple[Any, ...]]


class Postgres:
    """May be used by several threads: one at a time has it. Reads by itself, writes once it leads.

    The lock belongs to the session that writes. A session that is lost can write nothing more, and the next one only
    if nobody has led meanwhile: so there are never two who write.
    """

    def __init__(self, url: str, binding: Binding) -> None:
        """Connect. Raises Misconfigured for a database that is not ours, Unavailable where none answers."""
        self._url = url
        self._binding = binding
        self._lock = threading.RLock()
        self._live: _Db | None = None
        self._within: _Db | None = None
        self._turn: int | None = None
        with told(url):
            self._connected()

    def close(self) -> None:
        """Whoever stands by leads at once: the server may notice an ended connection later."""
        with self._lock:
            if self._live is None:
                return
            with suppress(psycopg.Error):
                self._live.execute("SELECT pg_advisory_unlock_all()")
            self._live.close()

    def lead(self) -> bool:
        """Become the one that writes; False while another node with this key is that. Makes the tables where none are.

        Raises as the constructor.
        """
        with self._lock, told(self._url):
            db = self._connected()
            if not _taken(db, self._binding):
                return False
            with db.transaction():
                if not _is_made(db):
                    postgres_schema.create(db)
                    db.execute("INSERT INTO binding VALUES (%s, %s, %s)", self._binding)
                self._require(db)
                ((self._turn,),) = db.execute("UPDATE about SET turn = turn + 1 RETURNING turn").fetchall()
        return True

    def all(self, query: str, *values: Any) -> list[Any]:
        """Rows. Raises as `transaction`."""
        with self._lock, told(self._url):
            return (self._within or self._connected()).execute(_spelled(query), values).fetchall()

    def execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Within a transaction: how many rows it changed."""
        return self._writing().execute(_spelled(statement), values).rowcount

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Within a transaction, for each of these: how many rows they changed together."""
        if not rows:
            return 0
        with self._writing().cursor() as cursor:
            cursor.executemany(_spelled(statement), rows)
            return cursor.rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within, or nothing.

        Raises Unavailable where the database does not answer, Superseded where another node leads now.
        """
        with self._lock, told(self._url):
            db = self._connected()
            if self._turn is None:
                raise Broken("written without the lead: report this as a bug")
            with db.transaction():
                self._within = db
                try:
                    yield
                finally:
                    self._within = None

    def room(self) -> tuple[int, None]:
        """Bytes of the database; what is free on its disk only its machine knows."""
        ((taken,),) = self.all("SELECT pg_database_size(current_database())")
        return taken, None

    def _writing(self) -> _Db:
        if self._within is None:
            raise Broken("written outside a transaction: report this as a bug")
        return self._within

    def _connected(self) -> _Db:
        if self._live is None or self._live.closed:
            with ExitStack() as unfit:
                db = _session(self._url)
                unfit.callback(db.close)
                self._begin(db)
                unfit.pop_all()
            self._live = db
        return self._live

    def _begin(self, db: _Db) -> None:
        """Raises Misconfigured for a database that cannot hold every text or is not ours, and as `_go_on`."""
        ((encoding,),) = db.execute("SHOW server_encoding").fetchall()
        if encoding != "UTF8":
            raise Misconfigured(f"{place(self._url)} is encoded as {encoding}: make one with ENCODING 'UTF8'")
        for statement in _SESSION:
            db.execute(statement)
        if _is_made(db):
            self._require(db)
        if self._turn is not None:
            self._go_on(db)

    def _go_on(self, db: _Db) -> None:
        """Lead as before. Raises Superseded where another has led since, Unavailable while the old session lives."""
        taken = _taken(db, self._binding)
        ((turn,),) = db.execute("SELECT turn FROM about").fetchall()
        if turn != self._turn:
            raise Superseded(f"another node with this key leads in {place(self._url)} now: start this one to stand by")
        if not taken:
            raise Unavailable(f"{place(self._url)} still holds the lock for a session that was lost: it lets go of it")

    def _require(self, db: _Db) -> None:
        require_version(place(self._url), _version(db))
        if db.execute("SELECT chain_id, oracle, operator FROM binding").fetchall() != [self._binding]:
            raise Misconfigured(
                f"{place(self._url)} belongs to another chain, oracle or key: give this node a database of its own"
            )


def is_made(url: str) -> bool:
    """Whether a node has made its tables there. Raises Unavailable where no database answers."""
    with told(url), _session(url) as db:
        return _is_made(db)


def migrate(url: str, binding: Binding) -> int:
    """Bring the tables to the newest schema; the version they had. Raises Misconfigured while a node leads."""
    with told(url), _session(url) as db:
        if not _taken(db, binding):
            raise Misconfigured(f"a node uses {place(url)}: stop it first, and those that stand by")
        version = _version(db)
        if version > SCHEMA_VERSION:
            require_version(place(url), version)
        with db.transaction():
            postgres_schema.migrate(db, version)
    return version


@contextmanager
def reading(url: str) -> Iterator[Callable[..., list[Any]]]:
    """A query, to read a store that a node may lead in. Raises Misconfigured for one of another version."""
    with told(url), _session(url) as db:
        require_version(place(url), _version(db))
        yield lambda query, *values: db.execute(_spelled(query), values).fetchall()


def _session(url: str) -> _Db:
    db: _Db = psycopg.connect(url, autocommit=True, **_PATIENCE)  # type: ignore[arg-type]
    db.adapters.register_dumper(str, _TextDumper)
    db.adapters.register_loader("text", _TextLoader)
    return db


def _taken(db: _Db, binding: Binding) -> bool:
    """Whether the lock of a key is this session's now: nonces belong to the key, whatever the oracle."""
    chain_id, _, operator = binding
    digest = hashlib.sha256(b"themis" + chain_id.to_bytes(32, "big") + operator).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    ((taken,),) = db.execute("SELECT pg_try_advisory_lock(%s::bigint)", (key,)).fetchall()
    return bool(taken)


def _is_made(db: _Db) -> bool:
    return db.execute("SELECT to_regclass('about')").fetchall() != [(None,)]


def _version(db: _Db) -> int:
    ((version,),) = db.execute("SELECT schema FROM about").fetchall()
    return int(version)


@functools.lru_cache(maxsize=512)
def _spelled(statement: str) -> str:
    """With psycopg's marks for values in the place of SQLite's. Our own words, not an outsider's."""
    named = re.sub(r"(?<!:):([a-z_]+)", r"%(\1)s", statement)
    return named.replace("?", "%s")


class _TextDumper(StrDumperUnknown):
    """PostgreSQL's texts hold no NUL; what strangers write into terms may."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\\", "\\\\").replace("\0", "\\0"))


class _TextLoader(TextLoader):
    def load(self, data: Any) -> str:
        return _ESCAPED.sub(lambda found: "\0" if found[1] == "0" else found[1], cast("str", super().load(data)))

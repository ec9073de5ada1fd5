"""What PostgreSQL and the way to it say, as errors that name the cause and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg import errors

from themis.core.errors import Misconfigured, Unavailable

_FULL: Final = (errors.DiskFull, errors.OutOfMemory, errors.ConfigurationLimitExceeded)
_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction)
"""A server that was demoted is read-only until its clients look for the new one."""


@contextmanager
def told(url: str) -> Iterator[None]:
    """Raises Unavailable for what passes by itself or by making room, Misconfigured for what does not."""
    try:
        yield
    except _FULL as error:
        raise Unavailable(f"{place(url)} has no room ({_said(error)}): make some, the node goes on") from error
    except errors.InsufficientPrivilege as error:
        raise Misconfigured(
            f"{place(url)} forbids it ({_said(error)}): the role must own its schema, `GRANT ALL ON SCHEMA` to it"
        ) from error
    except _AWAY as error:
        raise Unavailable(f"{place(url)} does not answer ({_said(error)}): the node goes on when it does") from error


def place(url: str) -> str:
    """The database without what may be secret."""
    parts = urlsplit(url)
    host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    return f"the database postgresql://{host}{parts.path}"


def _said(error: psycopg.Error) -> str:
    """Its first line. What libpq says names host and role, never a password."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(":")

"""stdout and stderr as they may be: closed, full, or a pipe whose reader has gone."""

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from themis.core.errors import ThemisError

_STANDARD: Final = (0, 1, 2)


class Unprinted(ThemisError):  # noqa: N818
    """stdout did not take what a command has to say."""

    code = "output"
    exit_status = 74


class ReaderGone(Unprinted):
    """Who read stdout has seen enough (`themis jobs | head -1`): no error, and nobody to tell."""

    exit_status = 128 + signal.SIGPIPE


class Stdout(io.TextIOWrapper):
    """stdout, with what goes wrong in it as our errors. What its encoding lacks is escaped."""

    def write(self, text: str, /) -> int:
        with _told():
            return super().write(text)

    def flush(self) -> None:
        with _told():
            super().flush()


class _Closed(io.RawIOBase):
    """Stands for a stdout that was closed when the process began."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # noqa: ARG002 (as its base)
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def guard() -> None:
    """Make stdout and stderr safe to use. A closed one gets no other file's number: what opens next would be it."""
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = _nowhere()
    if sys.stdout is None:
        sys.stdout = Stdout(io.BufferedWriter(_Closed()), encoding="utf-8")
        return
    plain: Any = sys.stdout
    interactive, encoding = plain.isatty(), plain.encoding
    sys.stdout = Stdout(plain.detach(), encoding=encoding, errors="backslashreplace", line_buffering=interactive)


def abandon() -> None:
    """Print nothing more: the interpreter flushes once more when it ends."""
    sys.stdout = _nowhere()


def tell(text: str) -> None:
    """Write to stderr. Talk that nobody can hear is no error."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        sys.stderr = _nowhere()


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGone("nobody reads stdout") from error
    except OSError as error:
        raise Unprinted(f"stdout takes nothing ({error.strerror}): what was to be printed is lost") from error

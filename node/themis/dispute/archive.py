"""Traces that are kept on disk for games, as many as there is room for, each made in a process of its own."""

from pathlib import Path
from typing import Final

from themis.core.errors import Misconfigured
from themis.core.types import Hash32
from themis.exact import kept
from themis.exact.referee.proof import AtHand
from themis.replay import tracing
from themis.replay.history import Exchange
from themis.replay.verdict import Verifier

SUFFIX: Final = ".trace"
OPEN: Final = 4
"""Traces that are read at once: each holds some trees."""


class Archive:
    """One folder."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._open: dict[Hash32, AtHand] = {}

    def find(self, request: Hash32) -> AtHand | None:
        """None where it is not kept, or not any more."""
        if request not in self._open:
            path = self._path(request)
            if not path.exists():
                return None
            while len(self._open) >= OPEN:
                del self._open[next(iter(self._open))]
            self._open[request] = kept.read(path)
        return self._open[request]

    def make(self, verifier: Verifier, exchange: Exchange) -> AtHand:
        """That of the model's own answer to a request, made where it is not kept. Raises as `tracing.trace`."""
        request = exchange.requested.id
        if (found := self.find(request)) is not None:
            return found
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            tracing.of_exchange(verifier, exchange, self._path(request))
        except OSError as error:
            raise Misconfigured(f"a trace cannot be kept in {self._folder} ({error.strerror}): make room") from error
        self._make_room(request)
        made = self.find(request)
        if made is None:
            raise Misconfigured(f"a trace in {self._folder} is gone: let nobody else tidy there")
        return made

    def _make_room(self, but: Hash32) -> None:
        """The oldest go; one that is needed again is made again."""
        files = sorted(self._folder.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime)
        size = sum(file.stat().st_size for file in files)
        for file in files:
            if size > self._most_bytes and file != self._path(but):
                size -= file.stat().st_size
                file.unlink()
                self._open.pop(Hash32(bytes.fromhex(file.stem)), None)

    def _path(self, request: Hash32) -> Path:
        return self._folder / f"{request.hex()}{SUFFIX}"

"""Transactions of commands that were not seen to the end: a command that is repeated goes on with its own."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from themis.core.errors import Misconfigured


def _silent(_: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """A folder with a file for each intent: the raw attempts of its one nonce, oldest first."""

    folder: Path | None = None
    """None: nothing is kept, and a repeated call is another transaction."""
    tell: Callable[[str], None] = _silent

    def attempts(self, intent: bytes) -> list[bytes]:
        """What was signed for an intent that is not done. Raises Misconfigured for a damaged file."""
        path = self._path(intent)
        if path is None or not path.exists():
            return []
        try:
            return [bytes.fromhex(raw) for raw in json.loads(path.read_text())]
        except (OSError, ValueError, TypeError) as error:
            raise Misconfigured(
                f"{path} cannot be read ({error}): look for the transaction before you remove the file"
            ) from error

    def keep(self, intent: bytes, raws: Sequence[bytes]) -> None:
        """On disk before it returns. Raises Misconfigured where that cannot be: then nothing may be sent."""
        path = self._path(intent)
        if path is None:
            return
        fresh = path.with_suffix(".new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump([raw.hex() for raw in raws], file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise Misconfigured(f"{path} cannot be written ({error.strerror}): nothing was sent") from error

    def done(self, intent: bytes) -> None:
        """Forget it: what became of it is known."""
        if (path := self._path(intent)) is not None:
            path.unlink(missing_ok=True)

    @property
    def way_on(self) -> str:
        """What to do when one was not seen to the end."""
        if self.folder is None:
            return "look for it before you try again"
        return "run the same command again: it goes on with this transaction and sends no other"

    def _path(self, intent: bytes) -> Path | None:
        return None if self.folder is None else self.folder / f"{intent.hex()}.json"


NOTHING = Outbox()
"""For callers who look after their transactions themselves."""

"""One instance per key and per home: two would race for the same nonces."""

import fcntl
import os
import tempfile
from pathlib import Path

from themis.core.errors import Misconfigured
from themis.core.types import Address


class InstanceLock:
    """Held until the process ends, however it ends: the kernel lets go of it."""

    def __init__(self, home: Path, chain_id: int, operator: Address) -> None:
        """Raises Misconfigured while another process holds the home, or the same key on the same chain on this host."""
        key_file = Path(tempfile.gettempdir()) / f"themis-{chain_id}-{operator.hex()}.lock"
        self._held: list[int] = []
        try:
            for path in (home / "themis.lock", key_file):
                self._held.append(_flock(path))
        except Misconfigured:
            self.release()
            raise

    def release(self) -> None:
        for descriptor in self._held:
            os.close(descriptor)
        self._held = []


def _flock(path: Path) -> int:
    descriptor = -1
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise Misconfigured(
            f"another themis holds {path}: stop it first; two nodes on one key lose transactions"
        ) from error
    return descriptor

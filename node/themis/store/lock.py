"""One instance per key and per home: two would race for the same nonces. And one optimizer per home."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
                self._held.append(_flock(path, "two nodes on one key lose transactions"))
        except Misconfigured:
            self.release()
            raise

    def release(self) -> None:
        for descriptor in self._held:
            os.close(descriptor)
        self._held = []


@contextmanager
def optimizing(home: Path) -> Iterator[None]:
    """Raises Misconfigured while another process optimizes in this home. Nodes may run meanwhile."""
    descriptor = _flock(home / "optimize.lock", "two optimizers disturb each other's measurements")
    try:
        yield
    finally:
        os.close(descriptor)


def _flock(path: Path, because: str) -> int:
    descriptor = -1
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise Misconfigured(f"another themis holds {path}: stop it first; {because}") from error
    return descriptor

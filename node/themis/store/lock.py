"""One instance per key and per home: two would race for the same nonces. And one optimizer per home."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from themis.core.errors import Misconfigured
from themis.core.spelling import shown
from themis.core.types import Address, Hash32
from themis.store.faults import os_fault

HOME_LOCK: Final = "themis.lock"
_SAID_BYTES: Final = 1_024


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is at work. Local chains share their ids, and keys: the genesis block tells them apart."""

    chain_id: int
    genesis: Hash32
    oracle: Address
    operator: Address


class InstanceLock:
    """Held until the process ends, however it ends: the kernel lets go of it."""

    def __init__(self, home: Path, place: Place) -> None:
        """Raises Misconfigured while another process holds the home, or the same key on the same chain on this host.

        Also where that one serves another oracle: nonces belong to the key.
        """
        name = f"themis-{place.chain_id}-{place.genesis[:8].hex()}-{place.operator.hex()}.lock"
        said = (
            f"process {os.getpid()}, home {home}, chain {place.chain_id}, oracle {shown(place.oracle)}, "
            f"genesis block {shown(place.genesis)}"
        )
        self._held: list[int] = []
        with ExitStack() as taken:
            taken.callback(self.release)
            for path in (home / HOME_LOCK, Path(tempfile.gettempdir()) / name):
                self._held.append(_flock(path, "two nodes on one key lose transactions", said))
            taken.pop_all()

    def release(self) -> None:
        for descriptor in self._held:
            os.close(descriptor)
        self._held = []


@contextmanager
def resting(home: Path) -> Iterator[None]:
    """Raises Misconfigured while a node runs in this home, and keeps one from starting."""
    descriptor = _flock(home / HOME_LOCK, "its store cannot be changed under it", f"process {os.getpid()}")
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def optimizing(home: Path) -> Iterator[None]:
    """Raises Misconfigured while another process optimizes in this home. Nodes may run meanwhile."""
    said = f"process {os.getpid()}"
    descriptor = _flock(home / "optimize.lock", "two optimizers disturb each other's measurements", said)
    try:
        yield
    finally:
        os.close(descriptor)


def _flock(path: Path, because: str, said: str) -> int:
    """Take a lock and say in it who has it. Raises Misconfigured naming who does, and as `os_fault`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise os_fault(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, said.encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(descriptor, _SAID_BYTES, 0).decode(errors="replace") or "it does not say who"
        os.close(descriptor)
        raise Misconfigured(f"another themis holds {path} ({holder}): stop it first; {because}") from error
    except OSError as error:
        os.close(descriptor)
        raise os_fault(path, error) from error
    return descriptor

"""The journal: one JSON record a line, on disk before the next round begins; all that is known follows from it."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from themis.bundles.bundle import MODEL, Bundle
from themis.core.errors import Misconfigured
from themis.engine.tuning import Tuning
from themis.optimize.inforce import FOLDER
from themis.optimize.machine import Machine
from themis.optimize.pace import Pace
from themis.optimize.planner import Lesson
from themis.optimize.records import MODEL_PART, Outcome, Record, RolledBack, Round, Started, from_record, to_record

_DIGITS: Final = 12
_HOPE: Final = 0.01
"""Log gain of an unproven candidate from which it is worth a second look."""


@dataclass(frozen=True, slots=True)
class Change:
    """The change that made the tuning in force what it is."""

    tuning: Tuning
    previous: Tuning
    before: Pace
    """How fast the previous one was."""
    round: int


@dataclass(frozen=True, slots=True)
class History:
    """What a journal says about one model on one machine."""

    started: tuple[Started, ...]
    rounds: tuple[Round, ...]
    rollbacks: tuple[RolledBack, ...]
    events: tuple[Record, ...]

    @property
    def tuning(self) -> Tuning | None:
        """In force; None: never tuned."""
        for event in reversed(self.events):
            match event:
                case RolledBack():
                    return event.back_to
                case Round(outcome=Outcome.KEPT):
                    return event.candidate
        return None

    @property
    def change(self) -> Change | None:
        """The newest one that was kept, unless it was rolled back."""
        for event in reversed(self.events):
            match event:
                case RolledBack():
                    return None
                case Round(outcome=Outcome.KEPT, before=Pace() as before):
                    return Change(event.candidate, event.incumbent, before, event.number)
        return None

    def lessons(self, run_share: float) -> list[Lesson]:
        """What all rounds taught, if the model takes such a share of a request's time."""
        return [lesson for event in self.events for lesson in _lessons(event, run_share)]


def path_of(home: Path, bundle: Bundle) -> Path:
    """Where a home keeps the journal of a model."""
    return home / FOLDER / f"{bundle.name}-{digest_of(bundle)[:_DIGITS]}.jsonl"


def digest_of(bundle: Bundle) -> str:
    """SHA-256 of the model file, which the bundle's loader has checked."""
    return bundle.manifest.files[MODEL]


def read(path: Path, digest: str, machine: Machine) -> History:
    """What was found out about this model on this machine; what was measured elsewhere is left out."""
    records = list(_records(path))
    ours: list[Record] = []
    here = False
    for record in records:
        if isinstance(record, Started):
            here = (record.digest, record.machine) == (digest, machine)
        if here:
            ours.append(record)
    return History(
        tuple(record for record in ours if isinstance(record, Started)),
        tuple(record for record in ours if isinstance(record, Round)),
        tuple(record for record in ours if isinstance(record, RolledBack)),
        tuple(ours),
    )


def machines(path: Path) -> list[Machine]:
    """All machines the journal knows."""
    return list(dict.fromkeys(record.machine for record in _records(path) if isinstance(record, Started)))


def append(path: Path, record: Record) -> None:
    """Returns when the record is on disk. A line that a crash cut short is cut off first."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    is_new = not path.exists()
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # a node may roll back while the loop goes on
        file.seek(0)
        whole = file.read()
        file.truncate(whole.rfind(b"\n") + 1)
        file.write(json.dumps(to_record(record)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _records(path: Path) -> Iterator[Record]:
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror}): fix its type, owner or mode") from error
    for number, line in enumerate(lines, 1):
        try:
            yield from_record(json.loads(line))
        except ValueError as error:
            raise Misconfigured(f"{path}, line {number} is not JSON ({error}): move the file away") from error


def _lessons(event: Record, run_share: float) -> Sequence[Lesson]:
    match event:
        case Round():
            scale = run_share if event.part == MODEL_PART else 1.0
            gain = None if event.throughput is None else scale * event.throughput.log
            kept = event.outcome is Outcome.KEPT
            settled = event.outcome is not Outcome.UNPROVEN or gain is None or gain <= _HOPE
            return [Lesson(event.moves, event.incumbent, event.candidate, gain, settled=settled, kept=kept)]
        case RolledBack():
            return [Lesson((), event.back_to, event.left, None, settled=True, kept=False)]
    return []

"""`themis optimize` that SIGKILLs itself in round 3: while it measures, or when half of its record is on disk."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from themis.cli import main
from themis.optimize import journal, paired, trial
from themis.optimize.records import Record, Round, to_record
from themis.optimize.trial import Court

DOOMED_ROUND = 3


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    paired.MAX_S, paired.LEAST_BLOCKS, trial.REFERENCE_BLOCKS = 0.1, 1, 1  # type: ignore[misc]  # what is measured does not matter here
    examine, append = Court.examine, journal.append

    def examined(*sides: Any, seed: int, **named: Any) -> Any:
        if seed == DOOMED_ROUND and point == "measuring":
            die()
        return examine(*sides, seed=seed, **named)

    def appended(path: Path, record: Record) -> None:
        if isinstance(record, Round) and record.number == DOOMED_ROUND and point == "writing":
            with path.open("a") as file:
                file.write(repr(to_record(record))[:200])
                file.flush()
                os.fsync(file.fileno())
            die()
        append(path, record)

    Court.examine = examined  # type: ignore[method-assign]
    journal.append = appended


if __name__ == "__main__":
    arm(sys.argv.pop(1))
    main()

"""Which tunings a node's journals put in force here."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from themis.bundles.bundle import Bundle
from themis.core.errors import Misconfigured
from themis.core.types import Hash32
from themis.engine.tuning import Tuning

if TYPE_CHECKING:
    from themis.optimize.journal import Change

FOLDER: Final = "optimize"
"""Of journals, in a node's home."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InForce:
    """By model; models that were never tuned here are left out."""

    tunings: Mapping[Hash32, Tuning]
    changes: "Mapping[Hash32, tuple[Change, Path]]"
    """The newest change of each, and the journal it is in."""


NOTHING: Final = InForce({}, {})


def tunings(home: Path, bundles: Mapping[Hash32, Bundle]) -> InForce:
    """Read the journals. One of another machine, or of another version, is not followed, and that is logged."""
    if not (home / FOLDER).exists():
        return NOTHING
    from themis.optimize import journal  # noqa: PLC0415 (nodes that were never tuned start sooner without it)
    from themis.optimize.machine import here  # noqa: PLC0415 (as above)

    found: dict[Hash32, Tuning] = {}
    changes: dict[Hash32, tuple[Change, Path]] = {}
    machine = here()
    for model_id, bundle in bundles.items():
        path = journal.path_of(home, bundle)
        try:
            history = journal.read(path, journal.digest_of(bundle), machine)
            elsewhere = [other for other in journal.machines(path) if other != machine]
        except Misconfigured as error:
            log.warning("%s runs untuned: %s", bundle.name, error)
            continue
        if history.tuning is not None:
            found[model_id] = history.tuning
        elif elsewhere:
            log.warning("%s runs untuned: it was tuned on %s; run `themis optimize` here", bundle.name, elsewhere[-1])
        if history.change is not None:
            changes[model_id] = (history.change, path)
    return InForce(found, changes)

"""The journal's records: what happened, in the past tense, as values and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from themis.core.errors import Misconfigured
from themis.engine.tuning import Tuning, from_json, to_json
from themis.optimize.evidence import Interval
from themis.optimize.machine import Machine
from themis.optimize.pace import Line, Pace
from themis.optimize.space import Move

REQUEST_PART: Final = "request"
MODEL_PART: Final = "model"
CPU: Final = "cpu"
WALL: Final = "wall"


class Outcome(StrEnum):
    """What became of a candidate."""

    KEPT = "kept"
    SLOWER = "slower"
    UNPROVEN = "unproven"
    """Not faster with confidence."""
    LATE = "late"
    """Faster together, but a request that comes alone waits longer."""
    REFUSED = "refused"
    """It gives other bits, is not exact, or does not load."""


@dataclass(frozen=True, slots=True)
class Started:
    """The loop began, or went on after it was stopped."""

    at_s: float
    model: str
    digest: str
    """SHA-256 of the model file."""
    machine: Machine
    traffic: Mapping[str, Any]
    untuned: Interval
    """Throughput of the untuned node over ONNX Runtime's defaults."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round."""

    number: int
    at_s: float
    seconds: float
    moves: tuple[Move, ...]
    reason: str
    expected: float
    incumbent: Tuning
    candidate: Tuning
    outcome: Outcome
    detail: str
    part: str
    """What was timed: a whole `request`, or the `model` alone where nothing else was changed."""
    clock: str
    """`cpu` where one thread does all of it, because neighbors disturb CPU time less; else `wall`."""
    blocks: int
    throughput: Interval | None
    """The candidate's over the incumbent's; None where it was refused."""
    log_wealth: float
    against_runtime: Interval | None = None
    """Throughput over ONNX Runtime's defaults, measured when it was kept."""
    before: Pace | None = None
    """The incumbent's, measured when another took its place."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Live answers took longer than before a change."""

    at_s: float
    left: Tuning
    back_to: Tuning
    detail: str


Record = Started | Round | RolledBack


def to_record(record: Record) -> dict[str, Any]:
    """As JSON, the kind first."""
    values = {"kind": type(record).__name__} | asdict(record)
    for name in ("incumbent", "candidate", "left", "back_to"):
        if name in values:
            values[name] = to_json(getattr(record, name))
    if isinstance(record, Round):
        values["moves"] = [[move.knob, move.value] for move in record.moves]
    return values


def from_record(values: Mapping[str, Any]) -> Record:
    """Raises Misconfigured for what this version did not write."""
    try:
        found = dict(values)
        kind = found.pop("kind")
        for name in ("incumbent", "candidate", "left", "back_to"):
            if name in found:
                found[name] = from_json(found[name])
        for name in ("untuned", "throughput", "against_runtime"):
            if found.get(name) is not None:
                found[name] = Interval(**found[name])
        match kind:
            case "Started":
                return Started(**found | {"machine": Machine(**found["machine"])})
            case "Round":
                moves = tuple(Move(knob, value) for knob, value in found["moves"])
                return Round(**found | {"moves": moves, "outcome": Outcome(found["outcome"]), "before": _pace(found)})
            case "RolledBack":
                return RolledBack(**found)
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured(f"the journal holds a record of another version ({error!r}): move it away") from error
    raise Misconfigured(f"the journal holds a {kind!r}, of which this version knows nothing: move it away")


def _pace(found: Mapping[str, Any]) -> Pace | None:
    before = found["before"]
    return None if before is None else Pace(Line(**before["alone"]), Line(**before["together"]))

"""What the journal says, for a person: where throughput stands, and what each round did to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from themis.engine.tuning import Tuning, differences, to_json
from themis.optimize.evidence import Interval
from themis.optimize.journal import History
from themis.optimize.records import MODEL_PART, Outcome, RolledBack, Round, Started


@dataclass(frozen=True, slots=True)
class Point:
    """One round, in throughput over the untuned node's, as the rounds' own pairs say."""

    number: int
    candidate: float | None
    """None where it was refused."""
    incumbent: float
    """After the round."""
    outcome: Outcome


def points(history: History) -> list[Point]:
    """For the plot."""
    found = []
    before = 1.0
    for level, share, event in _levels(history):
        if isinstance(event, Round):
            candidate = None if event.throughput is None else before * _gain(event, event.throughput, share)
            found.append(Point(event.number, candidate, level, event.outcome))
        before = level
    return found


def runtime_defaults(history: History) -> float:
    """Throughput of ONNX Runtime's defaults over the untuned node's: the middle of what each start measured."""
    return 1 / median(each.untuned.ratio for each in history.started)


def rows(history: History) -> list[dict[str, Any]]:
    """The table: a row for each round and each roll-back."""
    found: list[dict[str, Any]] = []
    for level, _, event in _levels(history):
        match event:
            case Round():
                said = event.throughput
                found.append(
                    {
                        "round": event.number,
                        "change": differences(event.incumbent, event.candidate),
                        "because": event.reason,
                        "outcome": str(event.outcome),
                        "timed": f"{event.part}, {event.clock}",
                        "throughput": None if said is None else f"{said.ratio:.3f} ({said.low:.3f}-{said.high:.3f})",
                        "blocks": event.blocks,
                        "over_untuned": f"{level:.3f}",
                        "detail": event.detail,
                    }
                )
            case RolledBack():
                change = differences(event.left, event.back_to)
                row = dict.fromkeys(found[-1], None) if found else {}
                said_of = {"change": change, "outcome": "rolled back", "over_untuned": f"{level:.3f}"}
                found.append(row | said_of | {"detail": event.detail})
    return found


def summary(history: History) -> dict[str, Any]:
    """The journal in short. Needs a journal that was started."""
    first, last = history.started[0], history.started[-1]
    kept = [round_ for round_ in history.rounds if round_.outcome is Outcome.KEPT]
    outcomes = [str(round_.outcome) for round_ in history.rounds]
    return {
        "model": first.model,
        "machine": str(first.machine),
        "requests": last.traffic["requests"],
        "golden_inputs_only": last.traffic["golden"],
        "load_average": last.traffic["load"],
        "rounds": len(history.rounds),
        **{str(outcome): outcomes.count(outcome) for outcome in Outcome},
        "rolled_back": len(history.rollbacks),
        "seconds": round(sum(round_.seconds for round_ in history.rounds), 1),
        "over_untuned_by_the_rounds": round([1.0, *(level for level, _, _ in _levels(history))][-1], 3),
        "untuned_over_runtime_defaults": _ratios(first.untuned),
        "tuned_over_runtime_defaults": _ratios(_measured(history)),
        "kept_changes": [differences(round_.incumbent, round_.candidate) for round_ in kept],
        "tuning": None if history.tuning is None else to_json(history.tuning),
    }


def _levels(history: History) -> Iterator[tuple[float, float, Started | Round | RolledBack]]:
    """Each event with throughput over the untuned node's after it, and the model's share of a request."""
    level, share = 1.0, 1.0
    levels: dict[Tuning, float] = {}
    for event in history.events:
        match event:
            case Started():
                share = float(event.traffic["shares"]["run"])
            case Round(outcome=Outcome.KEPT, throughput=Interval() as throughput):
                level *= _gain(event, throughput, share)
                levels[event.candidate] = level
            case RolledBack():
                level = levels.get(event.back_to, 1.0)
        yield level, share, event


def _gain(round_: Round, throughput: Interval, share: float) -> float:
    """Of whole requests: where the model alone was timed, the rest takes as long as before (Amdahl)."""
    return 1 / (1 - share + share / throughput.ratio) if round_.part == MODEL_PART else throughput.ratio


def _measured(history: History) -> Interval:
    """Throughput of the tuning in force over ONNX Runtime's defaults, as measured when it came into force."""
    for round_ in reversed(history.rounds):
        if round_.candidate == history.tuning and round_.against_runtime is not None:
            return round_.against_runtime
    return history.started[0].untuned


def _ratios(interval: Interval) -> dict[str, float]:
    return {"ratio": round(interval.ratio, 3), "low": round(interval.low, 3), "high": round(interval.high, 3)}

"""How a model is run on one machine: everything that may be chosen freely, because answers do not depend on it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from themis.bundles.bundle import Bundle
from themis.bundles.manifest import GENERIC
from themis.core.errors import Misconfigured
from themis.exact.rewrite import REWRITES
from themis.exact.session import LEVELS, SessionSettings

MAX_THREADS: Final = 256
MAX_REQUESTS: Final = 256


@dataclass(frozen=True, slots=True)
class Tuning(SessionSettings):
    """One way to run a model: in what session, and what around it. Raises Misconfigured for what cannot be run here."""

    rewrites: tuple[str, ...] = ()
    """Of the graph: keys of REWRITES, in their order there."""
    processes: int = 1
    """Workers that answer side by side; 1: the node's own process answers."""
    step: int = 16
    """Requests the node takes at once: enough to share fixed costs, few enough that the first answer does not wait."""
    run_requests: int = 0
    """Most requests in one run of the model; 0: any number."""
    run_tokens: int = 0
    """Most tokens of several requests in one run of the model; 0: any number."""
    spread: float = 0.0
    """Padding buckets: the longest sequence of a run is at most so many times that of its shortest request; 0: any."""
    piece: int = 0
    """Most tokens of a question that a decoder reads in one run; 0: as many as its proof covers."""

    def __post_init__(self) -> None:
        sound = (
            0 <= self.threads <= MAX_THREADS
            and 1 <= self.lanes <= MAX_THREADS
            and self.level in LEVELS
            and self.rewrites == tuple(name for name in REWRITES if name in self.rewrites)
            and 1 <= self.processes <= MAX_THREADS
            and 1 <= self.step <= MAX_REQUESTS
            and min(self.run_requests, self.run_tokens, self.piece) >= 0
            and (self.spread == 0 or self.spread >= 1)
        )
        if not sound:
            raise Misconfigured(f"{self} is no tuning for this version of themis: run `themis optimize` again")

    @property
    def sequential(self) -> bool:
        """Whether one thread does all the work."""
        return self.threads == self.lanes == self.processes == 1


DEFAULTS: Final = Tuning()
"""How nodes run models of many requests a run that were never tuned, but for `engine.threads`."""
RUNTIME_DEFAULTS: Final = Tuning(threads=0, level="all", step=1, run_requests=1)
"""ONNX Runtime's own default options, one request at a time: what `themis optimize` compares with."""


def untuned(bundle: Bundle, threads: int = DEFAULTS.threads) -> Tuning:
    """How a node runs a model that was never tuned on its machine."""
    if bundle.manifest.preprocessing not in GENERIC:
        return Tuning(threads=threads)
    # What a request took is given back; no two steps of a decoder have one shape, whose layout could be kept.
    return Tuning(threads=threads, arena=False, patterns=bundle.manifest.generation is None, step=1)


def to_json(tuning: Tuning) -> dict[str, Any]:
    """The fields, for the journal."""
    return asdict(tuning) | {"rewrites": list(tuning.rewrites)}


def from_json(record: Mapping[str, Any]) -> Tuning:
    """What an earlier version did not know is as it was then. Raises Misconfigured for what this one does not know."""
    known = {field.name: field.default for field in fields(Tuning)}
    if record.keys() - known.keys() or not isinstance(record.get("rewrites"), list):
        raise Misconfigured("the tuning was written by another version of themis: run `themis optimize` again")
    values = {**record, "rewrites": tuple(record["rewrites"])}
    if strange := [name for name, value in values.items() if not isinstance(value, type(known[name]))]:
        raise Misconfigured(f"the tuning's {', '.join(strange)} cannot be read: run `themis optimize` again")
    return Tuning(**values)


def differences(old: Tuning, new: Tuning) -> str:
    """What changes, as `threads 1 -> 2, +rewrite`."""
    said = []
    for name, before in asdict(old).items():
        after = getattr(new, name)
        if name == "rewrites":
            said += [f"+{each}" for each in after if each not in before]
            said += [f"-{each}" for each in before if each not in after]
        elif after != before:
            said.append(f"{name} {_shown(before)} -> {_shown(after)}")
    return ", ".join(said) or "nothing"


def _shown(value: Any) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)

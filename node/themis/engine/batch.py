"""Lays several requests out as one run of a model, and takes its results apart again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.core.errors import Broken, Reason, Refused
from themis.engine.preprocess import Arrays, Sample
from themis.exact.declare import Declarations
from themis.exact.layout import layout, starts

LAYOUT: Final = frozenset(("place", "slot", "first", "owner"))
"""Inputs that every model may ask for besides those its preprocessing gives."""
MAX_CELLS: Final = 2**18
"""Requests to a padded model (with an extent L) share a run while sequences * longest^2, as attention takes, fits."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one run may hold beyond what the model demands; 0: any number."""

    requests: int = 0
    tokens: int = 0
    """Of several requests: one that has more runs alone."""
    spread: float = 0.0
    """Longest sequence of a run over the longest of its shortest request."""


FREE: Final = Bounds()


def sizes(samples: Sequence[Sample]) -> dict[str, int]:
    """Tokens T, sequences F, tokens of the longest sequence L, requests R."""
    lengths = [length for sample in samples for length in sample.lengths]
    return {"T": sum(lengths), "F": len(lengths), "L": max(lengths), "R": len(samples)}


def batches(samples: Sequence[Sample], extents: Mapping[str, int], bounds: Bounds = FREE) -> Iterator[list[Sample]]:
    """Group samples in order, as many together as extents, memory and bounds allow. Best given by length: see padding.

    Raises Refused(INVALID_INPUT) for one that exceeds the extents alone.
    """
    batch: list[Sample] = []
    size: dict[str, int] = {}
    for sample in samples:
        alone = sizes([sample])
        if over := _excess(alone, extents):
            raise Refused(Reason.INVALID_INPUT, f"too large for the model: {over}")
        together = _joined(size, alone) if batch else alone
        cells = together["F"] * together["L"] ** 2 if "L" in extents else 0
        if batch and (_excess(together, extents) or cells > MAX_CELLS or _leaves(bounds, together, batch)):
            yield batch
            batch, together = [], alone
        batch.append(sample)
        size = together
    if batch:
        yield batch


def collate(batch: Sequence[Sample], dtypes: Mapping[str, str], declared: Declarations) -> dict[str, NDArray[Any]]:
    """The model's inputs for a batch: the samples' arrays, and to which sequence and request each token belongs.

    Raises Refused(ENGINE_REFUSED) for values outside the ranges that the exactness proof leans on.
    """
    lengths = np.array([length for sample in batch for length in sample.lengths], np.int64)
    place, slot = layout(lengths.tolist())
    arrays: dict[str, NDArray[Any]] = {
        "place": place,
        "slot": slot,
        "first": starts(lengths),
        "owner": np.repeat(np.arange(len(batch)), [len(sample.lengths) for sample in batch]),
    }
    for name in batch[0].arrays:
        arrays[name] = np.concatenate([sample.arrays[name] for sample in batch])
    feed = {name: arrays[name].astype(dtype, copy=False) for name, dtype in dtypes.items()}
    for name, values in feed.items():
        span = declared.ranges.get(name)
        if span and (values.min() < span.low or values.max() > span.high):
            raise Refused(Reason.ENGINE_REFUSED, f"{name} leaves the declared range {span.low}..{span.high}")
    return feed


def take_apart(batch: Sequence[Sample], units: Mapping[str, str], results: Arrays) -> list[bytes]:
    """Each request's output bytes. `units` says what each output's rows are: T, F or R."""
    total = sizes(batch)
    for name, unit in units.items():
        if len(results[name]) != total[unit]:
            raise Broken(f"output {name} has {len(results[name])} rows for {unit} = {total[unit]}")
    outputs = []
    start = dict.fromkeys(total, 0)
    for sample in batch:
        end = {unit: start[unit] + count for unit, count in sizes([sample]).items()}
        outputs.append(sample.render({name: results[name][start[unit] : end[unit]] for name, unit in units.items()}))
        start = end
    return outputs


def _joined(size: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(count, other[name]) if name == "L" else count + other[name] for name, count in size.items()}


def _leaves(bounds: Bounds, together: Mapping[str, int], batch: Sequence[Sample]) -> bool:
    return (
        0 < bounds.requests < together["R"]
        or 0 < bounds.tokens < together["T"]
        or 0 < bounds.spread * max(batch[0].lengths) < together["L"]
    )


def _excess(size: Mapping[str, int], extents: Mapping[str, int]) -> str:
    return ", ".join(
        f"{name} = {size[name]}, limit {limit}" for name, limit in extents.items() if size.get(name, 0) > limit
    )

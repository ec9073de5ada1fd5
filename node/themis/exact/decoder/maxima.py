"""Largest absolute values that a float model reaches on a text: all that its exact form's scales depend on but weights.

Written to a file, for float sums differ between machines: with the file, anyone makes the same bytes again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.core.errors import Misconfigured
from themis.exact.decoder import floating
from themis.exact.decoder.architecture import Architecture
from themis.exact.decoder.checkpoint import Weights

BY_HEAD: Final = ("queries", "keys", "values")
TWO_BYTES: Final = "two bytes"
ROTATED: Final = "rotated"
RECIPES: Final = (TWO_BYTES, ROTATED)
SIGNIFICANT: Final = 6
"""Digits."""


@dataclass(frozen=True, slots=True)
class LayerMaxima:
    """Of one layer."""

    attention_in: float
    queries: tuple[float, ...]
    """By head, before and after they are turned."""
    keys: tuple[float, ...]
    """By pair."""
    values: tuple[float, ...]
    attention_out: float
    feed_in: float
    gates: float
    """Of the gate and of what it gates."""
    feed_mid: float
    queries_raw: float = 0.0
    """Before their norm, where they have one."""
    keys_raw: float = 0.0


@dataclass(frozen=True, slots=True)
class Maxima:
    """Of a decoder."""

    stream: float
    head_in: float
    layers: tuple[LayerMaxima, ...]
    recipe: str = TWO_BYTES
    """Of which form of the weights they are."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"


def measure(weights: Weights, arch: Architecture, texts: Sequence[Sequence[int]], recipe: str = TWO_BYTES) -> Maxima:
    """Run the float model over texts; the weights are as the recipe has them."""
    found: list[dict[str, NDArray[Any]]] = [{} for _ in range(arch.layers + 1)]

    def record(layer: int) -> floating.Record:
        def told(name: str, value: NDArray[Any]) -> None:
            size = np.abs(value)
            most = size.max((0, 2)) if name in BY_HEAD else size.max()
            found[layer][name] = np.maximum(found[layer].get(name, np.zeros_like(most)), most)

        return told

    floating.streams(weights, arch, texts, record)
    plain = [{name: _plain(value) for name, value in layer.items()} for layer in found]
    stream = max(layer.pop("stream") for layer in plain)
    told = {"stream": stream, "head_in": plain[-1]["head_in"], "layers": plain[:-1], "recipe": recipe}
    return from_json(told, "the measurement")


def from_json(found: Mapping[str, Any], where: str) -> Maxima:
    """Raises Misconfigured for what is not all positive numbers."""
    try:
        layers = tuple(
            LayerMaxima(**{name: _checked(value) for name, value in each.items()}) for each in found["layers"]
        )
        return Maxima(
            _checked(found["stream"]), _checked(found["head_in"]), layers, str(found.get("recipe", TWO_BYTES))
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured(f"{where} holds no maxima of a decoder: {error!r}. Measure them again.") from error


def _plain(value: NDArray[Any]) -> Any:
    rounded = [float(f"{each:.{SIGNIFICANT}g}") for each in np.atleast_1d(value)]
    return rounded if value.ndim else rounded[0]


def _checked(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_checked, value))
    if not isinstance(value, int | float) or not 0 <= value < np.inf:
        raise ValueError(f"{value!r} is no maximum")
    return float(value)

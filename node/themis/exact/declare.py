"""What a model file assumes about its inputs: value ranges and the largest size of each named dimension.

Kept in the file's metadata_props as `range:<input>` = "low..high" and `extent:<dimension>` = "size". The linter's proof
leans on them, the program root commits to them, the engine enforces them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import onnx

NUMBER: Final = re.compile(r"-?[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Range:
    """Integers from low to high, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Declarations:
    """Read back from a model."""

    ranges: Mapping[str, Range]
    """By input name."""
    extents: Mapping[str, int]
    """By dimension name."""


def write_declarations(model: onnx.ModelProto, ranges: Mapping[str, Range], extents: Mapping[str, int]) -> None:
    """Store declarations in the model, replacing what was there."""
    del model.metadata_props[:]
    entries = {f"range:{name}": f"{found.low}..{found.high}" for name, found in ranges.items()}
    entries |= {f"extent:{name}": str(size) for name, size in extents.items()}
    for key in sorted(entries):
        model.metadata_props.add(key=key, value=entries[key])


def read_declarations(model: onnx.ModelProto) -> Declarations:
    """Raise ValueError for an entry that cannot be read. Entries of other kinds are ignored."""
    ranges: dict[str, Range] = {}
    extents: dict[str, int] = {}
    for entry in model.metadata_props:
        if not isinstance(entry.key, str) or not isinstance(entry.value, str):
            raise ValueError("metadata is not UTF-8")  # noqa: TRY004 (protobuf gives such strings as bytes)
        kind, _, name = entry.key.partition(":")
        if kind == "range":
            low, _, high = entry.value.partition("..")
            ranges[name] = Range(_number(low), _number(high))
            if ranges[name].low > ranges[name].high:
                raise ValueError(f"the range of {name} is empty: {entry.value}")
        elif kind == "extent":
            extents[name] = _number(entry.value)
            if extents[name] < 1:
                raise ValueError(f"the extent of {name} is not positive: {entry.value}")
    return Declarations(ranges, extents)


def _number(text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise ValueError(f"metadata holds {text[:32]!r} where a number belongs")
    return int(text)

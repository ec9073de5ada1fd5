"""Requests that a model is tried on: the same for everyone, from SHAKE-256."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np

from themis.bundles.manifest import TENSORS, TEXT, Manifest, TensorSchema
from themis.engine import tensors
from themis.exact.declare import Declarations

SIZES: Final = (1, 2, 3, 8)
"""For dimensions without a fixed size, all alike."""
SEEDS: Final = 3
SMALL: Final = 4
"""Integers whose range the graph does not declare are below it: they may be indices."""
TEXTS: Final = (
    "Themis",
    "Is this contract safe?",
    "a",
    "The answer to the question, in one word, is",
    "0x60806040 \u00e9\u4e2d\U0001f600\n\n  1,234.5",
)
IDS: Final = ((0,), (1, 2, 3), (3, 1, 2, 0, 3, 1, 2, 0))


def probes(manifest: Manifest, declared: Declarations) -> Iterator[bytes]:
    """Requests. A model need not accept them all: nobody knows which sizes it takes."""
    if manifest.preprocessing == TEXT:
        yield from (text.encode() for text in TEXTS)
    elif manifest.preprocessing == TENSORS:
        named = {size for tensor in manifest.inputs for size in tensor.shape if isinstance(size, str)}
        sizes = [dict.fromkeys(named, size) for size in (SIZES if named else SIZES[:1])]
        fitting = [each for each in sizes if _bytes(manifest.inputs, each) <= manifest.max_input_bytes]
        for seed in range(SEEDS):
            yield from (_request(manifest.inputs, declared, each, seed) for each in fitting)
    else:
        yield from (np.array(ids, ">u4").tobytes() for ids in IDS)


def longest(max_input_bytes: int) -> list[bytes]:
    """Texts that take a tokenizer long, if any do."""
    pieces = (b"a", b" ", b"\n", b"a1 ", b"Aa'", b" \n", "\u4e2d".encode())
    return [piece * (max_input_bytes // len(piece)) for piece in pieces]


def _bytes(inputs: Sequence[TensorSchema], sizes: Mapping[str, int]) -> int:
    return 4 * len(sizes) + sum(_count(tensor, sizes) * tensors.wire(tensor).itemsize for tensor in inputs)


def _count(tensor: TensorSchema, sizes: Mapping[str, int]) -> int:
    return prod(sizes[size] if isinstance(size, str) else size for size in tensor.shape)


def _request(inputs: Sequence[TensorSchema], declared: Declarations, sizes: Mapping[str, int], seed: int) -> bytes:
    header = np.array(list(sizes.values()), ">u4").tobytes()
    body = [_elements(tensor, declared, sizes, f"{seed} {place}") for place, tensor in enumerate(inputs)]
    return b"".join([header, *body])


def _elements(tensor: TensorSchema, declared: Declarations, sizes: Mapping[str, int], seed: str) -> bytes:
    count = _count(tensor, sizes)
    stream = hashlib.shake_256(seed.encode()).digest(4 * count)
    drawn: Any = np.frombuffer(stream, "<u4").astype(np.int64)
    span = declared.ranges.get(tensor.name)
    if tensor.steps_per_unit:
        values = drawn % (2 * tensor.steps_per_unit + 1) - tensor.steps_per_unit
    elif tensor.dtype == "bool":
        values = drawn % 2
    elif span:
        values = span.low + drawn % (span.high - span.low + 1)
    else:
        values = drawn % SMALL
    return bytes(values.astype(tensors.wire(tensor)).tobytes())

"""From the bytes of a request to a model's tensors and back, by the preprocessing id its manifest names.

An id never changes meaning: preprocessing is part of a model's version, integer only and without I/O.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.core.errors import Misconfigured, Reason, Refused
from themis.core.spelling import reads_as_text
from themis.core.types import Address, CodeRef, Hash32
from themis.engine.grams import grams
from themis.evm import encode as evm
from themis.evm import report
from themis.evm.encode import Encoded
from themis.exact import selftest
from themis.exact.layout import starts

Arrays = Mapping[str, NDArray[Any]]
CODE_REF_BYTES: Final = 64
ADDRESS_PAD: Final = bytes(12)


@dataclass(frozen=True, slots=True)
class Sample:
    """One request as a model reads it."""

    arrays: Arrays
    """Inputs with one row per token, by name."""
    lengths: Sequence[int]
    """Tokens of each sequence, each at least 1."""
    render: Callable[[Arrays], bytes]
    """This request's rows of the model's outputs -> output bytes."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The two steps an id stands for. Both raise Refused(INVALID_INPUT)."""

    inputs: frozenset[str]
    """Names of the arrays that `prepare` gives."""
    outputs: frozenset[str]
    """Names of the model outputs that a sample's `render` reads."""
    code_needed: Callable[[bytes], CodeRef | None]
    prepare: Callable[[bytes, bytes | None], Sample]
    """Input and, where code_needed asked for it, fetched code."""


def find(id_: str) -> Preprocessing:
    """Look up an id. Raises Misconfigured for one this version does not know."""
    try:
        return REGISTRY[id_]
    except KeyError:
        known = ", ".join(REGISTRY)
        raise Misconfigured(f"preprocessing {id_!r} is unknown (known: {known}). Update themis-oracle.") from None


def _no_code(input_: bytes) -> None:
    if not 1 <= len(input_) <= selftest.EXTENTS["L"]:
        raise Refused(Reason.INVALID_INPUT, f"{len(input_)} bytes; 1 to {selftest.EXTENTS['L']} expected")


def _prepare_bytes(input_: bytes, _: bytes | None) -> Sample:
    _no_code(input_)
    tokens, grams = selftest.features(input_)
    return Sample({"tokens": tokens, "grams": grams}, [len(input_)], _render_scores)


def _render_scores(outputs: Arrays) -> bytes:
    """Scores in basis points as big-endian uint16."""
    return bytes(outputs["scores_bps"][0].astype(">u2"))


def _evm_code_needed(input_: bytes) -> CodeRef | None:
    """64 bytes abi.encode(address, codehash) name deployed code; anything else is code itself."""
    if not 1 <= len(input_) <= evm.MAX_CODE_BYTES:
        raise Refused(Reason.INVALID_INPUT, f"{len(input_)} bytes; 1 to {evm.MAX_CODE_BYTES} expected")
    if reads_as_text(input_):
        raise Refused(Reason.INVALID_INPUT, "the input is text; the model reads code, or the address of a contract")
    if len(input_) != CODE_REF_BYTES or not input_.startswith(ADDRESS_PAD):
        return None
    return CodeRef(Address(input_[12:32]), Hash32(input_[32:]))


def _prepare_evm(input_: bytes, code: bytes | None) -> Sample:
    source = input_ if _evm_code_needed(input_) is None else code
    if source is None:
        raise Refused(Reason.INVALID_INPUT, "the input names a contract whose code was not fetched")
    try:
        encoded = evm.encode(source)
    except ValueError as error:
        raise Refused(Reason.INVALID_INPUT, str(error)) from error
    lengths = np.array([len(function.tokens) for function in encoded.functions])
    tokens = np.frombuffer(bytes(encoded.tokens), np.uint8)
    arrays = {"tokens": tokens.astype(np.int64), "grams": grams(tokens, starts(lengths))}
    return Sample(arrays, lengths.tolist(), lambda outputs: _report(outputs["scores_bps"], encoded))


def _report(scores_bps: NDArray[np.int32], encoded: Encoded) -> bytes:
    """As `report.pack`, of thousands of rows. Raises ValueError for what is no score."""
    if scores_bps.min() < 0 or scores_bps.max() > report.MAX_BPS:
        raise ValueError(f"scores of 0..{report.MAX_BPS} expected, got {scores_bps.min()}..{scores_bps.max()}")
    return report.folded(scores_bps.max(0).tolist(), int(scores_bps.max(1).argmax()), encoded)


TOKENS: Final = frozenset(("tokens", "grams"))
SCORES: Final = frozenset(("scores_bps",))
REGISTRY: Final[Mapping[str, Preprocessing]] = {
    "bytes/1": Preprocessing(TOKENS, SCORES, _no_code, _prepare_bytes),
    evm.PREPROCESSING: Preprocessing(TOKENS, SCORES, _evm_code_needed, _prepare_evm),
}

"""Bytecode to the integers `evm-risk-moe` reads: one row a token, all functions of a contract one after another."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from themis.evm.coverage import reachable
from themis.evm.disassembly import disassemble
from themis.evm.limits import MAX_ROWS, NOTHING, STRIDE, WINDOW, NotKnown
from themis.evm.trace import Trace, Tracer
from themis.evm.vocabulary import ID, NONE

PREPROCESSING: Final = "evm-trace-5"
"""Named in the manifest; any change to tokens or buckets gets a new one."""
MAX_CODE_BYTES: Final = 24_576
ADDRESS_BYTES: Final = 20
FULL_BPS: Final = 10_000
_NOT_LEGACY: Final = b"\xef"
_DELEGATION: Final = b"\xef\x01\x00"
ORDERS: Final = (2, 3, 4, 5)
BUCKET_BITS: Final = 13
BUCKETS: Final = 1 << BUCKET_BITS
"""Hash buckets of each n-gram order; order i uses i * BUCKETS .. (i + 1) * BUCKETS - 1."""

_MULTIPLIER: Final = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: Knuth's multiplicative hash
_WORD: Final = (1 << 64) - 1
_TO_BUCKET: Final = 1 << 64 - BUCKET_BITS
_WINDOW: Final = (1 << 8 * ORDERS[-1]) - 1
_GRAMS: Final = tuple((order * BUCKETS, (1 << 8 * length) - 1, length) for order, length in enumerate(ORDERS))
"""Of each order the first bucket, the bits of a window, and the number of tokens."""


@dataclass(frozen=True)
class Encoded:
    """A contract as the model sees it. No slots: the flat views are computed once and kept."""

    functions: tuple[Trace, ...]
    """Windows of functions, at most limits.WINDOW tokens each, no two the same."""
    coverage_bps: int
    """Of the instructions that can be reached, the share whose traces the network is given."""
    not_known: NotKnown = NOTHING
    implementation: bytes | None = None
    """Address of the code that this code, which is nothing but a pointer, delegates to."""

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """Token ids, N rows."""
        return tuple(token for function in self.functions for token in function.tokens)

    @cached_property
    def pcs(self) -> tuple[int, ...]:
        """Program counter of each row."""
        return tuple(pc for function in self.functions for pc in function.pcs)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """For each row the first row of its function."""
        rows: list[int] = []
        for function in self.functions:
            rows.extend([len(rows)] * len(function.tokens))
        return tuple(rows)

    @cached_property
    def grams(self) -> tuple[tuple[int, ...], ...]:
        """For each row the bucket of the 2-, 3-, 4- and 5-gram that ends there."""
        return tuple(row for function in self.functions for row in buckets(function.tokens))


def encode(code: bytes) -> Encoded:
    """As `_encode`. Nothing here is part of a cycle; looking for some would take a fifth of the time."""
    if not gc.isenabled():
        return _encode(code)
    gc.disable()
    try:
        return _encode(code)
    finally:
        gc.enable()


def _encode(code: bytes) -> Encoded:
    """Any byte string up to MAX_CODE_BYTES encodes; work is bounded by limits.MAX_STEPS instructions.

    Raises ValueError for longer code, which no EVM chain deploys (EIP-170).
    """
    if len(code) > MAX_CODE_BYTES:
        raise ValueError(f"{len(code)} bytes of code; EIP-170 allows {MAX_CODE_BYTES}. Send runtime bytecode.")
    if code[:1] == _NOT_LEGACY:
        return _without_instructions(code)
    program = disassemble(code)
    tracer = Tracer(program)
    given, left_out = _windows(tracer.run())
    not_known = tracer.told | left_out
    covered = 0 if left_out else sum(tracer.reached)
    pointer = tracer.implementation is not None and len(given) == 1 and not_known == NotKnown.PROXY
    implementation = (tracer.implementation or 0).to_bytes(ADDRESS_BYTES, "big") if pointer else None
    share = covered * FULL_BPS // max(1, reachable(program, tracer)) if program.ops else 0
    return Encoded(given, share, not_known | (NotKnown.NAMED if pointer else 0), implementation)


def _without_instructions(code: bytes) -> Encoded:
    """What begins with 0xef no EVM runs as it stands: a delegation (EIP-7702), or a format that is not known."""
    nothing = (Trace(None, (ID["ENTRY.fallback"],), (0,)),)
    if code.startswith(_DELEGATION) and len(code) == len(_DELEGATION) + ADDRESS_BYTES:
        return Encoded(nothing, 0, NotKnown.DELEGATION | NotKnown.NAMED, code[len(_DELEGATION) :])
    return Encoded(nothing, 0, NotKnown.UNKNOWN_DISPATCHER)


def _windows(traces: list[Trace]) -> tuple[tuple[Trace, ...], NotKnown]:
    """What the network is given, each window once, and what is left out because there is too much."""
    given: dict[tuple[int, ...], Trace] = {}
    rows = 0
    for trace in traces:
        for at in range(0, max(1, len(trace.tokens) - (WINDOW - STRIDE)), STRIDE):
            tokens = trace.tokens[at : at + WINDOW]
            if tokens in given:
                continue
            if rows + len(tokens) > MAX_ROWS:
                return tuple(given.values()), NotKnown.TRUNCATED | NotKnown.LEFT_OUT
            rows += len(tokens)
            given[tokens] = Trace(trace.selector, tokens, trace.pcs[at : at + WINDOW])
    return tuple(given.values()), NOTHING


def buckets(tokens: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Hash the n-grams that end at each token; tokens before the first one are NONE."""
    window = NONE
    for token in tokens:
        window = (window << 8 | token) & _WINDOW
        yield _hashed(window)


@lru_cache(1 << 14)
def _hashed(window: int) -> tuple[int, ...]:
    """Of the last five tokens; most are in contract after contract."""
    return tuple(
        [base + (((window & mask) * 8 + length) * _MULTIPLIER & _WORD) // _TO_BUCKET for base, mask, length in _GRAMS]
    )

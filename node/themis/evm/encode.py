"""Bytecode to the integers `evm-risk-moe` reads: one row a token, all functions of a contract one after another."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from themis.evm.disassembly import disassemble, strip_metadata
from themis.evm.trace import Trace, Tracer
from themis.evm.vocabulary import NONE

PREPROCESSING: Final = "evm-trace-2"
"""Named in the manifest; any change to tokens or buckets gets a new one."""
MAX_CODE_BYTES: Final = 24_576
ORDERS: Final = (2, 3, 4, 5)
BUCKET_BITS: Final = 13
BUCKETS: Final = 1 << BUCKET_BITS
"""Hash buckets of each n-gram order; order i uses i * BUCKETS .. (i + 1) * BUCKETS - 1."""

_MULTIPLIER: Final = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: Knuth's multiplicative hash
_WORD: Final = (1 << 64) - 1


@dataclass(frozen=True)
class Encoded:
    """A contract as the model sees it. No slots: the flat views are computed once and kept."""

    functions: tuple[Trace, ...]
    coverage_bps: int
    """Share of the code's instructions that the traces reached."""

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
    """Any byte string up to MAX_CODE_BYTES encodes; work is bounded by trace.MAX_STEPS instructions.

    Raises ValueError for longer code, which no EVM chain deploys (EIP-170).
    """
    if len(code) > MAX_CODE_BYTES:
        raise ValueError(f"{len(code)} bytes of code; EIP-170 allows {MAX_CODE_BYTES}. Send runtime bytecode.")
    program = disassemble(strip_metadata(code))
    tracer = Tracer(program)
    functions = tuple(tracer.run())
    total = len(program.ops)
    return Encoded(functions, sum(tracer.reached) * 10_000 // total if total else 0)


def buckets(tokens: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Hash the n-grams that end at each token; tokens before the first one are NONE."""
    window = NONE
    for token in tokens:
        window = (window << 8 | token) & ((1 << 40) - 1)
        yield tuple(
            order * BUCKETS + _hash(window & ((1 << 8 * length) - 1), length) for order, length in enumerate(ORDERS)
        )


def _hash(key: int, length: int) -> int:
    return ((key * 8 + length) * _MULTIPLIER & _WORD) >> (64 - BUCKET_BITS)

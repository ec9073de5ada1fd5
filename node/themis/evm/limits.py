"""What bounds a trace, and what a report has to say when a bound was met. Part of the model version."""

from enum import IntFlag
from typing import Final

MAX_STEPS: Final = 40_000
"""Instructions interpreted for one contract; bounds the time on hostile code."""
MAX_ROWS: Final = 6_144
"""Tokens of one contract that the network is given."""
MAX_WRITTEN: Final = 4 * MAX_ROWS
"""Tokens written down for one contract; equal windows are given once."""
WINDOW: Final = 192
"""Tokens of a function that the network sees at a time."""
STRIDE: Final = 144
"""The next window of a longer function begins so many tokens after."""


class NotKnown(IntFlag):
    """Why a report is not the whole truth. As `NotKnown` in RiskReport.sol."""

    TRUNCATED = 1 << 0
    """A function left more tokens than the network is given."""
    LEFT_OUT = 1 << 1
    """Whole functions were left out."""
    STEPS_SPENT = 1 << 2
    """The bound on steps was met before every path was walked."""
    UNKNOWN_JUMP = 1 << 3
    """Where a jump goes is computed: function pointers, other compilers."""
    UNKNOWN_DISPATCHER = 1 << 4
    """How functions are chosen is not known, or what the code is written in."""
    PROXY = 1 << 5
    """Calls go on to other code, which was not read."""
    DELEGATION = 1 << 6
    """An account that has delegated to other code (EIP-7702), which was not read."""
    NAMED = 1 << 7
    """The code names the other code's address: the report is that address, and no score."""


NOTHING: Final = NotKnown(0)
"""Is not known: the report is the whole truth, as far as the model can tell."""

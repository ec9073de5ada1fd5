"""Tables of powers, sines and activations, computed in integers and decimals: the same on every machine."""

from decimal import Decimal, localcontext
from functools import cache
from typing import Final

import numpy as np

from themis.exact.blocks import I32, OCTAVE
from themis.exact.decoder.blocks import CHOICE_MAX, TURN_BITS, Turns

PRECISION: Final = 40
"""Decimal digits, of which results keep five."""
FLAT: Final = 24
"""From here on e^-x moves no entry of a table of 2^15 by half a step."""


@cache
def falling(most: int, octaves: float) -> I32:
    """Softmax weights: most * 2^(-i * octaves), and 0 from where it rounds to that."""
    table = [most]
    with localcontext(prec=PRECISION):
        while table[-1]:
            table.append(_rounded(most * Decimal(2) ** (-len(table) * Decimal(octaves))))
    return np.array(table, np.int32)


def choices() -> I32:
    """Weights of experts, by their logits' distances from the best in 1/32 octave."""
    return falling(CHOICE_MAX, 1 / OCTAVE)


@cache
def silu(reach: int, fraction_bits: int) -> I32:
    """Of x / (1 + e^-x), for x from -reach to reach in 2^-fraction_bits."""
    with localcontext(prec=PRECISION):
        one = 1 << fraction_bits
        falls = [(-Decimal(x) / one).exp() if x < FLAT << fraction_bits else Decimal(0) for x in range(reach + 1)]
        rising = [_rounded(x / (1 + fall)) for x, fall in enumerate(falls)]
        falling = [_rounded(-x * fall / (1 + fall)) for x, fall in enumerate(falls)]
    return np.array([*reversed(falling[1:]), *rising], np.int32)


def turns(theta: float, width: int, context: int) -> Turns:
    """Angle of position p and pair j: p * theta^(-2 j / width), as Llama has it."""
    cosines, sines = (np.zeros((context, width), np.int32) for _ in range(2))
    half = width // 2
    for pair in range(half):
        with localcontext(prec=PRECISION):
            angle = (Decimal(theta).ln() * Decimal(-2 * pair) / width).exp()
            bits = 100
            x, y = (int((part * (1 << bits)).to_integral_value()) for part in _cos_sin(angle))
        a, b = 1 << bits, 0
        for position in range(context):
            cosines[position, [pair, pair + half]] = _shifted(a, bits - TURN_BITS)
            sine = _shifted(b, bits - TURN_BITS)
            sines[position, pair], sines[position, pair + half] = -sine, sine
            a, b = (a * x - b * y) >> bits, (a * y + b * x) >> bits
    return Turns(cosines, sines)


def _cos_sin(angle: Decimal) -> tuple[Decimal, Decimal]:
    """Of an angle of at most 1, by Taylor's series."""
    cos, sin, term = Decimal(0), Decimal(0), Decimal(1)
    for power in range(1, 2 * PRECISION, 2):
        cos += term
        term *= angle / power
        sin += term
        term *= -angle / (power + 1)
    return cos, sin


def _shifted(value: int, bits: int) -> int:
    return (value + (1 << (bits - 1))) >> bits


def _rounded(value: Decimal) -> int:
    return int(value.to_integral_value())

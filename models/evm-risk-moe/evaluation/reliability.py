"""Whether a score is a probability: what share of the contracts with a score of so much has the class."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_BINS: Final = 10
_MAX_BPS: Final = 10_000
_SIDE: Final = 320
_MARGIN: Final = 48


def table(scores_bps: NDArray[np.integer], truth: NDArray[np.bool_]) -> dict[str, Any]:
    """Over all pairs of a contract and a class, [n, classes]: bins of equal width, and the expected calibration error.

    `error` is the mean distance of what was said from what was so, weighted by pairs (Guo et al., 2017, equation 3);
    `error_between`: of the pairs with scores of 100 to 9,900 basis points only, without the many sure and right ones.
    """
    said, was = scores_bps.ravel() / _MAX_BPS, truth.ravel().astype(float)
    place = np.minimum((said * _BINS).astype(int), _BINS - 1)
    bins = []
    for number in range(_BINS):
        there = place == number
        if there.any():
            bins.append(
                {
                    "pairs": int(there.sum()),
                    "said": round(float(said[there].mean()), 4),
                    "was": round(float(was[there].mean()), 4),
                }
            )
    between = (said >= 0.01) & (said <= 0.99)
    return {
        "error": round(_error(said, was, place), 4),
        "error_between": round(_error(said[between], was[between], place[between]), 4),
        "between": int(between.sum()),
        "bins": bins,
    }


def _error(said: NDArray[np.floating], was: NDArray[np.floating], place: NDArray[np.integer]) -> float:
    gaps = [abs(float((said - was)[place == number].sum())) for number in range(_BINS)]
    return sum(gaps) / max(1, len(said))


def drawing(reliability: dict[str, Any]) -> str:
    """The reliability diagram as SVG: a point a bin, its area by the logarithm of its pairs; the line is calibrated."""
    low, high = _MARGIN, _MARGIN + _SIDE
    marks = []
    for one in reliability["bins"]:
        x, y = low + one["said"] * _SIDE, high - one["was"] * _SIDE
        radius = 3 + 2 * float(np.log10(one["pairs"]))
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#1f6feb" fill-opacity="0.6"/>')
        marks.append(f'<text x="{x + radius + 2:.1f}" y="{y + 4:.1f}">{one["pairs"]:,}</text>')
    ticks = []
    for number in range(0, 11, 2):
        at = number / 10 * _SIDE
        ticks.append(f'<text x="{low + at:.0f}" y="{high + 18}" text-anchor="middle">{number * 1_000:,}</text>')
        ticks.append(f'<text x="{low - 6}" y="{high - at + 4:.0f}" text-anchor="end">{number * 10} %</text>')
    size = high + _MARGIN
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"',
            ' font-family="sans-serif" font-size="11">',
            f'<rect width="{size}" height="{size}" fill="#fff"/>',
            f'<rect x="{low}" y="{low}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#888"/>',
            f'<line x1="{low}" y1="{high}" x2="{high}" y2="{low}" stroke="#888" stroke-dasharray="4"/>',
            *ticks,
            *marks,
            f'<text x="{low + _SIDE // 2}" y="{high + 36}" text-anchor="middle">score, basis points</text>',
            f'<text x="{low}" y="{low - 12}">pairs of a contract and a class: share that is vulnerable, number</text>',
            "</svg>\n",
        )
    )

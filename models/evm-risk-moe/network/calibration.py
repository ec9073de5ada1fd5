"""From logits to basis points: 5,000 is where validation says to flag, the slope is a logistic fit (Platt scaling)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from network.evidence import ABSENT

FALSE_POSITIVES: Final = 0.01
"""Of validation and unmutated training contracts, at most so many may be flagged in a class."""
MARGIN: Final = 3.0
"""Below the lowest logit where all that show a class have it: nobody knows where those begin that have not."""
_SLOPES: Final = (0.25, 3.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Sigmoid of (logit - center) * slope for each class, in basis points."""

    centers: tuple[float, ...]
    slopes: tuple[float, ...]


def calibrate(
    logits: NDArray[np.floating], truth: NDArray[np.bool_], clean_logits: NDArray[np.floating]
) -> Calibration:
    """Validation logits and classes [n, C], and logits of unmutated training contracts [m, C]."""
    centers, slopes = [], []
    for c in range(truth.shape[1]):
        judged = logits[:, c] > -ABSENT / 2
        centers.append(_center(logits[:, c], truth[:, c], clean_logits[:, c]))
        slopes.append(slope_of(logits[judged, c] - centers[-1], truth[judged, c]))
    return Calibration(tuple(centers), tuple(slopes))


def _center(scores: NDArray[np.floating], truth: NDArray[np.bool_], clean: NDArray[np.floating]) -> float:
    """The best F1's threshold among those with few false positives; the middle of the widest gap around it."""
    allowed = [np.quantile(scores[~truth], 1 - FALSE_POSITIVES), np.quantile(clean, 1 - FALSE_POSITIVES)]
    lowest = max(float(value) for value in allowed)
    candidates = np.unique(scores[scores > -ABSENT / 2])
    middles = np.append((candidates[1:] + candidates[:-1]) / 2, max(lowest, float(candidates.min()) - MARGIN))
    best, best_f1 = lowest, -1.0
    for threshold in middles[middles >= lowest]:
        flagged = scores >= threshold
        hits = int((flagged & truth).sum())
        f1 = 2 * hits / (int(flagged.sum()) + int(truth.sum()))
        if f1 > best_f1:
            best, best_f1 = float(threshold), f1
    return best


def slope_of(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Slope of a logistic regression through the threshold, by bisection.

    Targets are Platt's (1999, section 2.2), not 0 and 1: what is told apart without an error would get no finite slope.
    """
    hits = int(truth.sum())
    target = np.where(truth, (hits + 1) / (hits + 2), 1 / (len(truth) - hits + 2))
    low, high = _SLOPES
    for _ in range(40):
        middle = (low + high) / 2
        p = 1 / (1 + np.exp(-np.clip(scores * middle, -30, 30)))
        low, high = (middle, high) if float((scores * (target - p)).sum()) > 0 else (low, middle)
    return (low + high) / 2

"""From logits to basis points: 5,000 is where validation says to flag, the slope is a logistic fit's."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from network.integers import Calibration

FALSE_POSITIVES: Final = 0.01
"""Of validation and unmutated training contracts, at most so many may be flagged in a class."""
_SLOPES: Final = (0.5, 3.0)


def calibrate(
    logits: NDArray[np.floating], truth: NDArray[np.bool_], clean_logits: NDArray[np.floating]
) -> Calibration:
    """Validation logits and classes [n, C], and logits of unmutated training contracts [m, C]."""
    centers, slopes = [], []
    for c in range(truth.shape[1]):
        centers.append(_center(logits[:, c], truth[:, c], clean_logits[:, c]))
        slopes.append(_slope(logits[:, c], truth[:, c]))
    return Calibration(tuple(centers), tuple(slopes))


def _center(scores: NDArray[np.floating], truth: NDArray[np.bool_], clean: NDArray[np.floating]) -> float:
    """The best F1's threshold among those with few false positives; the middle of the widest gap around it."""
    allowed = [np.quantile(scores[~truth], 1 - FALSE_POSITIVES), np.quantile(clean, 1 - FALSE_POSITIVES)]
    lowest = max(float(value) for value in allowed)
    candidates = np.unique(scores)
    middles = np.append((candidates[1:] + candidates[:-1]) / 2, lowest)
    best, best_f1 = lowest, -1.0
    for threshold in middles[middles >= lowest]:
        flagged = scores >= threshold
        hits = int((flagged & truth).sum())
        f1 = 2 * hits / (int(flagged.sum()) + int(truth.sum()))
        if f1 > best_f1:
            best, best_f1 = float(threshold), f1
    return best


def _slope(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Slope of a one-variable logistic regression by Newton's method."""
    design = np.stack([scores, np.ones_like(scores)], 1).astype(np.float64)
    beta = np.array([1.0, 0.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.eye(2) * 1e-3
        beta = beta + np.linalg.solve(hessian, design.T @ (truth - p) - np.array([1e-3, 0]) * beta)
    return float(np.clip(beta[0], *_SLOPES))

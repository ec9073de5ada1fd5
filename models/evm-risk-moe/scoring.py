"""Counting right and wrong: F1, precision, recall, false-positive rate, per class and averaged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class at one threshold."""

    f1: float
    precision: float
    recall: float
    fpr: float
    support: int


def class_score(flagged: NDArray[np.bool_], truth: NDArray[np.bool_]) -> ClassScore:
    hits, flags, positives = int((flagged & truth).sum()), int(flagged.sum()), int(truth.sum())
    negatives = len(truth) - positives
    precision = hits / flags if flags else 0.0
    recall = hits / positives if positives else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return ClassScore(f1, precision, recall, (flags - hits) / negatives if negatives else 0.0, positives)


def best_threshold(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """(threshold, F1) that maximizes F1: flag where score >= threshold."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + max(int(truth.sum()), 1))
    last = np.append(scores[order][1:] != scores[order][:-1], True)
    best = int(np.argmax(np.where(last, f1, -1.0)))
    following = scores[order[best + 1]] if best + 1 < len(order) else scores[order[best]] - 1
    return float((scores[order[best]] + following) / 2), float(f1[best])


def macro_f1_at_best(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Mean over classes of the best F1 any threshold gives: for choosing an epoch, not for reporting."""
    return float(np.mean([best_threshold(scores[:, c], truth[:, c])[1] for c in range(truth.shape[1])]))

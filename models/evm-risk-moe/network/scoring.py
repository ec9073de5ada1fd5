"""Counting right and wrong: F1, precision, recall, false-positive rate, by class and averaged, with intervals."""

import statistics
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from themis.evm.report import RiskClass

_BOOTSTRAPS: Final = 1_000
_LEVELS: Final = (0.025, 0.975)


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


def macro_f1(flags: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Mean of the classes' F1."""
    return statistics.fmean(class_score(flags[:, c], truth[:, c]).f1 for c in range(truth.shape[1]))


def summary(flags: NDArray[np.bool_], truth: NDArray[np.bool_], plain: NDArray[np.bool_]) -> dict[str, Any]:
    """Over all contracts, [n, classes]; `fpr` counts unmutated ones (`plain`) flagged in the class, or in any class.

    Intervals are the middle 95 % of 1,000 bootstrap samples of the contracts.
    """
    per_class = {}
    for risk in RiskClass:
        score = class_score(flags[:, risk], truth[:, risk])
        per_class[risk.name.lower()] = {
            "f1": round(score.f1, 4),
            "precision": round(score.precision, 4),
            "recall": round(score.recall, 4),
            "fpr": round(float(flags[plain, risk].mean()), 4),
            "support": score.support,
        }
    return {
        "macro_f1": round(macro_f1(flags, truth), 4),
        "fpr": round(float(flags[plain].any(1).mean()), 4),
        "per_class": per_class,
        **_intervals(flags, truth, plain),
    }


def _intervals(flags: NDArray[np.bool_], truth: NDArray[np.bool_], plain: NDArray[np.bool_]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    f1, fpr = [], []
    for _ in range(_BOOTSTRAPS):
        rows = rng.integers(0, len(flags), len(flags))
        f1.append([class_score(flags[rows, risk], truth[rows, risk]).f1 for risk in RiskClass])
        clean = rows[plain[rows]]
        fpr.append(float(flags[clean].any(1).mean()) if len(clean) else 0.0)
    table = np.array(f1)
    return {
        "macro_f1_interval_95": _middle(table.mean(1)),
        "fpr_interval_95": _middle(np.array(fpr)),
        "f1_interval_95": {risk.name.lower(): _middle(table[:, risk]) for risk in RiskClass},
    }


def _middle(values: NDArray[np.floating]) -> list[float]:
    return [round(float(value), 4) for value in np.quantile(values, _LEVELS)]


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

"""The same held-out contracts compiled in different ways: what the flags are then, and how often they agree."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.dataset import Contract
from network.scoring import macro_f1


def by_setting(found: Sequence[Contract], flags: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, Any]:
    """`found`: the varied contracts of the test split; flags and truth [n, classes].

    Real contracts by optimizer setting, each compiled in all of them by one compiler, and made-up ones of the same
    templates by compiler family. `agreement`: real contracts whose flags are the same in every setting.
    """
    real = [row for row, contract in enumerate(found) if contract.family != "made up"]
    made = [row for row, contract in enumerate(found) if contract.family == "made up"]
    settings: dict[str, Callable[[Contract], bool]] = {
        "optimizer off": lambda one: one.runs is None and not one.via_ir,
        "optimizer on": lambda one: one.runs is not None and not one.via_ir,
        "via IR": lambda one: one.via_ir,
    }
    complete = _complete(found, real, len(settings))
    rows = {name: _figures(found, complete, flags, truth, fits) for name, fits in settings.items()}
    families = sorted({found[row].version.rpartition(".")[0] for row in made})
    for family in families:
        older = [row for row in made if found[row].version.rpartition(".")[0] == family]
        rows[f"solc {family}"] = _figures(found, older, flags, truth, lambda _one: True)
    by_name: dict[tuple[str, tuple[str, ...]], set[bytes]] = {}
    for row in complete:
        by_name.setdefault(_name(found[row]), set()).add(flags[row].tobytes())
    agreeing = sum(len(seen) == 1 for seen in by_name.values())
    return {"rows": rows, "contracts": len(by_name), "agreement": round(agreeing / max(1, len(by_name)), 4)}


def _name(contract: Contract) -> tuple[str, tuple[str, ...]]:
    return contract.name, contract.templates


def _complete(found: Sequence[Contract], rows: list[int], settings: int) -> list[int]:
    """Rows of contracts that compiled in every setting."""
    counts: dict[tuple[str, tuple[str, ...]], int] = {}
    for row in rows:
        counts[_name(found[row])] = counts.get(_name(found[row]), 0) + 1
    return [row for row in rows if counts[_name(found[row])] == settings]


def _figures(
    found: Sequence[Contract],
    rows: list[int],
    flags: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    fits: Callable[[Contract], bool],
) -> dict[str, Any]:
    """Macro-F1 over the fitting rows, and how many without a risk are flagged in any class."""
    chosen = [row for row in rows if fits(found[row])]
    clean = [row for row in chosen if not truth[row].any()]
    return {
        "contracts": len(chosen),
        "macro_f1": round(macro_f1(flags[chosen], truth[chosen]), 4),
        "fpr": round(float(flags[clean].any(1).mean()), 4) if clean else 0.0,
    }

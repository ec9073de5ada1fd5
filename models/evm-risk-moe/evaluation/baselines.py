"""What the network is measured against, on the same traces: hashed n-gram logistic regression, and rules by hand."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from data import dataset
from data.dataset import Contract
from network.batches import by_length, flatten
from network.floats import CLASSES
from network.scoring import best_threshold
from network.training import contract_labels
from templates.kit import Risk
from themis.evm.encode import BUCKETS, ORDERS
from themis.evm.vocabulary import NAMES

_ROWS: Final = BUCKETS * len(ORDERS) + len(NAMES)


def regression(found: list[Contract], test: list[Contract], epochs: int = 8) -> NDArray[np.bool_]:
    """Train on functions, threshold on validation, flag test contracts [n, CLASSES]."""
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    functions, labels = dataset.functions(found, "train")
    table = torch.nn.EmbeddingBag(_ROWS, CLASSES, mode="sum")
    torch.nn.init.zeros_(table.weight)
    bias = torch.nn.Parameter(torch.full((CLASSES,), -3.0))
    optimizer = torch.optim.Adam([*table.parameters(), bias], 0.02)
    lengths = [len(function) for function in functions]
    for _ in range(epochs):
        for batch in by_length(lengths, 6_000, rng):
            logits = _bag([functions[index] for index in batch], table) + bias
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(labels[batch]))
            loss = loss + 1e-5 * table.weight.pow(2).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    validation = [contract for contract in found if contract.split == "validation"]
    with torch.no_grad():
        held, seen = _highest(test, table), _highest(validation, table)
    truth = contract_labels(validation)
    thresholds = [best_threshold(seen[:, c], truth[:, c])[0] for c in range(CLASSES)]
    return np.asarray(held >= np.array(thresholds))


def _bag(functions: Sequence[bytes], table: torch.nn.EmbeddingBag) -> torch.Tensor:
    """Sum of weights over the distinct tokens and n-grams of each function."""
    flat = flatten(functions)
    rows = np.concatenate([flat.grams, flat.tokens[:, None] + BUCKETS * len(ORDERS)], 1)
    owners = np.repeat(flat.owner, rows.shape[1])
    pairs = np.unique(owners * _ROWS + rows.ravel())
    offsets = np.searchsorted(pairs // _ROWS, np.arange(len(functions)))
    found: torch.Tensor = table(torch.from_numpy(pairs % _ROWS), torch.from_numpy(offsets))
    return found


def _highest(found: list[Contract], table: torch.nn.EmbeddingBag) -> NDArray[np.float32]:
    return np.stack([_bag(contract.functions, table).amax(0).numpy() for contract in found])


def rules(test: list[Contract]) -> NDArray[np.bool_]:
    """Flags by hand-written rules, [n, CLASSES]."""
    flags = np.zeros((len(test), CLASSES), bool)
    for row, contract in enumerate(test):
        for function in contract.functions:
            for risk in _suspicions(function):
                flags[row, risk] = True
    return flags


def _suspicions(function: bytes) -> set[Risk]:
    found: set[Risk] = set()
    for token in function:
        name = NAMES[token]
        if name.endswith(".stale"):
            found.add(Risk.REENTRANCY)
        elif name == "DROPPED":
            found.add(Risk.UNCHECKED_CALL)
        elif name in ("GUARD.origin_auth", "IF.origin_auth"):
            found.add(Risk.TX_ORIGIN_AUTH)
        elif name in ("HASH.random", "MOD.block", "MOD.random", "GUARD.random", "IF.random"):
            found.add(Risk.BLOCK_DEPENDENCE)
        elif name.startswith("SELFDESTRUCT.") and not name.endswith(".granted"):
            found.add(Risk.UNPROTECTED_SELFDESTRUCT)
        elif name in ("DELEGATECALL.data.open", "DELEGATECALL.data.keyed"):
            found.add(Risk.UNPROTECTED_DELEGATECALL)
        elif name in ("TAKE.code", "TAKE.slot", "TAKE.item"):
            found.add(Risk.UNPROTECTED_AUTHORITY)
    return found

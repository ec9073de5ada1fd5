"""Rewrites of an exact graph that give the same bits faster on some machines.

A rewritten graph is derived in memory from the registered file, whose roots and id stay what they are. Each rewrite is
linted and compared before it is used: none is trusted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import onnx

from themis.exact.graph import serialize
from themis.exact.rewrite import chains, dispatch, guards, sums, tables
from themis.exact.rewrite.net import Net


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One way to change a graph."""

    apply: Callable[[Net], None]
    aims_at: tuple[str, ...]
    """Operators whose time it saves."""
    instead_of: tuple[str, ...] = ()
    """Rewrites of the same places: at most one of them makes sense."""


REWRITES: Final[Mapping[str, Rewrite]] = {
    "unguarded": Rewrite(guards.remove, ("Clip",)),
    "rows-as-products": Rewrite(sums.rows_as_products, ("ReduceSum", "Sub", "Cast"), instead_of=("added-rows",)),
    "folded-tables": Rewrite(tables.fold, ("Cast", "Sub", "Mul")),
    "added-rows": Rewrite(sums.additions, ("ReduceSum",), instead_of=("rows-as-products",)),
    "sums-as-products": Rewrite(sums.products, ("ReduceSum",)),
    "scanned-dispatch": Rewrite(dispatch.scanned, ("TopK",), instead_of=("counted-dispatch",)),
    "chained-experts": Rewrite(chains.chain, ("Mul", "DequantizeLinear", "QuantizeLinear")),
    "counted-dispatch": Rewrite(dispatch.counted, ("TopK",), instead_of=("scanned-dispatch",)),
}
"""By name, in the order in which they are applied."""


def rewrite(model: bytes, names: Sequence[str]) -> bytes:
    """Apply rewrites to a model file, in the order of REWRITES. Raises KeyError for an unknown name."""
    graph = onnx.load_from_string(model)
    for name in sorted(names, key=list(REWRITES).index):
        net = Net(graph)
        REWRITES[name].apply(net)
        graph = net.build()
    return serialize(graph)

"""Sums written as matrix products or additions, which ONNX Runtime computes faster than `ReduceSum`."""

from typing import Final

import numpy as np

from themis.exact.rewrite.net import Net

_MOST_ADDENDS: Final = 8


def products(net: Net) -> None:
    """Sum over the last axis -> product with a column of ones. ONNX Runtime sums integers in float64."""
    for node, attributes in net.of("ReduceSum"):
        name = node.input[0]
        size, known = net.size(name, -1), net.range(name)
        axes = net.constant(node.input[1]) if len(node.input) > 1 else None
        rank = net.rank(name)
        if size is None or known is None or axes is None or rank is None or attributes.get("keepdims", 1) != 1:
            continue
        if axes.tolist() in ([-1], [rank - 1]) and known.dtype in (np.int32, np.int64):
            net.replace(node.output[0], net.add("MatMul", name, np.ones((size, 1), known.dtype)))


def rows_as_products(net: Net) -> None:
    """Sum of u8 rows of a table less their zero point -> u8 product with a row of ones: no wider type on the way."""
    for node, attributes in net.of("ReduceSum"):
        centered = net.maker(node.input[0], "Sub")
        cast = None if centered is None else net.maker(centered.input[0], "Cast")
        gather = None if cast is None else net.maker(cast.input[0], "Gather")
        if centered is None or gather is None or attributes.get("keepdims", 1) != 0:
            continue
        axes, zero, rows = net.constant(node.input[1]), net.scalar(centered.input[1]), gather.output[0]
        known, count = net.range(rows), net.size(rows, 1)
        if known is None or count is None or axes is None or zero is None or net.rank(rows) != 3:  # noqa: PLR2004
            continue
        total = net.range(node.output[0])
        if known.dtype == np.uint8 and total is not None and total.dtype == np.int32 and axes.tolist() == [1]:
            ones = np.ones((1, count), np.uint8)
            product = net.add("MatMulInteger", ones, rows, np.uint8(0), np.uint8(zero))
            net.replace(node.output[0], net.add("Squeeze", product, np.array([1])))


def additions(net: Net) -> None:
    """Sum over a few rows of a folded table -> one `Gather` for each and additions."""
    for node, attributes in net.of("ReduceSum"):
        gather = net.maker(node.input[0], "Gather")
        axes = net.constant(node.input[1]) if len(node.input) > 1 else None
        if gather is None or axes is None or axes.tolist() != [1] or attributes.get("keepdims", 1) != 0:
            continue
        table, ids = gather.input
        count = net.size(ids, 1)
        if any(item.name == "axis" and item.i for item in gather.attribute) or count is None:
            continue
        if net.constant(table) is not None and net.rank(ids) == 2 and 1 <= count <= _MOST_ADDENDS:  # noqa: PLR2004
            columns = (net.add("Gather", ids, np.int64(column), axis=1) for column in range(count))
            rows = [net.add("Gather", table, column, axis=0) for column in columns]
            while len(rows) > 1:
                rows = [*rows[2:], net.add("Add", rows[0], rows[1])]
            net.replace(node.output[0], rows[0])

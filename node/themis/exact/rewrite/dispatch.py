"""Forms of the experts' dispatch: how assignments of tokens to experts come to be in the order of the experts.

The emitted form sorts twice. Where the runtime's sort is slow, scanning for hits or counting them is faster.
"""

from dataclasses import dataclass

import numpy as np
import onnx

from themis.exact.attributes import attributes
from themis.exact.rewrite.net import Net


@dataclass(frozen=True, slots=True)
class _Sort:
    """What `Emitter._sorted_by_expert` wrote."""

    key: str
    """int64 [n]: expert * n + position."""
    order: str
    inverse: str | None
    """[n], as another sort gives it."""
    hits: str
    """bool [E, n]"""


def scanned(net: Net) -> None:
    """`NonZero` of the hits lists assignments expert by expert: the order itself."""
    for sort in _sorts(net):
        net.replace(sort.order, net.add("Gather", net.add("NonZero", sort.hits), np.int64(1), axis=0))


def counted(net: Net) -> None:
    """As `scanned`; and an assignment's place is how many hits come before it, a running sum."""
    for sort in _sorts(net):
        if sort.inverse is not None:
            flat = net.add("Reshape", net.add("Cast", sort.hits, to=onnx.TensorProto.INT32), np.array([-1]))
            hits = net.add("Gather", net.add("CumSum", flat, np.int64(0)), sort.key, axis=0)
            place = net.add("Cast", net.add("Sub", hits, np.int32(1)), to=onnx.TensorProto.INT64)
            net.replace(sort.inverse, place)
    scanned(net)


def _sorts(net: Net) -> list[_Sort]:
    found = []
    for node, values in net.of("TopK"):
        key = net.maker(node.input[0], "Add")
        scaled = None if key is None else net.maker(key.input[0], "Mul")
        if key is None or scaled is None or values.get("largest", 1) or not net.maker(key.input[1], "Range"):
            continue
        hits = [user for user in net.users(scaled.input[0]) if user.op_type == "Equal" and _counts(net, user)]
        if len(hits) == 1 and _is_whole_sort(net, node, scaled.input[0]):
            again = [user for user in net.users(node.output[1]) if user.op_type == "TopK"]
            inverse = again[0].output[1] if len(again) == 1 and not attributes(again[0]).get("largest", 1) else None
            found.append(_Sort(node.input[0], node.output[1], inverse, hits[0].output[0]))
    return found


def _counts(net: Net, equal: onnx.NodeProto) -> bool:
    """Compares with 0, 1, 2... in a column."""
    column = net.constant(equal.input[1])
    return column is not None and column.ndim == 2 and column.ravel().tolist() == list(range(column.size))  # noqa: PLR2004


def _is_whole_sort(net: Net, node: onnx.NodeProto, flat: str) -> bool:
    shape = net.maker(node.input[1], "Shape")
    return shape is not None and shape.input[0] == flat and not net.users(node.output[0])

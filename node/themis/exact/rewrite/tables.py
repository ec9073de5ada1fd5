"""Arithmetic with constants done to a table's rows once, and not to every row that is read from it."""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from themis.exact.attributes import attributes
from themis.exact.rewrite.net import Net

MAX_BYTES: Final = 64 * 2**20
"""Of a folded table: int32 takes four times as much as the u8 it is made from."""
_ARITHMETIC: Final = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}


def fold(net: Net) -> None:
    """Gather of a constant, then Cast, Add, Sub or Mul with constant scalars -> Gather of the folded constant.

    A factor after a sum of rows is folded too. The linter proves that nothing overflows: it did before, and will again.
    """
    for gather, _ in net.of("Gather"):
        table = net.constant(gather.input[0])
        if table is None or table.ndim != 2 or any(item.name == "axis" and item.i for item in gather.attribute):  # noqa: PLR2004
            continue
        end, folded = gather.output[0], table
        while (user := net.only_user(end, "Cast", *_ARITHMETIC)) is not None:
            step = _applied(net, user, end, folded)
            if step is None or step.nbytes > MAX_BYTES:
                break
            end, folded = user.output[0], step
        if folded is not table:
            folded = _with_factor_of_sum(net, end, folded)
            net.replace(end, net.add("Gather", folded, gather.input[1], axis=0))


def _applied(net: Net, user: onnx.NodeProto, name: str, table: NDArray[Any]) -> NDArray[Any] | None:
    """The table after one step; None for a step that is no arithmetic with a constant scalar."""
    if user.op_type == "Cast":
        return np.asarray(table.astype(attributes(user)["to"]))
    other = net.scalar(user.input[1])
    if other is None or user.input[0] != name or table.dtype.kind != "i":
        return None
    return np.asarray(_ARITHMETIC[user.op_type](table, table.dtype.type(other)))


def _with_factor_of_sum(net: Net, end: str, table: NDArray[Any]) -> NDArray[Any]:
    total = net.only_user(end, "ReduceSum")
    scaled = None if total is None else net.only_user(total.output[0], "Mul")
    if total is None or scaled is None or scaled.input[0] != total.output[0]:
        return table
    factor = net.scalar(scaled.input[1])
    if factor is None or table.dtype.kind != "i":
        return table
    net.replace(scaled.output[0], total.output[0])
    return np.asarray(table * table.dtype.type(factor))

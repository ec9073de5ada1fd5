"""Experts one after another: what lies between an expert's two products is done for its rows alone.

The emitted form does it for the rows of all experts at once: fewer nodes, but of long batches the first rows have left
the processor's cache when the last ones come.
"""

from collections.abc import Sequence
from typing import Final

import onnx

from themis.exact.attributes import attributes
from themis.exact.rewrite.net import Net

_OF_ELEMENTS: Final = {"Add", "Sub", "Mul", "Div", "Clip", "Cast", "QuantizeLinear", "DequantizeLinear"}
_PRODUCTS: Final = ("QLinearMatMul", "MatMulInteger")


def chain(net: Net) -> None:
    """Where products of all experts are put together and their rows are parted again."""
    for whole, values in net.of("Concat"):
        if values["axis"] != 0 or (sizes := _sizes(net, whole.input)) is None:
            continue
        between, end = _until_parted(net, whole.output[0])
        if end is None or len(end.output) != len(whole.input) or list(end.input[1:]) != [sizes]:
            continue
        for part, parted in zip(whole.input, end.output, strict=True):
            net.replace(parted, _copied(net, between, {whole.output[0]: part})[end.input[0]])


def _sizes(net: Net, parts: Sequence[str]) -> str | None:
    """How many rows each expert has, where these are products of the experts' rows, in order."""
    products = [net.maker(part, *_PRODUCTS) for part in parts]
    rows = [product.input[0] for product in products if product is not None]
    split = net.maker(rows[0], "Split") if rows else None
    if split is None or list(split.output) != rows or len(split.input) == 1 or attributes(split).get("axis", 0) != 0:
        return None
    sizes: str = split.input[1]
    return sizes


def _until_parted(net: Net, whole: str) -> tuple[list[onnx.NodeProto], onnx.NodeProto | None]:
    """The nodes, in order, that do to each row what they do to all; and the one that parts rows, if there is one."""
    made, nodes, ends = {whole}, [], []
    for node in net.nodes:
        if made.isdisjoint(node.input):
            continue
        if node.op_type == "Split" and attributes(node).get("axis", 0) == 0:
            ends.append(node)
        elif _of_each_row(net, node, made):
            nodes.append(node)
            made.update(node.output)
        else:
            return [], None
    return nodes, ends[0] if len(ends) == 1 else None


def _of_each_row(net: Net, node: onnx.NodeProto, made: set[str]) -> bool:
    others = [name for name in node.input if name not in made]
    if node.op_type == "Split":
        return attributes(node).get("axis", 0) == 1 and node.input[0] in made
    return node.op_type in _OF_ELEMENTS and all(net.scalar(name) is not None for name in others if name)


def _copied(net: Net, nodes: Sequence[onnx.NodeProto], names: dict[str, str]) -> dict[str, str]:
    """The nodes once more, reading other values: what each of their values is called there."""
    for node in nodes:
        made = net.copy(node, [names.get(name, name) for name in node.input])
        names |= dict(zip(node.output, made, strict=True))
    return names

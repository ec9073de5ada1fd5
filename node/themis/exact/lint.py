"""Decides whether an ONNX graph is in the exact profile, and proves with intervals that no value leaves its range."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from themis.exact import extents
from themis.exact.attributes import attributes
from themis.exact.call import Call
from themis.exact.declare import Declarations, Range, read_declarations
from themis.exact.extents import Dims
from themis.exact.external import is_external
from themis.exact.interval import Rejected, Value, bounds, constant
from themis.exact.rules import RULES

OPSETS: Final = range(13, 18)
SLIM_ELEMENTS: Final = 4_096
"""Of a weight that ONNX's checks are given. Those whose values decide shapes are much smaller."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a model is not exact."""

    node: str
    """Operator and first output, or `model`."""
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """The linter's verdict."""

    findings: tuple[Finding, ...]
    certificate: Mapping[str, Value]
    """Proven range of every tensor that could be analyzed."""

    @property
    def exact(self) -> bool:
        return not self.findings


def lint(model: onnx.ModelProto) -> Report:
    """Check a model. One finding per cause: a node fed by a rejected one is not reported again."""
    try:
        slim = _slim(model)
        onnx.checker.check_model(slim, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(_bare(slim), check_type=True, strict_mode=True, data_prop=True)
        declared = read_declarations(model)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        return Report((Finding("model", f"is not valid ONNX: {error}"),), {})
    if findings := _structure(model):
        return Report(tuple(findings), {})
    values, findings = _sources(model.graph, declared)
    dims = _dims(inferred.graph, declared.extents)
    for node in model.graph.node:
        if any(name and name not in values for name in node.input):
            continue
        try:
            for name, value in zip(node.output, _apply(node, values, dims), strict=True):
                values[name] = value
            _add_extents(node, values, dims)
        except Rejected as verdict:
            findings.append(Finding(f"{node.op_type} -> {node.output[0]}", str(verdict)))
    return Report(tuple(findings), values)


def _slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with inputs in the place of large weights: ONNX's checks copy a model several times.

    Raises ValidationError for a weight that is not what it says.
    """
    slim, graph = onnx.ModelProto(ir_version=model.ir_version), model.graph
    slim.opset_import.extend(model.opset_import)
    slim.functions.extend(model.functions)
    slim.graph.name = graph.name
    for part in ("node", "input", "output", "value_info", "sparse_initializer"):
        getattr(slim.graph, part).extend(getattr(graph, part))
    inputs = {entry.name for entry in graph.input}
    for tensor in graph.initializer:
        if prod(tensor.dims) <= SLIM_ELEMENTS or tensor.name in inputs or is_external(tensor):
            slim.graph.initializer.append(tensor)
        else:
            onnx.checker.check_tensor(tensor)
            slim.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return slim


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the sizes that its file claims for computed tensors: only inferred ones are proof."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    return bare


def _structure(model: onnx.ModelProto) -> list[Finding]:
    """Find what is wrong with the model as a whole."""
    reasons = [
        f"imports {entry.domain or 'ai.onnx'} {entry.version}: only ai.onnx 13-17"
        for entry in model.opset_import
        if entry.domain not in ("", "ai.onnx") or entry.version not in OPSETS
    ]
    if model.functions or model.training_info or model.graph.sparse_initializer:
        reasons.append("has local functions, training graphs or sparse weights: inline or remove them")
    if any(is_external(tensor) for tensor in model.graph.initializer):
        reasons.append("keeps weights in another file: save it without external data")
    if {tensor.name for tensor in model.graph.initializer} & {entry.name for entry in model.graph.input}:
        reasons.append("has weights that a caller may replace: remove them from the graph's inputs")
    return [Finding("model", reason) for reason in reasons]


def _sources(graph: onnx.GraphProto, declared: Declarations) -> tuple[dict[str, Value], list[Finding]]:
    """Ranges of constants and graph inputs."""
    values: dict[str, Value] = {}
    findings: list[Finding] = []
    for tensor in graph.initializer:
        try:
            values[tensor.name] = constant(numpy_helper.to_array(tensor))
        except (Rejected, ValueError) as verdict:
            findings.append(Finding(f"weight {tensor.name}", str(verdict)))
    for entry in graph.input:
        try:
            values[entry.name] = _input(entry, declared)
        except Rejected as verdict:
            findings.append(Finding(f"input {entry.name}", str(verdict)))
    return values, findings


def _input(entry: onnx.ValueInfoProto, declared: Declarations) -> Value:
    if not entry.type.HasField("tensor_type"):
        raise Rejected("is no tensor")
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type))
    if dtype.kind == "f":
        raise Rejected(f"is {dtype}: inputs must be integers")
    least, most = bounds(dtype)
    found = declared.ranges.get(entry.name, Range(least, most))
    return Value(dtype, max(found.low, least), min(found.high, most))


def _dims(graph: onnx.GraphProto, declared: Mapping[str, int]) -> dict[str, Dims]:
    """Largest size of each axis of each tensor; None where neither inferred nor declared."""
    dims: dict[str, Dims] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for entry in (*graph.input, *graph.value_info, *graph.output):
        kind = entry.type.tensor_type
        if kind.HasField("shape"):
            dims[entry.name] = tuple(
                size.dim_value if size.HasField("dim_value") else declared.get(size.dim_param)
                for size in kind.shape.dim
            )
    return dims


def _add_extents(node: onnx.NodeProto, values: Mapping[str, Value], dims: dict[str, Dims]) -> None:
    """Bound the sizes of a node's outputs that inference has no name for."""
    operands = [values[name] if name else None for name in node.input]
    more = attributes(node) | {"outputs": len(node.output)}
    bounds_ = extents.found(node.op_type, [dims.get(name) for name in node.input], more, operands)
    for name, size in zip(node.output, bounds_ or (), strict=False):
        if (known := extents.tighter(dims.get(name), size)) is not None:
            dims[name] = known


def _apply(node: onnx.NodeProto, values: Mapping[str, Value], dims: Mapping[str, Dims]) -> list[Value]:
    if node.domain not in ("", "ai.onnx") or node.op_type not in RULES:
        raise Rejected("operator is not in the exact profile")
    call = Call(
        node.op_type,
        inputs=tuple(values[name] if name else None for name in node.input),
        dims=tuple(dims.get(name) for name in node.input),
        attributes=attributes(node),
        outputs=len(node.output),
        squared=len(node.input) == 2 and node.input[0] == node.input[1],  # noqa: PLR2004
    )
    return RULES[node.op_type](call)

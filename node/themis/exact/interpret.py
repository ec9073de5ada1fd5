"""The executable specification of a finished graph: each operator of the exact profile in plain NumPy integers.

`spec.py` says what blocks mean, this what operators do. Results are int64 whatever the type of the tensor, floats carry
integers, and whatever leaves its type is an error. Slow and obvious.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from themis.exact.attributes import attributes
from themis.exact.interval import bounds
from themis.exact.spec import round_half_even, truncated_quotient

Array = NDArray[Any]
Int = NDArray[np.int64]
Operator = Callable[..., Any]
ZERO: Final = np.zeros(1, np.float32)


def interpret(model: onnx.ModelProto, feed: Mapping[str, Array]) -> dict[str, Array]:
    """Run a graph that `lint` calls exact. Raises ValueError for a value outside its tensor's type."""
    return Specified(model).values(feed)


class Specified:
    """A graph that `lint` calls exact, as something to run again and again."""

    def __init__(self, model: onnx.ModelProto) -> None:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
        known = (*inferred.graph.value_info, *inferred.graph.output)
        self._graph = model.graph
        self._dtypes = {entry.name: np_type(entry.type.tensor_type.elem_type) for entry in known}
        self._constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}

    def run(self, output_names: list[str], input_feed: dict[str, Array], /) -> list[Array]:
        """As an ONNX Runtime session. Raises as `interpret`."""
        found = self.values(input_feed)
        return [found[name] for name in output_names]

    def values(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """The graph's outputs by name. Raises as `interpret`."""
        values: dict[str, Array] = {"": np.array([], np.int64), **self._constants, **feed}
        for node in self._graph.node:
            operands = [values[name] for name in node.input]
            found = OPERATORS[node.op_type](*operands, outputs=len(node.output), **attributes(node))
            for name, value in zip(node.output, found if isinstance(found, list) else [found], strict=True):
                values[name] = _typed(np.asarray(value), self._dtypes[name], f"{node.op_type} -> {name}")
        return {output.name: values[output.name] for output in self._graph.output}


def np_type(number: int) -> np.dtype[Any]:
    """NumPy's dtype for ONNX's number."""
    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(number))


def _typed(value: Array, dtype: np.dtype[Any], where: str) -> Array:
    low, high = bounds(dtype)
    if value.size and (value.min() < low or value.max() > high):
        raise ValueError(f"{where} leaves {dtype}: the graph is not exact")
    return value.astype(dtype)


def _wide(value: Array) -> Int:
    return value.astype(np.int64)


def _on_integers(combine: Callable[..., Any]) -> Operator:
    return lambda *operands, **_: combine(*map(_wide, operands))


def _moved(move: Operator) -> Operator:
    """An operator that only copies elements, and keeps its operand's type."""
    return lambda value, *rest, **options: move(value, *(_wide(item) for item in rest), **options)


def _clip(x: Array, low: Array, high: Array, **_: Any) -> Int:
    return np.clip(_wide(x), _wide(low), _wide(high))


def _bit_shift(x: Array, amount: Array, **_: Any) -> Int:
    return np.asarray(_wide(x) >> _wide(amount))


def _root(x: Array, **_: Any) -> Array:
    """In the profile a float64 of at most 2^52, whose correctly rounded root has the right floor."""
    return np.asarray(np.sqrt(x))


def _cumulated(x: Array, axis: Array, *, exclusive: int = 0, reverse: int = 0, **_: Any) -> Int:
    along = int(axis)
    wide = np.flip(_wide(x), along) if reverse else _wide(x)
    sums = np.cumsum(wide, along) - (wide if exclusive else 0)
    return np.flip(sums, along) if reverse else np.asarray(sums)


def _reduced(reduce: Callable[..., Any]) -> Operator:
    def operator(x: Array, axes: Any = None, *, keepdims: int = 1, **_: Any) -> Any:
        """The axes are an operand of ReduceSum and an attribute of the others."""
        return reduce(_wide(x), axis=None if axes is None else tuple(map(int, axes)), keepdims=bool(keepdims))

    return operator


def _argument(find: Callable[..., Any]) -> Operator:
    def operator(x: Array, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0, **_: Any) -> Int:
        wide = np.flip(_wide(x), axis) if select_last_index else _wide(x)
        found = np.expand_dims(find(wide, axis), axis)
        found = x.shape[axis] - 1 - found if select_last_index else found
        return found if keepdims else np.squeeze(found, axis)

    return operator


def _top_k(x: Array, k: Array, *, axis: int = -1, largest: int = 1, **_: Any) -> list[Int]:
    """Ties go to the lower index."""
    wide = _wide(x)
    order = np.argsort(-wide if largest else wide, axis=axis, kind="stable")
    first = np.take(order, np.arange(int(k.item())), axis)
    return [np.take_along_axis(wide, first, axis), first]


def _product(a: Array, b: Array, a_zero: Array, b_zero: Array, **_: Any) -> Int:
    """Of bytes: in whatever order they are added, sums are integers far below 2^53, and exact in float64."""
    return _wide(np.asarray(_centered(a, a_zero) @ _centered(b, b_zero)))


def _centered(x: Array, zero: Array) -> Array:
    wide = x.astype(np.float64)
    return wide - zero if zero.any() else wide


def _scaled_product(*operands: Array, **_: Any) -> Int:
    a, a_scale, a_zero, b, b_scale, b_zero, scale, zero = operands
    ratio = a_scale.astype(np.float64) * b_scale / scale  # powers of two: exact
    return _saturated(_product(a, b, a_zero, b_zero), ratio, zero)


def _quantized(x: Array, scale: Array, zero: Array, **_: Any) -> Int:
    return _saturated(_wide(x), 1 / scale.astype(np.float64), zero)


def _saturated(x: Int, ratio: Array, zero: Array) -> Int:
    """X * ratio to the nearest integer, halves to even, plus the zero point, within the zero point's type."""
    up, down = np.maximum(ratio, 1).astype(np.int64), np.maximum(1 / ratio, 1).astype(np.int64)
    info = np.iinfo(zero.dtype)
    return np.asarray(np.clip(round_half_even(x * up, down) + _wide(zero), info.min, info.max))


def _slice(
    x: Array, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None, **_: Any
) -> Array:
    where = range(len(starts)) if axes is None or not axes.size else axes.tolist()
    by = [1] * len(starts) if steps is None or not steps.size else steps.tolist()
    index: list[Any] = [slice(None)] * x.ndim
    for axis, start, end, step in zip(where, starts.tolist(), ends.tolist(), by, strict=True):
        size = x.shape[axis]
        stop = None if step < 0 and end < -size else end
        index[axis] = slice(start, stop, step)
    return np.asarray(x[tuple(index)])


def _split(x: Array, sizes: Array | None = None, *, axis: int = 0, outputs: int, **_: Any) -> list[Array]:
    if sizes is None:
        return np.array_split(x, outputs, axis)
    return np.split(x, np.cumsum(sizes)[:-1], axis)


def _gather_nd(x: Array, index: Array, **_: Any) -> Array:
    return np.asarray(x[tuple(np.moveaxis(index, -1, 0))])


def _padded(x: Array, pads: Array, filler: Array | None = None, **_: Any) -> Array:
    """Negative pads crop."""
    before, after = pads[: x.ndim], pads[x.ndim :]
    widths = np.stack([before, after], 1).clip(0)
    wide = np.pad(x, widths, constant_values=0 if filler is None or not filler.size else filler.item())
    crops = zip((-before).clip(0).tolist(), (-after).clip(0).tolist(), wide.shape, strict=True)
    return np.asarray(wide[tuple(slice(first, size - last) for first, last, size in crops)])


def _reshaped(x: Array, shape: Array, *, allowzero: int = 0, **_: Any) -> Array:
    """A size of 0 means the operand's, unless `allowzero`."""
    return x.reshape([int(size) if size or allowzero else x.shape[axis] for axis, size in enumerate(shape)])


def _squeezed(x: Array, axes: Array | None = None, **_: Any) -> Array:
    return np.squeeze(x, None if axes is None else tuple(axes.tolist()))


OPERATORS: Final[Mapping[str, Operator]] = {
    "Add": _on_integers(np.add),
    "Sub": _on_integers(np.subtract),
    "Mul": _on_integers(np.multiply),
    "Div": _on_integers(truncated_quotient),
    "Mod": _on_integers(np.mod),
    "Neg": _on_integers(np.negative),
    "Abs": _on_integers(np.abs),
    "Sign": _on_integers(np.sign),
    "Max": lambda *operands, **_: np.maximum.reduce(np.broadcast_arrays(*map(_wide, operands))),
    "Min": lambda *operands, **_: np.minimum.reduce(np.broadcast_arrays(*map(_wide, operands))),
    "Clip": _clip,
    "BitShift": _bit_shift,
    "Cast": lambda x, **_: x,
    "Sqrt": _root,
    "Floor": lambda x, **_: np.floor(x),
    "Ceil": lambda x, **_: np.ceil(x),
    "Round": lambda x, **_: np.rint(x),
    "Equal": _on_integers(np.equal),
    "Less": _on_integers(np.less),
    "LessOrEqual": _on_integers(np.less_equal),
    "Greater": _on_integers(np.greater),
    "GreaterOrEqual": _on_integers(np.greater_equal),
    "And": lambda a, b, **_: a & b,
    "Or": lambda a, b, **_: a | b,
    "Xor": lambda a, b, **_: a ^ b,
    "Not": lambda a, **_: ~a,
    "Where": lambda condition, a, b, **_: np.where(condition, a, b),
    "ReduceSum": _reduced(np.sum),
    "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min),
    "CumSum": _cumulated,
    "ArgMax": _argument(np.argmax),
    "ArgMin": _argument(np.argmin),
    "TopK": _top_k,
    "MatMul": _on_integers(np.matmul),
    "MatMulInteger": _product,
    "QLinearMatMul": _scaled_product,
    "QuantizeLinear": _quantized,
    "DequantizeLinear": lambda x, _, zero, **__: _wide(x) - _wide(zero),
    "Range": lambda start, limit, delta, **_: np.arange(int(start), int(limit), int(delta)),
    "Shape": lambda x, *, start=0, end=None, **_: np.array(x.shape[start:end], np.int64),
    "Size": lambda x, **_: np.int64(x.size),
    "NonZero": lambda x, **_: np.array(np.nonzero(x)),
    "Constant": lambda *, value, **_: value,
    "ConstantOfShape": lambda shape, *, value=ZERO, **_: np.full(shape.tolist(), value[0]),
    "Identity": _moved(lambda x, **_: x),
    "Reshape": _moved(_reshaped),
    "Flatten": _moved(lambda x, *, axis=1, **_: x.reshape(int(np.prod(x.shape[:axis])), -1)),
    "Transpose": _moved(lambda x, *, perm=None, **_: np.transpose(x, perm)),
    "Squeeze": _moved(_squeezed),
    "Unsqueeze": _moved(lambda x, axes, **_: np.expand_dims(x, tuple(axes.tolist()))),
    "Expand": _moved(lambda x, shape, **_: x * np.ones(shape.tolist(), x.dtype)),
    "Tile": _moved(lambda x, repeats, **_: np.tile(x, repeats.tolist())),
    "Slice": _moved(_slice),
    "Split": _moved(_split),
    "Concat": lambda *parts, axis, **_: np.concatenate(parts, axis),
    "Gather": _moved(lambda x, index, *, axis=0, **_: np.take(x, index, axis)),
    "GatherElements": _moved(lambda x, index, *, axis=0, **_: np.take_along_axis(x, index, axis)),
    "GatherND": _moved(_gather_nd),
    "Compress": _moved(lambda x, keep, *, axis=None, **_: np.compress(keep.astype(bool), x, axis)),
    "Pad": _moved(_padded),
}
"""By ONNX's name; `outputs` and the node's attributes come as keywords. The keys are those of `rules.RULES`."""

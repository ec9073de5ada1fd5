"""Lies about runs of a model, of many kinds: each is a trace of the right input that is not the model's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from themis.exact import program, trace
from themis.exact.attributes import attributes
from themis.exact.declare import read_declarations
from themis.exact.interpret import OPERATORS
from themis.exact.program import REDUCTIONS, WITNESS, reduced_axis
from themis.exact.referee.proof import AtHand, Prover
from themis.exact.roots import RESULT, operand_words

Array = NDArray[Any]
T = TypeVar("T")
Tensors = dict[int, Array]
Kind = Callable[["Stage", np.random.Generator], Tensors | None]
"""Gives a lie, or None where by chance it would be none."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A model and an honest run of it."""

    prover: Prover
    model: onnx.ModelProto
    honest: Mapping[int, Array]
    mine: AtHand

    @property
    def graph(self) -> program.Program:
        return self.prover.program

    def results(self, *ops: str) -> list[int]:
        """Words of what nodes give to the trace, of some operators or all."""
        words = (word for word in self.honest if word >> 248 == RESULT and word & 0xFFFFFFFF != WITNESS)
        return [word for word in words if self.honest[word].size and (not ops or self.graph.node(word).op in ops)]

    def rerun(self, changed: Mapping[str, Array], weights: Mapping[str, Array] | None = None) -> Tensors | None:
        """All tensors as they would be with some of another value, or None where that cannot be computed.

        What does not depend on these is not computed again.
        """
        words, known = operand_words(self.model.graph), constants(self.model)
        values: dict[str, Array] = {"": np.array([], np.int64), **known, **(weights or {})}
        values |= {name: self.honest[word] for word, name in self.graph.inputs.items()}
        found: Tensors = dict(self.honest)
        other = set(weights or {})
        for node, told in zip(self.graph.nodes, self.model.graph.node, strict=True):
            if other.isdisjoint(told.input) and changed.keys().isdisjoint(told.output):
                if told.op_type != "Sqrt":
                    values |= {name: self.honest[words[name]] for name in told.output}
                    continue
            else:
                other |= set(told.output)
            operands = [values[name] for name in told.input]
            try:
                made = OPERATORS[told.op_type](*operands, outputs=len(told.output), **attributes(told))
            except (ValueError, IndexError, ZeroDivisionError):
                return None
            for name, value in zip(told.output, made if isinstance(made, list) else [made], strict=True):
                array = changed.get(name, np.asarray(value))
                if (word := words.get(name, 0)) in self.honest:
                    array = found[word] = array.astype(self.honest[word].dtype)
                values[name] = array
            if node.witnessed:
                sources = tuple(None if name == "" else values[name] for name in told.input)
                found[node.word(WITNESS)] = trace.witness(node, sources)
        return found

    def name(self, word: int) -> str:
        return next(name for name, each in operand_words(self.model.graph).items() if each == word)


def constants(model: onnx.ModelProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def altered(array: Array, rng: np.random.Generator) -> Array:
    """The same with one element changed, within its type."""
    changed = array.copy()
    flat = changed.reshape(-1)
    place = int(rng.integers(flat.size))
    if array.dtype.kind == "b":
        flat[place] = not flat[place]
    elif array.dtype.kind in "iu":
        flat[place] ^= array.dtype.type(1 << int(rng.integers(8 * array.itemsize - (array.dtype.kind == "i"))))
    else:
        flat[place] += -1 if flat[place] > 0 else 1  # toward zero: what a float carries has an end
    return changed


def nudged(array: Array, rng: np.random.Generator) -> Array:
    """The same with one element changed by one."""
    changed = array.copy()
    flat = changed.reshape(-1)
    place = int(rng.integers(flat.size))
    flat[place] = not flat[place] if array.dtype.kind == "b" else int(flat[place]) + (-1 if flat[place] > 0 else 1)
    return changed


def value(stage: Stage, rng: np.random.Generator) -> Tensors:
    """One element of one tensor, and nothing that follows from it."""
    word = int(rng.choice(np.array(stage.results(), object)))
    return dict(stage.honest) | {word: altered(stage.honest[word], rng)}


def followed(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """One element, nudged by one, and all that follows from it."""
    word = int(rng.choice(np.array(stage.results(), object)))
    return stage.rerun({stage.name(word): nudged(stage.honest[word], rng)})


def _weights(stage: Stage) -> list[tuple[str, Array]]:
    return [(name, array) for name, array in constants(stage.model).items() if array.size > 64]


def coarse(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """A weight cut to its five highest bits, and used throughout."""
    name, array = pick([each for each in _weights(stage) if each[1].dtype == np.uint8], rng)
    return stage.rerun({}, {name: array >> 3 << 3})


def one_weight(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """One element of one weight."""
    name, array = pick(_weights(stage), rng)
    return stage.rerun({}, {name: altered(array, rng)})


def other_expert(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """The weights of another expert, or layer, of the same shape."""
    name, array = pick(_weights(stage), rng)
    others = [other for _, other in _weights(stage) if other.shape == array.shape and other.dtype == array.dtype]
    return stage.rerun({}, {name: others[int(rng.integers(len(others)))]})


def router(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """A router that chooses experts 0 and 1 whatever the scores."""
    words = [word for word in stage.results("TopK") if stage.honest[word].ndim > 1]
    word = int(rng.choice(np.array(words, object)))
    chosen = np.broadcast_to(np.array([0, 1]), stage.honest[word].shape).copy()
    return stage.rerun({stage.name(word): chosen})


def swapped_order(stage: Stage, rng: np.random.Generator) -> Tensors:
    """Two neighbors of an order in each other's place."""
    words = [word for word in stage.results("TopK") if stage.honest[word].shape[-1] > 1]
    word = int(rng.choice(np.array(words, object)))
    array = stage.honest[word].copy()
    rows = array.reshape(-1, array.shape[-1])
    row, place = int(rng.integers(len(rows))), int(rng.integers(array.shape[-1] - 1))
    rows[row, [place, place + 1]] = rows[row, [place + 1, place]]
    return dict(stage.honest) | {word: rows.reshape(array.shape)}


def shape(stage: Stage, rng: np.random.Generator) -> Tensors:
    """A tensor of another shape: an axis more, a row less, or its axes in another order."""
    word = int(rng.choice(np.array([word for word in stage.honest if word >> 248 == RESULT], object)))
    array = stage.honest[word]
    forms = [array[None], array.reshape(*array.shape, 1)]
    if array.ndim and len(array):
        forms += [array[:-1], np.concatenate([array, array[:1]])]
    if array.ndim > 1 and array.shape[0] != array.shape[1]:
        forms.append(array.swapaxes(0, 1))
    return dict(stage.honest) | {word: forms[int(rng.integers(len(forms)))]}


def carrier(stage: Stage, rng: np.random.Generator) -> Tensors:
    """The same numbers in another type."""
    word = int(rng.choice(np.array(stage.results(), object)))
    array = stage.honest[word]
    return dict(stage.honest) | {word: array.astype(np.int32 if array.dtype != np.int32 else np.int64)}


def exchanged(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """Two tensors in each other's place."""
    one, other = (int(word) for word in rng.choice(np.array(stage.results(), object), 2, replace=False))
    return dict(stage.honest) | {one: stage.honest[other], other: stage.honest[one]}


def absent(stage: Stage, rng: np.random.Generator) -> Tensors:
    """A tensor less."""
    gone = int(rng.choice(np.array(list(stage.honest), object)))
    return {word: array for word, array in stage.honest.items() if word != gone}


def witness(stage: Stage, rng: np.random.Generator) -> Tensors:
    """A witness that is none."""
    words = [word for word in stage.honest if word & 0xFFFFFFFF == WITNESS and stage.honest[word].size]
    word = int(rng.choice(np.array(words, object)))
    return dict(stage.honest) | {word: altered(stage.honest[word], rng)}


def result_with_witness(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """A reduction's result and its witness, both wrong and of one mind, and all that follows."""
    words = [word for word in stage.results(*REDUCTIONS) if stage.honest[word | WITNESS].size]
    word = int(rng.choice(np.array(words, object)))
    result, running = nudged(stage.honest[word], rng), stage.honest[word | WITNESS].copy()
    node = stage.graph.node(word)
    source = node.operands[1] if len(node.operands) > 1 else None
    axes = None if source is None or source.constant is None else source.constant.ravel().tolist()
    last = np.moveaxis(running, reduced_axis(node, axes, running.ndim), 0)[-1:]
    last[...] = result.reshape(last.shape)
    found = stage.rerun({stage.name(word): result})
    return None if found is None else found | {word | WITNESS: running}


def out_of_range(stage: Stage, rng: np.random.Generator) -> Tensors:
    """Inputs that the proof of exactness does not cover."""
    ranges = read_declarations(stage.model).ranges
    words = [word for word, name in stage.graph.inputs.items() if name in ranges]
    word = int(rng.choice(np.array(words, object)))
    array, span = stage.honest[word].copy(), ranges[stage.graph.inputs[word]]
    array.reshape(-1)[int(rng.integers(array.size))] = rng.choice([span.low - 1, span.high + 1])
    return dict(stage.honest) | {word: array}


def pick(choices: Sequence[T], rng: np.random.Generator) -> T:
    return choices[int(rng.integers(len(choices)))]


KINDS: Final[Mapping[str, Kind]] = {
    "value": value,
    "value followed": followed,
    "coarse weight": coarse,
    "one weight": one_weight,
    "another expert's weight": other_expert,
    "forced router": router,
    "swapped order": swapped_order,
    "shape": shape,
    "type": carrier,
    "exchanged tensors": exchanged,
    "absent tensor": absent,
    "witness": witness,
    "result with witness": result_with_witness,
    "input out of range": out_of_range,
}

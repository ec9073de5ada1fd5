"""Lies about runs of the shipped models, and whether the referee convicts each: `make lies` prints and stores them.

A lie is a trace of the right input that is not the model's, of many kinds; the answer that it leads to does not matter.
The challenger holds it against its own trace, accuses the first tensor that differs, and the referee rules on what the
liar's own trace says there. Then the honest trace is accused, everywhere by chance: nothing may convict it.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from themis.bundles import bundle
from themis.engine import batch, preprocess
from themis.exact import program, trace
from themis.exact.attributes import attributes
from themis.exact.declare import read_declarations
from themis.exact.interpret import OPERATORS
from themis.exact.program import WITNESS
from themis.exact.referee import accuse, judge, order
from themis.exact.referee.case import Arrays, Undefined
from themis.exact.referee.judge import Accusation, WrongElement, WrongKind, WrongOrder
from themis.exact.roots import INPUT, RESULT, operand_words

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks/lies.json"
MODELS: Final = ("selftest-moe", "evm-risk-moe")
INPUTS: Final = 3
"""Golden inputs of each model, the shortest."""

Array = NDArray[Any]
Tensors = dict[int, Array]
Kind = Callable[["Stage", np.random.Generator], Tensors | None]
"""Gives a lie, or None where by chance it would be none."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A model and an honest run of it."""

    model: onnx.ModelProto
    graph: program.Program
    honest: Mapping[int, Array]

    def results(self, *ops: str) -> list[int]:
        """Words of what nodes give to the trace, of some operators or all."""
        words = (word for word in self.honest if word >> 248 == RESULT and word & 0xFFFFFFFF != WITNESS)
        return [word for word in words if self.honest[word].size and (not ops or self.graph.node(word).op in ops)]

    def rerun(self, changed: Mapping[str, Array], weights: Mapping[str, Array] | None = None) -> Tensors | None:
        """All tensors as they would be with some of another value, or None where that cannot be computed."""
        words, constants = operand_words(self.model.graph), _constants(self.model)
        values: dict[str, Array] = {"": np.array([], np.int64), **constants, **(weights or {})}
        values |= {name: self.honest[word] for word, name in self.graph.inputs.items()}
        found: Tensors = {word: array for word, array in self.honest.items() if word >> 248 == INPUT}
        for node, told in zip(self.graph.nodes, self.model.graph.node, strict=True):
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


def _constants(model: onnx.ModelProto) -> dict[str, Array]:
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


def value(stage: Stage, rng: np.random.Generator) -> Tensors:
    """One element of one tensor, and nothing that follows from it."""
    word = int(rng.choice(np.array(stage.results(), object)))
    return dict(stage.honest) | {word: altered(stage.honest[word], rng)}


def followed(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """One element, nudged by one, and all that follows from it."""
    word = int(rng.choice(np.array(stage.results(), object)))
    array = stage.honest[word].copy()
    flat = array.reshape(-1)
    place = int(rng.integers(flat.size))
    flat[place] = not flat[place] if array.dtype.kind == "b" else int(flat[place]) + (-1 if flat[place] > 0 else 1)
    return stage.rerun({stage.name(word): array})


def _weights(stage: Stage) -> list[tuple[str, Array]]:
    return [(name, array) for name, array in _constants(stage.model).items() if array.size > 64]


def coarse(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """A weight cut to its five highest bits, and used throughout."""
    name, array = _pick([each for each in _weights(stage) if each[1].dtype == np.uint8], rng)
    return stage.rerun({}, {name: array >> 3 << 3})


def one_weight(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """One element of one weight."""
    name, array = _pick(_weights(stage), rng)
    return stage.rerun({}, {name: altered(array, rng)})


def other_expert(stage: Stage, rng: np.random.Generator) -> Tensors | None:
    """The weights of another expert, or layer, of the same shape."""
    name, array = _pick(_weights(stage), rng)
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


def out_of_range(stage: Stage, rng: np.random.Generator) -> Tensors:
    """Inputs that the proof of exactness does not cover."""
    ranges = read_declarations(stage.model).ranges
    words = [word for word, name in stage.graph.inputs.items() if name in ranges]
    word = int(rng.choice(np.array(words, object)))
    array, span = stage.honest[word].copy(), ranges[stage.graph.inputs[word]]
    array.reshape(-1)[int(rng.integers(array.size))] = rng.choice([span.low - 1, span.high + 1])
    return dict(stage.honest) | {word: array}


def _pick(choices: list[tuple[str, Array]], rng: np.random.Generator) -> tuple[str, Array]:
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
    "input out of range": out_of_range,
}


def stages() -> Iterator[Stage]:
    """Both models, each with its shortest golden inputs."""
    for name in MODELS:
        loaded = bundle.load(ROOT / "models" / name)
        model = onnx.load_from_string(loaded.model)
        graph, preparation = program.read(model), preprocess.find(loaded.manifest.preprocessing)
        for golden in sorted(loaded.golden, key=lambda entry: len(entry.input))[:INPUTS]:
            sample = preparation.prepare(golden.input, golden.code)
            feed = batch.collate([sample], loaded.dtypes, loaded.declared)
            yield Stage(model, graph, dict(trace.tensors(model, graph, feed)))


def convicted(stage: Stage, claimed: Mapping[int, Array]) -> bool | None:
    """Whether an honest challenger convicts; None where there is nothing to be accused of."""
    declared, found = read_declarations(stage.model), None
    for accusation in accuse.accusations(stage.graph, claimed, stage.honest):
        try:
            found = judge.rule(stage.graph, Arrays(claimed), accusation, declared).convicted
        except Undefined:
            found = False
        if found:
            return True
    return found


def chance(stage: Stage, rng: np.random.Generator) -> Accusation:
    """Some accusation against the honest trace."""
    word = int(rng.choice(np.array([word for word in stage.honest if word >> 248 == RESULT], object)))
    array = stage.honest[word]
    if not array.size or rng.integers(20) == 0:
        return WrongKind(word)
    index = tuple(int(rng.integers(size)) for size in array.shape)
    node = stage.graph.node(word)
    if node.op != "TopK" or word & 0xFFFFFFFF != order.INDICES:
        return WrongElement(word, index)
    source = node.operands[0]
    keys = 0 if source is None else stage.honest[source.word].shape[-1]
    return WrongOrder(word, index, None if rng.integers(2) else int(rng.integers(keys)))


def play(lies: int, honest: int, seed: int) -> dict[str, Any]:
    """So many lies of each kind and accusations of honest traces, over all stages in turn."""
    rng = np.random.default_rng(seed)
    kinds = {name: Counter({"lies": 0, "convicted": 0, "escaped": 0}) for name in KINDS}
    truth = Counter({"elements": 0, "convictable": 0})
    setting = list(stages())
    for name, make in KINDS.items():
        for number in range(lies):
            stage = setting[number % len(setting)]
            claimed = make(stage, rng)
            verdict = None if claimed is None else convicted(stage, claimed)
            if verdict is not None:
                kinds[name].update({"lies": 1, "convicted" if verdict else "escaped": 1})
    for number in range(honest):
        stage = setting[number % len(setting)]
        declared = read_declarations(stage.model)
        ruling = judge.rule(stage.graph, Arrays(stage.honest), chance(stage, rng), declared)
        truth.update({"elements": 1, "convictable": int(ruling.convicted)})
    return {"kinds": {name: dict(counts) for name, counts in kinds.items()}, "honest": dict(truth)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lies", type=int, default=900, help="of each kind")
    parser.add_argument("--honest", type=int, default=100_000, help="accusations of honest traces")
    chosen = parser.parse_args()
    found = play(chosen.lies, chosen.honest, 15)
    for name, counts in found["kinds"].items():
        print(f"{name:26} {counts['lies']:6,} lies {counts['convicted']:6,} convicted {counts['escaped']:4,} escaped")
    print(f"{'honest':26} {found['honest']['elements']:6,} accused {found['honest']['convictable']:4,} convictable")
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    return int(any(counts["escaped"] for counts in found["kinds"].values()) or found["honest"]["convictable"] > 0)


if __name__ == "__main__":
    sys.exit(main())

"""Lies about runs of the shipped models, and whether the referee convicts each: `make lies` prints and stores them.

A lie is a trace of the right input that is not the model's, of many kinds; the answer that it leads to does not matter.
The challenger knows its root and its own trace, and sees what the liar shows when it asks, as on a chain; the referee
rules on that alone. Then the honest trace is accused, everywhere by chance: nothing may convict it.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from tests import integrity_kit
from tests.dispute_kit import Forged, Nothing, Played, convicts, forged
from tests.dispute_kit import play as play_game
from themis.bundles import bundle
from themis.bundles.bundle import Bundle, Golden
from themis.core.merkle import Tree, sha256
from themis.engine import batch, preprocess
from themis.exact import program, trace
from themis.exact.attributes import attributes
from themis.exact.declare import read_declarations
from themis.exact.interpret import OPERATORS
from themis.exact.program import REDUCTIONS, WITNESS, reduced_axis
from themis.exact.referee import judge, order
from themis.exact.referee.case import Arrays
from themis.exact.referee.judge import Accusation, WrongElement, WrongKind, WrongOrder
from themis.exact.referee.proof import AtHand, Prover
from themis.exact.roots import RESULT, operand_words

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks/lies.json"
MODELS: Final = ("selftest-moe", "evm-risk-moe")
INPUTS: Final = 3
"""Golden inputs of each model, the shortest."""

MOST_SHOWN: Final = 1_000
"""Questions that a liar answers."""

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


def _pick(choices: Sequence[T], rng: np.random.Generator) -> T:
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


def spoiled_header(stage: Stage, rng: np.random.Generator) -> Forged:
    """A leaf of the trace that is none."""
    return _with_header(stage, rng, lambda headers, place: [integrity_kit.spoiled(headers[place], rng)])


def header_twice(stage: Stage, rng: np.random.Generator) -> Forged:
    return _with_header(stage, rng, lambda headers, place: [headers[place]] * 2)


def tensor_too_many(stage: Stage, rng: np.random.Generator) -> Forged:
    """Up to a hundred that the program does not give, behind one that it does."""

    def more(headers: list[bytes], place: int) -> list[bytes]:
        numbers = range(10, 10 + int(rng.integers(1, 100)))
        return [headers[place], *(integrity_kit.renamed(headers[place], stage.mine.words[place] + n) for n in numbers)]

    return _with_header(stage, rng, more)


def _with_header(stage: Stage, rng: np.random.Generator, change: Callable[[list[bytes], int], list[bytes]]) -> Forged:
    headers = list(stage.mine.headers.leaves)
    place = int(rng.integers(len(headers)))
    return Forged(stage.mine, Tree([*headers[:place], *change(headers, place), *headers[place + 1 :]], sha256))


def misfit(stage: Stage, rng: np.random.Generator) -> Forged:
    """A tensor with a leaf more, or with one that is too long."""
    place = int(rng.integers(len(stage.mine.words)))
    word = stage.mine.words[place]
    body = list(stage.mine.tree(word).leaves)
    at = int(rng.integers(len(body)))
    other = [*body, body[-1]] if rng.integers(2) else [*body[:at], body[at] + b"\x00", *body[at + 1 :]]
    tree, headers = Tree(other, sha256), list(stage.mine.headers.leaves)
    headers[place] = headers[place][:96] + tree.root + headers[place][128:]
    return Forged(stage.mine, Tree(headers, sha256), {word: tree})


def nothing(stage: Stage, _: np.random.Generator) -> Forged:
    """A root over nothing that anybody knows."""
    return Nothing(stage.mine, stage.mine.headers)


FORGERIES: Final[Mapping[str, Callable[[Stage, np.random.Generator], Forged]]] = {
    "spoiled header": spoiled_header,
    "header twice": header_twice,
    "tensor too many": tensor_too_many,
    "leaves that do not fit": misfit,
    "root of nothing": nothing,
}
"""Claims that no run gives, whatever the model."""
WITHHELD: Final = "withheld"
"""A lie of any kind by whoever shows no more after some questions."""


def stages() -> Iterator[Stage]:
    """Both models, each with its shortest golden inputs."""
    for name in MODELS:
        loaded = bundle.load(ROOT / "models" / name)
        shortest = sorted(loaded.golden, key=lambda entry: len(entry.input))[:INPUTS]
        yield from staged(loaded, shortest)


def staged(loaded: Bundle, chosen: Iterable[Golden]) -> Iterator[Stage]:
    """A model and honest runs of it."""
    model, preparation = onnx.load_from_string(loaded.model), preprocess.find(loaded.manifest.preprocessing)
    prover = Prover(model)
    for golden in chosen:
        sample = preparation.prepare(golden.input, golden.code)
        feed = batch.collate([sample], loaded.dtypes, loaded.declared)
        honest = dict(trace.tensors(model, prover.program, feed))
        yield Stage(prover, model, honest, AtHand(honest))


def game(stage: Stage, claimed: Tensors | Forged, shows: int = MOST_SHOWN) -> Played | None:
    """How a challenger plays against it; None where it is the honest trace."""
    liar = claimed if isinstance(claimed, Forged) else forged(stage.mine, claimed)
    return None if liar.root == stage.mine.root else play_game(stage.prover, stage.mine, liar, shows=shows)


def told(stage: Stage, kind: str, rng: np.random.Generator) -> Played | None:
    """A lie of a kind, played; None where by chance it is none."""
    if kind in FORGERIES:
        return game(stage, FORGERIES[kind](stage, rng))
    claimed = (_pick(list(KINDS.values()), rng) if kind == WITHHELD else KINDS[kind])(stage, rng)
    if claimed is None:
        return None
    return game(stage, claimed, int(rng.integers(3)) if kind == WITHHELD else MOST_SHOWN)


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


ALL: Final = (*KINDS, *FORGERIES, WITHHELD)


def play(lies: int, honest: int, seed: int) -> dict[str, Any]:
    """So many lies of each kind and accusations of honest traces, over all stages in turn."""
    rng = np.random.default_rng(seed)
    kinds = {name: Counter({"lies": 0, "convicted": 0, "escaped": 0, "moves": 0}) for name in ALL}
    truth = Counter({"elements": 0, "convictable": 0})
    setting = list(stages())
    for name in ALL:
        for number in range(lies):
            stage = setting[number % len(setting)]
            if (played := told(stage, name, rng)) is not None:
                kinds[name].update({"lies": 1, "convicted" if convicts(stage.prover, played) else "escaped": 1})
                kinds[name]["moves"] = max(kinds[name]["moves"], played.moves)
    for number in range(honest):
        stage = setting[number % len(setting)]
        declared = read_declarations(stage.model)
        ruling = judge.rule(stage.graph, Arrays(stage.honest), chance(stage, rng), declared)
        truth.update({"elements": 1, "convictable": int(ruling.convicted)})
    return {"kinds": {name: dict(counts) for name, counts in kinds.items()}, "honest": dict(truth)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lies", type=int, default=560, help="of each kind")
    parser.add_argument("--honest", type=int, default=100_000, help="accusations of honest traces")
    chosen = parser.parse_args()
    found = play(chosen.lies, chosen.honest, 15)
    for name, counts in found["kinds"].items():
        print(
            f"{name:26} {counts['lies']:6,} lies {counts['convicted']:6,} convicted {counts['escaped']:4,} escaped, "
            f"{counts['moves']:2} moves at most"
        )
    print(f"{'honest':26} {found['honest']['elements']:6,} accused {found['honest']['convictable']:4,} convictable")
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    return int(any(counts["escaped"] for counts in found["kinds"].values()) or found["honest"]["convictable"] > 0)


if __name__ == "__main__":
    sys.exit(main())

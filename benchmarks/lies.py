"""Lies about runs of the shipped models, and whether the referee convicts each: `make lies` prints and stores them.

A lie is a trace of the right input that is not the model's, of many kinds; the answer that it leads to does not matter.
The challenger knows its root and its own trace, and sees what the liar shows when it asks, as on a chain; the referee
rules on that alone. Then the honest trace is accused, everywhere by chance: nothing may convict it.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from benchmarks import liars
from benchmarks.liars import Stage, Tensors
from tests import integrity_kit
from tests.dispute_kit import Forged, Nothing, Played, convicts, forged
from tests.dispute_kit import play as play_game
from themis.bundles import bundle
from themis.bundles.bundle import Bundle, Golden
from themis.core.merkle import Tree, sha256
from themis.engine import batch, preprocess
from themis.exact import trace
from themis.exact.declare import read_declarations
from themis.exact.referee import judge, order
from themis.exact.referee.case import Arrays
from themis.exact.referee.judge import Accusation, WrongElement, WrongKind, WrongOrder
from themis.exact.referee.proof import AtHand, Prover
from themis.exact.roots import RESULT

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks/lies.json"
MODELS: Final = ("selftest-moe", "evm-risk-moe")
INPUTS: Final = 3
"""Golden inputs of each model, the shortest."""

MOST_SHOWN: Final = 1_000
"""Questions that a liar answers."""


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
    claimed = (liars.pick(list(liars.KINDS.values()), rng) if kind == WITHHELD else liars.KINDS[kind])(stage, rng)
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


ALL: Final = (*liars.KINDS, *FORGERIES, WITHHELD)


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
    kept = json.loads(RESULTS.read_text()).get("gas", {}) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(found | {"gas": kept}, indent=2) + "\n")
    return int(any(counts["escaped"] for counts in found["kinds"].values()) or found["honest"]["convictable"] > 0)


if __name__ == "__main__":
    sys.exit(main())

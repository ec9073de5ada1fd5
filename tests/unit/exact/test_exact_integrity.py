"""What is committed to is a trace, or is convicted of being none: by its bytes, before any element is looked at."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.homes import RISK, SELFTEST
from tests.integrity_kit import Claimed, claimed, crooked, spoiled
from tests.referee_cases import OPERATORS, drawn
from tests.referee_kit import Bench
from themis.bundles.bundle import MODEL
from themis.exact.program import Program, read
from themis.exact.referee import integrity
from themis.exact.referee.integrity import Named
from themis.exact.roots import program_leaves

SEEDS = range(3)


def named(graph: Program, leaves: list[bytes], word: int, before: int | None) -> Iterator[tuple[int, int]]:
    """Where the program names a tensor."""
    left = None if before is None else header(before)
    for number, place in integrity.evidence(graph, word):
        with suppress(ValueError):
            integrity.missing(word, Named(leaves[number], number, place), left, None)
            yield number, place


def header(word: int) -> bytes:
    """Of a tensor without axes."""
    return b"".join(each.to_bytes(32, "big") for each in (word, 7, 128, 0, 0))


@pytest.mark.parametrize("op", OPERATORS)
def test_honest_traces_are_whole_and_what_is_not_is_convicted(op: str) -> None:
    for seed in SEEDS:
        model, feed = drawn(op, seed)
        rng, tensors = np.random.default_rng(seed), Bench(model).honest(feed)
        honest, words = claimed(model, tensors), sorted(tensors)
        assert not any(asked.convicted for asked in honest.everything())
        headers, leaves = list(honest.headers.leaves), program_leaves(model)
        for place, word in enumerate(words):
            changed = [*headers[:place], spoiled(headers[place], rng), *headers[place + 1 :]]
            assert Claimed(model, changed, {}).unread(place).convicted
            body = honest.bodies[place]
            for other in ([*body, b""], [*body[:-1], body[-1] + b"\x00"], [body[0] + b"\x01", *body[1:]]):
                liar = crooked(honest, model, place, other)
                assert liar.misfit(place, 0).convicted or liar.misfit(place, len(other) - 1).convicted
            if place + 1 < len(words):
                swapped = [*headers[:place], headers[place + 1], headers[place], *headers[place + 2 :]]
                assert Claimed(model, swapped, {}).unordered(place).convicted
                twice = [*headers[:place], headers[place], headers[place], *headers[place + 1 :]]
                assert Claimed(model, twice, {}).unordered(place).convicted
            found = next(named(read(model), leaves, word, words[place - 1] if place else None))
            assert not honest.missing(word, *found).convicted
            if len(words) > 1:
                less = claimed(model, {other: tensors[other] for other in words if other != word})
                assert less.missing(word, *found).convicted


@pytest.mark.parametrize("path", [SELFTEST, RISK], ids=lambda path: path.name)
def test_every_tensor_of_a_shipped_model_is_named_by_a_leaf_of_its_program(path: Path) -> None:
    model = onnx.load(path / MODEL)
    leaves, graph = program_leaves(model), read(model)
    for place, word in enumerate(graph.traced):
        before = graph.traced[place - 1] if place else None
        assert next(named(graph, leaves, word, before), None) is not None, hex(word)


def test_no_leaf_names_what_a_trace_does_not_have() -> None:
    """A root that Floor reads, a tensor of another node, a witness of what has none."""
    model, feed = drawn("Sqrt", 1)
    leaves, graph = program_leaves(model), read(model)
    root = graph.nodes[0].word(0)
    assert root not in graph.traced
    for word in (root, root | 1 << 16, graph.nodes[1].word(3), 3 << 248, 1 << 248 | 9):
        for number in range(len(leaves)):
            with pytest.raises(ValueError, match="does not name"):
                integrity.missing(word, Named(leaves[number], number, 0), None, None)
    assert len(Bench(model).honest(feed)) == len(graph.traced)

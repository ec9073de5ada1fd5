"""What is committed to is a trace, or is convicted of being none: by its bytes, before any element is looked at."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.homes import RISK, SELFTEST
from tests.integrity_kit import Claimed, claimed, crooked, renamed, spoiled
from tests.referee_cases import OPERATORS, drawn
from tests.referee_kit import Bench
from themis.bundles.bundle import MODEL
from themis.exact.program import read
from themis.exact.referee import integrity
from themis.exact.referee.integrity import Said
from themis.exact.roots import program_leaves

SEEDS = range(3)


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
            number = integrity.giver(word)
            assert not honest.missing(word, number).convicted
            if len(words) > 1:
                less = claimed(model, {other: tensors[other] for other in words if other != word})
                assert less.missing(word, number).convicted
            for extra in (word | 7, word | 1 << 64, 1 << 248 | 9, 2 << 248 | len(leaves) << 32):
                more = Claimed(model, [*headers[:place], renamed(headers[place], extra), *headers[place + 1 :]], {})
                assert more.surplus(place, min(integrity.giver(extra), len(leaves) - 1)).convicted


@pytest.mark.parametrize("path", [SELFTEST, RISK], ids=lambda path: path.name)
def test_every_tensor_of_a_shipped_model_is_given_by_a_leaf_of_its_program(path: Path) -> None:
    model = onnx.load(path / MODEL)
    leaves = program_leaves(model)
    for word in read(model).traced:
        number = integrity.giver(word)
        assert integrity.missing(word, Said(leaves[number], number, len(leaves)), None, None), hex(word)


def test_no_leaf_gives_what_a_trace_does_not_have() -> None:
    """A root that Floor reads, a tensor of another node, a witness of what has none."""
    model, feed = drawn("Sqrt", 1)
    leaves, graph = program_leaves(model), read(model)
    root = graph.nodes[0].word(0)
    assert root not in graph.traced
    for word in (root, root | 1 << 16, graph.nodes[1].word(3), 3 << 248, 1 << 248 | 9):
        for number in range(len(leaves)):
            with pytest.raises(ValueError, match="does not give"):
                integrity.missing(word, Said(leaves[number], number, len(leaves)), None, None)
    assert len(Bench(model).honest(feed)) == len(graph.traced)

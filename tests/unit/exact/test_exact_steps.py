"""A decoder's runs are refereed whole: every node, the choice of the token, and what each run takes from the last."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from benchmarks.liars import altered
from tests import small_decoders as small
from tests.referee_kit import Bench
from tests.unit.exact.test_exact_decoder_blocks import Caches, feed, graph, kept
from themis.exact import program
from themis.exact.referee import steps
from themis.exact.referee.forms import unrefereed
from themis.exact.referee.steps import Steps, WrongInput
from themis.exact.trace import Trace, commit

PIECES = ([3, 1, 4], [1, 5])
RUNS = 4
Arrays = dict[int, NDArray[np.generic]]


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return graph(small.numbers(7, tied=False))


@pytest.fixture(scope="module")
def runs(model: onnx.ModelProto) -> list[Arrays]:
    """All tensors of each run that answers a question."""
    bench, found, past, caches, tokens = Bench(model), [], 0, Caches(), PIECES[0]
    for run in range(RUNS):
        arrays = bench.honest(feed(tokens, caches, past))
        outputs = {name: arrays[word] for name, word in bench.program.outputs.items()}
        found.append(arrays)
        past, caches = past + len(tokens), kept(outputs)
        tokens = PIECES[run + 1] if run + 1 < len(PIECES) else [int(outputs["best"][0, -1])]
    return found


def claimed(runs: list[Arrays]) -> list[Trace]:
    return [Trace(tuple(commit(word, array) for word, array in arrays.items())) for arrays in runs]


def test_every_node_of_a_decoder_is_refereed_but_a_tied_table(model: onnx.ModelProto) -> None:
    assert unrefereed(model) == ()
    (tied,) = unrefereed(graph(small.numbers(7)))
    assert tied.node.startswith("Gather")
    assert "committed to by columns" in tied.reason


def test_an_honest_answer_is_accused_of_nothing(model: onnx.ModelProto, runs: list[Arrays]) -> None:
    court, claim = Steps(program.read(model), PIECES), claimed(runs)
    assert court.accusations(claim) == []
    assert len({steps.root(claim), steps.root(claim[:-1]), steps.root(claim[::-1])}) == 3


def test_whoever_takes_another_token_cache_or_place_is_convicted(model: onnx.ModelProto, runs: list[Arrays]) -> None:
    court, rng = Steps(program.read(model), PIECES), np.random.default_rng(1)
    for run in range(RUNS):
        for word, name in court.program.inputs.items():
            if runs[run][word].size == 0:
                lie = np.zeros([max(1, size) for size in runs[run][word].shape], np.uint8)
            else:
                lie = altered(runs[run][word], rng)
            false = claimed([arrays | {word: lie} if at == run else arrays for at, arrays in enumerate(runs)])
            assert court.accusations(false) == [WrongInput(run, word)], name
    without = claimed(runs)
    without[2] = Trace(without[2].headers[1:])
    assert court.accusations(without) == [WrongInput(2, claimed(runs)[2].headers[0].word)]


def test_a_token_that_is_not_the_best_is_convicted_by_its_own_run(model: onnx.ModelProto, runs: list[Arrays]) -> None:
    """With the next run following it, so that runs agree: the lie is then in one of the run's own nodes."""
    bench, honest = Bench(model), runs[2]
    word = bench.program.outputs["best"]
    node = bench.program.node(word)
    source = node.operands[0]
    assert source is not None
    other = (honest[word] + 1) % small.VOCABULARY
    false = honest | {word: other, source.word: other.reshape(honest[source.word].shape)}
    assert bench.challenged(false, honest) is not None
    assert Steps(bench.program, PIECES).accusations(claimed([*runs[:2], false])) == []


def test_a_header_is_type_shape_and_root(model: onnx.ModelProto, runs: list[Arrays]) -> None:
    court, claim = Steps(program.read(model), PIECES), claimed(runs)
    first = claim[1].headers[0]
    for other in (replace(first, dtype=np.dtype(np.int32)), replace(first, shape=(2, 1))):
        claim[1] = Trace((other, *claim[1].headers[1:]))
        assert court.convicted(claim, WrongInput(1, first.word))

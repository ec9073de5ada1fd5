"""The referee's contracts rule as Python does, on every operator: accusations at random, by `tests/fuzz_referee.py`."""

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks import liars, lies
from benchmarks.liars import Stage
from tests import fuzz_referee, integrity_kit
from tests.dispute_kit import convicts
from tests.fuzz_referee import Contracts
from tests.integrity_kit import Asked, Claimed
from tests.referee_cases import OPERATORS, drawn
from tests.referee_kit import Bench
from themis.dispute.search import WrongInput
from themis.exact.referee import integrity

ELEMENTS = 500
"""Of each operator."""


@pytest.fixture(scope="module")
def there() -> Iterator[Contracts]:
    with fuzz_referee.contracts() as found:
        yield found


@pytest.mark.parametrize("op", OPERATORS)
def test_contract_specification_and_onnx_runtime_agree(op: str, there: Contracts) -> None:
    counts = fuzz_referee.compare(there, op, ELEMENTS)
    assert counts[True] > 0
    assert counts[False] > ELEMENTS / 2


def agreed(there: Contracts, asked: Asked) -> bool:
    """Whether the contract rules as Python does; where Python says that the fault is another, it reverts."""
    try:
        return there.rule("Integrity", asked.call) == asked.convicted
    except RuntimeError:
        return asked.convicted is None


@pytest.mark.parametrize("op", ["Add", "QLinearMatMul", "ReduceSum", "Sqrt", "TopK", "Transpose"])
def test_contract_and_specification_agree_on_what_is_a_trace(op: str, there: Contracts) -> None:
    rulings = []
    for seed in range(3):
        model, feed = drawn(op, seed)
        rng, tensors = np.random.default_rng(seed), Bench(model).honest(feed)
        honest, words = integrity_kit.claimed(model, tensors), sorted(tensors)
        asked = list(honest.everything())
        headers = list(honest.headers.leaves)
        for place, word in enumerate(words):
            changed = [*headers[:place], integrity_kit.spoiled(headers[place], rng), *headers[place + 1 :]]
            asked += Claimed(model, changed, honest.bodies).everything()
            body = honest.bodies[place]
            for other in ([*body, b""], [*body[:-1], body[-1] + b"\x00"]):
                asked.append(integrity_kit.crooked(honest, model, place, other).misfit(place, len(other) - 1))
            asked += Claimed(model, [*headers[: place + 1], *headers[place:]], {}).everything()
            less = integrity_kit.claimed(model, {other: tensors[other] for other in words if other != word})
            number, last = integrity.giver(word), len(honest.program.leaves) - 1
            asked += [honest.missing(word, number), *([less.missing(word, number)] if len(words) > 1 else [])]
            for extra in (word | 7, word | 1 << 64, 1 << 248 | 9, 2 << 248 | (last + 1) << 32):
                changed = [*headers[:place], integrity_kit.renamed(headers[place], extra), *headers[place + 1 :]]
                asked.append(Claimed(model, changed, {}).surplus(place, min(integrity.giver(extra), last)))
        assert [each.name for each in asked if not agreed(there, each)] == []
        rulings += [(each.name, each.convicted) for each in asked]
    assert {name for name, convicted in rulings if convicted} >= {"unread", "unordered", "misfit", "missing", "surplus"}
    assert {convicted for _, convicted in rulings} == {True, False, None}


@pytest.fixture(scope="module")
def stage() -> Stage:
    """A shipped model and an honest run of it."""
    return next(lies.stages())


@pytest.mark.parametrize("kind", [*liars.KINDS, *lies.FORGERIES])
def test_a_lie_about_a_shipped_model_is_convicted_on_the_chain(kind: str, stage: Stage, there: Contracts) -> None:
    """By what the liar shows; what inputs are is for an adaptor to say, here Python does."""
    told = (lies.told(stage, kind, np.random.default_rng(seed)) for seed in range(50))
    played = next(found for found in told if found is not None)
    if played.charge is None:
        assert played.silent or isinstance(played.fault, WrongInput)
        assert convicts(stage.prover, played)
    else:
        assert there.rule(played.charge.judge, played.charge.call)


def test_an_honest_run_of_a_shipped_model_is_convicted_of_nothing(stage: Stage, there: Contracts) -> None:
    rng = np.random.default_rng(3)
    assert not any(there.rule(*stage.prover.call(stage.mine, lies.chance(stage, rng))) for _ in range(300))

"""The referee's contracts rule as Python does, on every operator: accusations at random, by `tests/fuzz_referee.py`."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import lies
from benchmarks.lies import Stage
from tests import fuzz_referee, integrity_kit
from tests.fuzz_referee import Contracts
from tests.integrity_kit import Asked, Claimed
from tests.referee_cases import OPERATORS, drawn
from tests.referee_kit import Bench
from themis.exact import program
from themis.exact.referee import integrity
from themis.exact.referee.accuse import accusations
from themis.exact.referee.case import Undefined
from themis.exact.referee.judge import Absent, Accusation, OutOfRange
from themis.exact.referee.proof import Prover

ELEMENTS = 100
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
            for named in integrity.evidence(program.read(model), word):
                asked += [honest.missing(word, *named), *([less.missing(word, *named)] if len(words) > 1 else [])]
        assert [each.name for each in asked if not agreed(there, each)] == []
        rulings += [(each.name, each.convicted) for each in asked]
    assert {name for name, convicted in rulings if convicted} >= {"unread", "unordered", "misfit", "missing"}
    assert {convicted for _, convicted in rulings} == {True, False, None}


@pytest.fixture(scope="module")
def stage() -> Stage:
    """A shipped model and an honest run of it."""
    return next(lies.stages())


@pytest.mark.parametrize("kind", lies.KINDS)
def test_a_lie_about_a_shipped_model_is_convicted_on_the_chain(kind: str, stage: Stage, there: Contracts) -> None:
    told = (lies.KINDS[kind](stage, np.random.default_rng(seed)) for seed in range(50))
    claimed = next(found for found in told if found and lies.convicted(stage, found) is not None)
    assert any(convicts(there, stage, claimed, found) for found in accusations(stage.graph, claimed, stage.honest))


def convicts(there: Contracts, stage: Stage, claimed: dict[int, NDArray[Any]], accusation: Accusation) -> bool:
    """Whether a contract convicts; what inputs are is for an adaptor to say, here Python does."""
    if isinstance(accusation, OutOfRange):
        return bool(lies.convicted(stage, claimed))
    if isinstance(accusation, Absent):
        liar = integrity_kit.claimed(stage.model, claimed)
        named = integrity.evidence(stage.graph, accusation.word)
        asked = (liar.missing(accusation.word, *each) for each in named)
        return any(each.convicted and agreed(there, each) for each in asked)
    try:
        return there.rule(*Prover(stage.model, claimed).call(accusation))
    except (RuntimeError, Undefined):
        return False


def test_an_honest_run_of_a_shipped_model_is_convicted_of_nothing(stage: Stage, there: Contracts) -> None:
    prover, rng = Prover(stage.model, stage.honest), np.random.default_rng(3)
    assert not any(there.rule(*prover.call(lies.chance(stage, rng))) for _ in range(300))

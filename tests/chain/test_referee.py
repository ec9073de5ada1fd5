"""The referee's contracts rule as Python does, on every operator: accusations at random, by `tests/fuzz_referee.py`."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests import fuzz_referee, integrity_kit
from tests.fuzz_referee import Contracts
from tests.integrity_kit import Asked, Claimed
from tests.referee_cases import OPERATORS, drawn
from tests.referee_kit import Bench
from themis.exact import program
from themis.exact.referee import integrity

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

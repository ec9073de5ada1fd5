"""The referee's contracts rule as Python does, on every operator: accusations at random, by `tests/fuzz_referee.py`."""

from collections.abc import Iterator

import pytest

from tests import fuzz_referee
from tests.fuzz_referee import Contracts
from tests.referee_cases import OPERATORS

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

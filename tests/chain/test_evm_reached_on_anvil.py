"""What Anvil executes is covered by the trace, or falls under a limit that is told. `make tracer` does it for long."""

from collections.abc import Iterator
from random import Random

import pytest
import urllib3

from demo import chains
from tests import fuzz_tracer
from tests.evm_on_anvil import Anvil


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with chains.start() as chain:
        yield Anvil(chain, urllib3.PoolManager())


def test_what_runs_is_covered(anvil: Anvil) -> None:
    counts = fuzz_tracer.search(800, 2, anvil.ran)
    assert counts["of these with a limit told"] <= 400, "limits are no way out"


def test_the_search_would_notice(anvil: Anvil) -> None:
    """Calls really run: of two sides of a branch each is taken by the call that chooses it."""
    code, rng = bytes.fromhex("5f35600657005b33ff"), Random(1)  # noqa: S311 (seeded, no secret)
    assert anvil.ran(code, [bytes(32)], rng) == {0, 1, 2, 4, 5}
    assert anvil.ran(code, [b"\1" * 32], rng) == {0, 1, 2, 4, 6, 7, 8}


def test_neighbors_answer_in_every_way_and_only_the_code_itself_counts(anvil: Anvil) -> None:
    """A call that fails, one that returns false and one that returns true each end somewhere else."""
    code = bytes.fromhex("60205f5f5f5f335af1" + "600d57" + "00" + "5b5f51601457" + "00" + "5b00")
    ran = anvil.ran(code, [b"\1" * length for length in range(64)], Random(1))  # noqa: S311 (seeded, no secret)
    assert {12, 19, 21} <= ran
    assert max(ran) == len(code) - 1

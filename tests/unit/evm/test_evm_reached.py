"""Every instruction that a real run executes is covered by the trace, or falls under a limit that is told."""

from random import Random

import pytest

from tests import fuzz_tracer
from tests.unit.evm.concrete import Run
from themis.evm.disassembly import disassemble
from themis.evm.limits import NotKnown
from themis.evm.trace import Tracer


@pytest.mark.parametrize("seed", range(4))
def test_what_runs_is_covered(seed: int) -> None:
    counts = fuzz_tracer.search(800, seed, fuzz_tracer.made_up)
    assert counts["of these with a limit told"] <= 400, "limits are no way out"


def test_the_search_would_notice() -> None:
    """The machine really runs: of two sides of a branch it takes the one that the call's data chooses."""
    code = bytes.fromhex("5f35600657005b33ff")
    program = disassemble(code)
    ran = Run(code, program, b"\1" * 32, Random(1)).go()  # noqa: S311 (seeded, no secret)
    assert {program.ops[index] for index in ran} >= {0xFF}
    assert 0x00 not in {program.ops[index] for index in ran}


@pytest.mark.parametrize(
    "code",
    [
        "5f3580600c57505f355b601257005b33ff",
        "5f545f541460085733ff5b00",
        "60095f5260205f5f37" + "5f5156" + "5b33ff" + "5b00",
        "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff600190600206" + "602a57005b33ff",
    ],
    ids=["or of two", "two words alike", "a constant overwritten in memory", "a signed remainder"],
)
def test_shapes_that_once_hid_code(code: str) -> None:
    raw = bytes.fromhex(code)
    lost, told = fuzz_tracer.missed(raw, Random(1), fuzz_tracer.made_up)  # noqa: S311 (seeded, no secret)
    assert not lost or told & fuzz_tracer.LIMITS


def test_a_jump_that_is_computed_is_told_and_what_it_may_reach_is_walked() -> None:
    tracer = Tracer(disassemble(bytes.fromhex("5f3556" + "5b00" + "5b33ff")))
    traces = tracer.run()
    assert tracer.told == NotKnown.UNKNOWN_DISPATCHER
    assert all(tracer.reached)
    assert len(traces) == 3

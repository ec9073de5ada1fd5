"""What a trace costs under a later fork: each kind of step by itself, against the numbers that were read."""

from typing import Any

import pytest

from contracts.forks import GLAMSTERDAM, priced

SENDER, ORACLE, REGISTRY = ("0x" + digit * 40 for digit in "123")


def step(op: str, cost: int, *operands: str) -> dict[str, Any]:
    """`operands`: top of the stack first."""
    return {"op": op, "gasCost": cost, "stack": list(reversed(operands))}


@pytest.mark.parametrize(
    ("cost", "then"),
    [(2_900, 10_100), (5_000, 12_100), (20_000, 108_020), (22_100, 110_020), (100, 100)],
    ids=["write", "cold write", "new", "cold new", "again"],
)
def test_a_slot(cost: int, then: int) -> None:
    assert priced([step("SSTORE", cost)], {SENDER, ORACLE}, GLAMSTERDAM) == then - cost


def test_an_account_is_dearer_once() -> None:
    call = step("STATICCALL", 60_000, "0xffff", REGISTRY)
    assert priced([call, call, step("EXTCODESIZE", 100, REGISTRY)], {SENDER, ORACLE}, GLAMSTERDAM) == 400


def test_what_is_warm_or_a_precompile_costs_what_it_did() -> None:
    steps = [step("CALL", 100, "0xffff", ORACLE, "0x0"), step("STATICCALL", 100, "0xffff", "0x1"), step("SLOAD", 2_100)]
    assert priced(steps, {SENDER, ORACLE}, GLAMSTERDAM) == 0

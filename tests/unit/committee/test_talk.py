"""How a member differs from this one: each difference is said with what to do about it."""

import pytest

from themis.committee.talk import difference
from themis.committee.wire import Hello
from themis.core.assembly import Seat
from themis.core.types import Address, Hash32

ORACLE, OTHER = Address(b"\x01" * 20), Address(b"\x02" * 20)
MODEL, RIGHT, WRONG = (Hash32(bytes([n]) * 32) for n in (3, 4, 5))
NOW_S = 1_000.0


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        (Hello(ORACLE, NOW_S, {MODEL: RIGHT}), ""),
        (Hello(ORACLE, NOW_S, {MODEL: RIGHT, WRONG: WRONG}), ""),
        (Hello(ORACLE, NOW_S + 30, {MODEL: RIGHT}), ""),
        (Hello(ORACLE, NOW_S + 31, {MODEL: RIGHT}), "clock is +31 s from this machine's: set both by NTP"),
        (Hello(ORACLE, NOW_S - 31, {MODEL: RIGHT}), "clock is -31 s from this machine's: set both by NTP"),
        (Hello(OTHER, NOW_S, {MODEL: RIGHT}), "another oracle, 0x02020202"),
        (Hello(ORACLE, NOW_S, {}), "does not serve model 0x03030303"),
        (Hello(ORACLE, NOW_S, {MODEL: WRONG}), "otherwise: one of you must not serve it until you agree"),
    ],
)
def test_what_is_in_the_way_of_agreement_is_said(hello: Hello, said: str) -> None:
    found = difference(Seat(OTHER, "http://there", signing=True), hello, ORACLE, {MODEL: RIGHT}, NOW_S)
    assert said in found
    assert bool(said) == bool(found)

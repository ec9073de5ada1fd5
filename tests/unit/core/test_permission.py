"""Words about uses and grants that need no chain."""

import math
from dataclasses import replace

import pytest

from themis.core.canonical import UNLIMITED
from themis.core.modes import Mode, mode_of
from themis.core.permission import (
    EXPIRES_SOON_S,
    Announced,
    Explanation,
    GrantState,
    Ground,
    Standing,
    Use,
    explain,
)
from themis.core.types import ETHER, Address, Denial, Hash32, Role, UseClass

WHO = Address(b"\x0b" * 20)
USE = Use(Hash32(b"\x0d" * 32), WHO, Role.OPERATOR, UseClass.COMMERCIAL, ETHER, 1)
NOW_S = 1_800_000_000
GRANT = GrantState(
    seq=3,
    revoked=False,
    classes=7,
    terms_version=0,
    not_before_s=NOW_S - 10,
    expiry_s=NOW_S + 10,
    quota=2,
    used=1,
    daily_rate=1,
    used_today=0,
    market=WHO,
    royalty_bps=500,
    price_token=ETHER,
    price_floor=0,
    pay_to=ETHER,
    epoch=1,
    digest=Hash32(b"\x0e" * 32),
)
NEEDED = Ground(2, Mode.GRANT << 10, WHO, GRANT)
"""Operators' commercial use needs a grant, all else is closed."""


def standing(denial: Denial | None = None, *, asks_fee: bool = True, expiry_s: int = NOW_S) -> Standing:
    ground = replace(NEEDED, grant=replace(GRANT, expiry_s=expiry_s))
    return Standing(explain(USE, denial, ground), asks_fee)


@pytest.mark.parametrize(
    ("quota_left", "daily_rate", "used_today", "left"),
    [
        (UNLIMITED, UNLIMITED, 0, None),
        (5, UNLIMITED, 0, 5),
        (UNLIMITED, 7, 3, 4),
        (2, 7, 3, 2),
        (9, 7, 7, 0),
    ],
)
def test_the_uses_left_are_the_fewest(quota_left: int, daily_rate: int, used_today: int, left: int | None) -> None:
    quota = UNLIMITED if quota_left == UNLIMITED else quota_left + 1
    grant = replace(GRANT, quota=quota, daily_rate=daily_rate, used_today=used_today)
    assert grant.uses_left == left


def test_an_undefined_mode_is_closed() -> None:
    assert mode_of(0b11 << 10, Role.OPERATOR, UseClass.COMMERCIAL) is Mode.CLOSED
    assert mode_of(0b01 << 10, Role.OPERATOR, UseClass.COMMERCIAL) is Mode.OPEN


@pytest.mark.parametrize(
    ("changes", "now_s", "epoch", "status"),
    [
        ({}, NOW_S - 10, 1, "active"),
        ({}, NOW_S + 10, 1, "active"),
        ({}, NOW_S - 11, 1, "not yet"),
        ({}, NOW_S + 11, 1, "expired"),
        ({}, NOW_S, 2, "outdated"),
        ({"revoked": True}, NOW_S + 11, 2, "revoked"),
    ],
)
def test_a_grant_counts_from_its_first_second_to_its_last(
    changes: dict[str, bool], now_s: int, epoch: int, status: str
) -> None:
    assert replace(GRANT, **changes).status(now_s, epoch) == status  # type: ignore[arg-type]


def test_a_permitted_use_says_until_when() -> None:
    said = explain(USE, None, NEEDED)
    assert said.allowed
    assert said.rule == (
        "terms version 2: commercial use by an operator needs a grant; "
        "its grant number 3 permits it until 2027-01-15T08:00:10Z, royalty 500 bps"
    )
    assert "themis models serve" in said.next_step
    assert said.expiry_s == NOW_S + 10


def test_announced_terms_are_said_beside_those_in_force() -> None:
    coming = replace(NEEDED, policy=Mode.OPEN << 10, announced=Announced(3, Mode.GRANT << 10, NOW_S))
    assert explain(USE, None, coming).rule == (
        "terms version 2: commercial use by an operator is open; "
        "from 2027-01-15T08:00:00Z on it needs a grant (terms version 3)"
    )
    closing = replace(NEEDED, announced=Announced(3, 0, NOW_S))
    assert explain(USE, None, closing).rule.endswith("; from 2027-01-15T08:00:00Z on it is closed (terms version 3)")


def test_a_time_past_the_calendar_is_a_number() -> None:
    said = explain(USE, None, replace(NEEDED, grant=replace(GRANT, expiry_s=2**40 - 1)))
    assert "until second 1099511627775" in said.rule


def test_a_refusal_names_model_role_and_class_in_the_next_step() -> None:
    said = explain(USE, Denial("GrantExpired", ""), NEEDED)
    assert not said.allowed
    assert said.expiry_s is None
    assert f"`themis license ask 0x{USE.model_id.hex()} --role operator --class commercial " in said.next_step


def test_a_grant_that_ends_within_a_week_is_a_concern() -> None:
    assert "ends at 2027-01-22T08:00:00Z" in standing(expiry_s=NOW_S + EXPIRES_SOON_S).concern(NOW_S)
    assert not standing(expiry_s=NOW_S + EXPIRES_SOON_S + 1).concern(NOW_S)


def test_a_missing_grant_is_a_concern_of_those_who_ask_a_fee() -> None:
    denial = Denial("AuthorizationRequired", "")
    assert standing(denial).concern(NOW_S).startswith("paid requests are refused: terms version 2: commercial use by")
    assert not standing(denial, asks_fee=False).concern(NOW_S)


def test_an_open_policy_is_no_concern_and_never_expires() -> None:
    free = Standing(explain(USE, None, replace(NEEDED, policy=Mode.OPEN << 10)), asks_fee=True)
    assert (free.explanation.expiry_s, free.concern(NOW_S)) == (None, "")
    assert free.expiry_timestamp_s() == math.inf
    assert standing(Denial("GrantIsRevoked", "")).expiry_timestamp_s() == 0
    assert standing().expiry_timestamp_s() == NOW_S


def test_without_terms_there_is_nothing_to_stand_on() -> None:
    said = explain(USE, Denial("TermsNotInForce", ""), None)
    assert said == Explanation(
        allowed=False,
        rule="no terms are in force",
        denial=Denial("TermsNotInForce", ""),
        next_step="Every use is closed until the licensor publishes terms (`themis license publish`)",
        expiry_s=None,
    )

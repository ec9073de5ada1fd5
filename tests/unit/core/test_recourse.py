"""What is due on chain about a request: each phase, its first and last second, and who is fined."""

from dataclasses import replace

from themis.core.agreement import Heard
from themis.core.committee import Commitment, Result, commitment_of
from themis.core.recourse import (
    Case,
    Commit,
    Count,
    Fine,
    Opening,
    Reveal,
    Round,
    commitments_of,
    due,
    next_s,
    openings_of,
)
from themis.core.types import Address, Hash32

A, B, C = (Address(bytes([n]) * 20) for n in (1, 2, 3))
REQUEST, SALT = Hash32(b"\x0e" * 32), Hash32(b"\x05" * 32)
RIGHT, WRONG = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
DEADLINE_S = 1_000
WINDOW_S = 100
FROM_S, TO_S = 500, 600


def commitment(member: Address, result: Hash32 = RIGHT) -> Commitment:
    return Commitment(member, REQUEST, commitment_of(result, SALT, member), bytes(65))


SAID = {member: commitment(member) for member in (A, B, C)}
KNOWN = {member: Opening(RIGHT, SALT) for member in (A, B)}
NOBODY = Case(2, WINDOW_S, fines=True, deadline_s=DEADLINE_S, commitments=SAID, openings=KNOWN)
ON_CHAIN = Round(FROM_S, TO_S, {member: each.commitment for member, each in SAID.items()})
TAKEN = replace(NOBODY, round=ON_CHAIN)


def test_a_round_begins_with_all_commitments_and_three_windows_before_the_deadline_at_the_latest() -> None:
    assert due(NOBODY, 700) == [Commit([SAID[A], SAID[B], SAID[C]])]
    assert due(NOBODY, 700.1) == []
    assert due(replace(NOBODY, commitments={}), 1) == []


def test_commitments_are_taken_up_to_the_last_second_of_their_window() -> None:
    lacking = replace(TAKEN, round=replace(ON_CHAIN, committed={A: SAID[A].commitment}, revealed={B: RIGHT}))
    assert due(lacking, FROM_S) == [Commit([SAID[C]])]
    assert due(TAKEN, FROM_S) == []


def test_what_is_known_to_open_a_commitment_is_revealed() -> None:
    assert due(TAKEN, FROM_S + 1) == [Reveal(A, KNOWN[A]), Reveal(B, KNOWN[B])]
    assert due(TAKEN, TO_S) == due(TAKEN, FROM_S + 1)
    spoiled = replace(TAKEN, openings=KNOWN | {A: Opening(RIGHT, REQUEST), C: Opening(WRONG, SALT)})
    assert due(spoiled, TO_S) == [Reveal(B, KNOWN[B])], "only what opens it: another salt or result costs gas in vain"


def test_equal_results_are_counted_at_once_and_until_the_deadline() -> None:
    revealed = replace(TAKEN, round=Round(FROM_S, TO_S, {C: SAID[C].commitment}, {A: RIGHT, B: RIGHT}))
    for now_s in (FROM_S + 1, TO_S + 1, DEADLINE_S):
        assert due(revealed, now_s) == [Count(RIGHT, 2)]
    assert due(revealed, DEADLINE_S + 1) == []
    split = replace(TAKEN, round=Round(FROM_S, TO_S, {}, {A: RIGHT, B: WRONG}))
    assert due(split, TO_S) == []


def test_whoever_has_not_revealed_is_fined_after_the_window_where_silence_costs() -> None:
    silent = replace(TAKEN, round=Round(FROM_S, TO_S, {C: SAID[C].commitment}, {A: RIGHT}))
    assert due(silent, TO_S) == []
    assert due(silent, TO_S + 1) == [Fine(C)]
    assert due(replace(silent, fines=False), TO_S + 1) == []


def test_it_says_when_something_else_is_due() -> None:
    assert [next_s(TAKEN, now_s) for now_s in (1, FROM_S + 1, TO_S + 1, DEADLINE_S + 1)] == [501, 601, 1001, None]
    assert next_s(NOBODY, 1) is None


def test_the_first_result_of_a_member_opens_its_commitment_whatever_it_signs_later() -> None:
    first, second = (Result(A, REQUEST, each, SALT, bytes(65)) for each in (RIGHT, WRONG))
    heard = [Heard(each, 1.0) for each in (SAID[B], SAID[A], first, second)]
    assert openings_of(heard) == {A: Opening(RIGHT, SALT)}
    assert list(commitments_of(heard)) == [A, B], "by address, as the contract takes them"

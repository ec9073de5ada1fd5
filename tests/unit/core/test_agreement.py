"""An agreement: what is kept of what members say, when results may be signed, who sends, and who is named."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from themis.core import agreement, committee
from themis.core.agreement import Agreement, Fault, Heard, Objection, Roster, fold, objection
from themis.core.committee import COMMITMENT_TYPE, RESULT_TYPE, Commitment, Forum, Message, Result
from themis.core.types import Address, Hash32
from themis.keys.keystore import KeystoreSigner

FORUM = Forum(31_337, Address(b"\x0c" * 20))
ID = Hash32(b"\x01" * 32)
RIGHT, WRONG, THIRD = (Hash32(bytes([n]) * 32) for n in (2, 3, 4))
KEYS = [KeystoreSigner(bytes([n]) * 32) for n in range(1, 8)]
A, B, C, D = KEYS[:4]
OF_3 = Roster(2, frozenset(each.address for each in (A, B, C)))
STEP_S = 3.0


def salt_of(key: KeystoreSigner) -> Hash32:
    return Hash32(key.address.rjust(32, b"\x09"))


def commits(key: KeystoreSigner, to: Hash32 = RIGHT, request: Hash32 = ID, forum: Forum = FORUM) -> Commitment:
    commitment = committee.commitment_of(to, salt_of(key), key.address)
    signature = key.sign_typed(committee.typed(forum, COMMITMENT_TYPE, request, commitment))
    return Commitment(key.address, request, commitment, signature)


def says(key: KeystoreSigner, what: Hash32 = RIGHT, request: Hash32 = ID, forum: Forum = FORUM) -> Result:
    signature = key.sign_typed(committee.typed(forum, RESULT_TYPE, request, what))
    return Result(key.address, request, what, salt_of(key), signature)


def hear(roster: Roster, messages: Iterable[Message]) -> tuple[list[Heard], list[Objection]]:
    """Keep what may be kept, as a member does; and why the rest may not."""
    heard: list[Heard] = []
    objections: list[Objection] = []
    for message in messages:
        against = objection(FORUM, roster, heard, message)
        if against is not None:
            objections.append(against)
        elif message not in (each.message for each in heard):
            heard.append(Heard(message, float(len(heard))))
    return heard, objections


def agreement_of(*messages: Message, roster: Roster = OF_3) -> Agreement:
    heard, objections = hear(roster, messages)
    assert objections == []
    return fold(ID, roster, heard)


def against(*messages: Message, roster: Roster = OF_3) -> list[Objection]:
    return hear(roster, messages)[1]


def test_results_are_signed_once_enough_members_have_committed() -> None:
    assert not agreement_of().open
    assert not agreement_of(commits(A)).open
    assert agreement_of(commits(A), commits(B)).open


def test_as_many_results_as_it_takes_are_an_agreement() -> None:
    both = (commits(A), commits(B))
    assert agreement_of(*both, says(A)).agreed is None
    found = agreement_of(*both, says(A), says(B))
    assert (found.agreed, found.agreed_at_s) == (RIGHT, 3.0)
    assert [each.member for each in found.signatures(RIGHT)] == sorted((A.address, B.address))
    assert found.signatures(WRONG) == []
    assert found.faults() == {}


def test_the_lowest_rank_sends_first_and_the_next_one_later() -> None:
    found = agreement_of(commits(A), commits(B), commits(C), says(A), says(B), says(C))
    order = sorted((A, B, C), key=lambda key: committee.rank(ID, key.address))
    assert [found.turn_s(key.address, STEP_S) for key in order] == [4.0, 7.0, 10.0]


def test_who_does_not_agree_never_sends() -> None:
    found = agreement_of(commits(A), commits(B), commits(C, WRONG), says(C, WRONG), says(A), says(B))
    assert found.turn_s(C.address, STEP_S) is None
    assert found.turn_s(D.address, STEP_S) is None
    assert agreement_of(commits(A), commits(B), says(A)).turn_s(A.address, STEP_S) is None


def test_an_outvoted_member_is_named() -> None:
    found = agreement_of(commits(A), commits(B), commits(C, WRONG), says(C, WRONG), says(A), says(B))
    assert found.agreed == RIGHT
    assert found.faults() == {C.address: {Fault.OUTVOTED}}


def test_a_member_that_does_not_say_what_it_committed_to_is_named() -> None:
    found = agreement_of(commits(A), commits(B), commits(C), says(A), says(B))
    assert found.faults() == {C.address: {Fault.SILENT}}


def test_who_commits_when_results_can_be_read_is_late_and_used_last() -> None:
    roster = Roster(2, frozenset(each.address for each in (A, B, C, D)))
    early = (commits(A), commits(B, WRONG), says(A), says(B, WRONG))
    found = agreement_of(*early, commits(C), says(C), roster=roster)
    assert found.late == {C.address}
    assert found.agreed == RIGHT, "without it nothing would be agreed"
    assert found.faults() == {C.address: {Fault.LATE}, B.address: {Fault.OUTVOTED}}
    on_time = agreement_of(commits(A), commits(B), says(A), commits(C), says(C), says(B))
    assert [each.member for each in on_time.signatures(RIGHT)] == sorted((A.address, B.address))


def test_two_results_of_one_member_are_proof_and_count_for_neither() -> None:
    both = (commits(A), commits(B), says(A), says(B), says(B, WRONG))
    found = agreement_of(*both)
    assert [(each.one, each.other) for each in found.equivocations] == [(says(B), says(B, WRONG))]
    assert found.agreed is None
    again = agreement_of(*both, commits(C), says(C))
    assert again.agreed == RIGHT
    assert again.faults() == {B.address: {Fault.EQUIVOCATED}, C.address: {Fault.LATE}}


def test_a_third_result_proves_no_more() -> None:
    assert against(commits(A), commits(B), says(A), says(A, WRONG), says(A, THIRD)) == [Objection.SAID_ENOUGH]


def test_a_strangers_messages_are_not_kept() -> None:
    assert against(commits(D)) == [Objection.NOT_A_MEMBER]


def test_a_message_is_for_its_request_committee_chain_and_member() -> None:
    elsewhere = (Forum(1, FORUM.committee), Forum(31_337, D.address))
    wrong: list[Message] = [
        *(commits(A, forum=forum) for forum in elsewhere),
        replace(commits(A, request=WRONG), request=ID),
        replace(commits(B), member=A.address),
        replace(commits(A), signature=b""),
        replace(commits(A), commitment=WRONG),
        *(says(A, forum=forum) for forum in elsewhere),
        replace(says(A, WRONG), result_hash=RIGHT),
    ]
    assert against(commits(A), commits(B), *wrong) == [Objection.NOT_SIGNED] * len(wrong)


def test_a_result_before_its_time_is_not_kept() -> None:
    assert against(says(A)) == [Objection.NOT_COMMITTED]
    assert against(commits(A), says(A)) == [Objection.TOO_EARLY]


def test_the_commitments_of_those_who_have_left_open_nothing() -> None:
    heard = [Heard(commits(A), 0.0), Heard(commits(D), 1.0)]
    assert objection(FORUM, OF_3, heard, says(A)) is Objection.TOO_EARLY
    assert not fold(ID, OF_3, heard).open


def test_the_first_commitment_counts() -> None:
    assert against(commits(A), commits(A), commits(A, WRONG)) == [Objection.COMMITTED_OTHERWISE]


def test_a_copied_result_opens_nothing() -> None:
    """C commits to nothing it could know, reads A's result, and signs that."""
    copied = replace(says(C), salt=salt_of(A))
    blind = commits(C, THIRD)
    assert against(commits(A), commits(B), blind, says(A), copied) == [Objection.MISMATCHED]


def test_a_commitment_cannot_be_copied() -> None:
    """C repeats A's commitment as its own, and A's result and salt once they are out: they open A's alone."""
    copied = commits(A).commitment
    signed = C.sign_typed(committee.typed(FORUM, COMMITMENT_TYPE, ID, copied))
    echo = Commitment(C.address, ID, copied, signed)
    result = replace(says(C), salt=salt_of(A))
    assert against(commits(A), echo, says(A), result) == [Objection.MISMATCHED]


def test_a_salt_that_somebody_changed_on_the_way_does_not_stand_in_the_way() -> None:
    both = (commits(A), commits(B))
    mangled = replace(says(A), salt=RIGHT)
    heard, objections = hear(OF_3, (*both, mangled, says(A), says(B)))
    assert objections == [Objection.MISMATCHED]
    assert fold(ID, OF_3, heard).agreed == RIGHT


TALK = [message(key, what) for key in (A, B, C) for message in (commits, says) for what in (RIGHT, WRONG)]


@given(said=st.lists(st.sampled_from(TALK), max_size=30))
def test_whatever_is_said_in_whatever_order(said: Sequence[Message]) -> None:
    heard, _ = hear(OF_3, said)
    found = fold(ID, OF_3, heard)
    for member in OF_3.members:
        of_member = [each.message for each in heard if each.message.member == member]
        assert len(of_member) <= 1 + agreement.MOST_RESULTS, "what is kept is bounded"
    for member, result in found.results.items():
        assert result.opens(found.commitments[member])
        assert sum(isinstance(each.message, Result) and each.message.member == member for each in heard) == 1
    votes = [result.result_hash for result in found.results.values()]
    assert (found.agreed is not None) == any(votes.count(each) >= OF_3.quorum for each in votes)
    if found.agreed is not None:
        assert found.open
        assert len(found.signatures(found.agreed)) == OF_3.quorum
        turns = [found.turn_s(member, STEP_S) for member in found.signers(found.agreed)]
        assert len(set(turns)) == len(turns), "no two members send at once"


@given(said=st.permutations([commits(A), commits(B), commits(C), says(A), says(B), says(C)]))
def test_honest_members_agree_whatever_the_order(said: Sequence[Message]) -> None:
    """Whoever is not ready for a message gets it again, as an exchange repeats what was not kept."""
    heard, _ = hear(OF_3, [*said, *said])
    found = fold(ID, OF_3, heard)
    assert found.agreed == RIGHT
    assert set(found.results) == OF_3.members
    assert found.faults().keys() <= found.late


def test_nothing_that_is_heard_twice_changes_anything() -> None:
    once, _ = hear(OF_3, (commits(A), commits(B), says(A), says(B)))
    assert fold(ID, OF_3, [*once, *once]) == fold(ID, OF_3, once)

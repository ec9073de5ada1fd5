"""Members that agree: whoever is slow, dead, lying, cut off or killed; each signs one result, and one sends it."""

from pathlib import Path

import pytest

from tests.committee_kit import FORUM, GOLDENS, PLACE, RIGHT, STAKE_WEI, TURN_S, WRONG, Chamber, House, Member
from tests.daemon_kit import Killed
from tests.fakes import MODEL, decoded
from themis.chain.contracts import COMMITTEE
from themis.core import committee, signature
from themis.core.agreement import Fault
from themis.core.assembly import Assembly, Seat
from themis.core.committee import RESULT_TYPE, Commitment, Leaf, Result
from themis.core.errors import Reason
from themis.core.job import Finalized, Mined, Proposed, State
from themis.core.spelling import shown
from themis.core.types import BlockRef, Fulfilled, Hash32, LogPosition
from themis.daemon.batches import Batches
from themis.daemon.send import Send

FORK = BlockRef(PLACE.block_number, PLACE.block_hash, 1)
ABOVE = LogPosition(PLACE.block_number + 1, Hash32(b"\x07" * 32), 0, Hash32(b"\x08" * 32))


def states(house: House, id_: Hash32) -> list[State]:
    return [member.job(id_).state for member in house.members if member.up]


def senders(house: House, id_: Hash32) -> list[Member]:
    return [member for member in house.members if member.up and member.job(id_).state is State.COMPUTED]


def by_rank(house: House, id_: Hash32) -> list[Member]:
    return sorted(house.members, key=lambda member: committee.rank(id_, member.address))


def signers(member: Member, id_: Hash32) -> list[bytes]:
    """Whose signatures it would send."""
    job = member.job(id_)
    assert job.answer is not None
    digest = committee.result_digest(FORUM, id_, job.answer.result_hash)
    found = [signature.signer(digest, each) for each in job.signatures]
    assert None not in found
    return [each for each in found if each is not None]


def test_members_agree_and_the_first_by_rank_sends(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    house.work(4)
    assert senders(house, id_) == by_rank(house, id_)[:1]
    (sender,) = senders(house, id_)
    assert signers(sender, id_) == sorted(signers(sender, id_))
    assert len(signers(sender, id_)) == 2


def test_the_next_one_sends_when_the_first_does_not(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    house.work(4)
    first, second, third = by_rank(house, id_)
    first.die()
    house.clock.now += TURN_S
    house.work(1)
    assert second.job(id_).state is State.COMPUTED
    assert third.job(id_).state is State.AGREEING
    house.clock.now += TURN_S
    house.work(1)
    assert third.job(id_).state is State.COMPUTED


def test_one_that_is_dead_is_not_needed(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    house.members[0].die()
    (id_,) = {member.compute(request, RIGHT) for member in house.members[1:]}
    house.work(15)
    assert State.COMPUTED in states(house, id_)
    assert "cannot be reached" in str(house.members[1].node.troubles.found()) or house.members[1].talk.troubles()


def test_a_liar_is_outvoted_and_named_by_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    liar, *honest = house.members
    id_ = liar.compute(request, WRONG)
    for member in honest:
        member.compute(request, RIGHT)
    house.work(15)
    assert [member for member in senders(house, id_) if member is liar] == []
    (sender, *_) = senders(house, id_)
    assert sorted(signers(sender, id_)) == sorted(member.address for member in honest)
    assert liar.job(id_).state is State.AGREEING
    for member in house.members:
        assert Fault.OUTVOTED in member.table.floor.agreement(id_).faults()[liar.address]
    assert "is outvoted" in caplog.text
    assert "do not go on serving" in str(liar.node.troubles.found())
    assert honest[0].node.troubles.found() == []


def test_who_waits_to_read_a_result_before_it_commits_is_named_and_used_last(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    first, second, lazy = house.members
    id_ = first.compute(request, RIGHT)
    house.work(3)
    assert [type(each.message) for each in first.store.heard(id_)] == [Commitment]
    second.compute(request, RIGHT)
    house.work(2)
    lazy.compute(request, RIGHT)
    house.work(20)
    assert Fault.LATE in first.table.floor.agreement(id_).faults()[lazy.address]
    assert all(lazy.address not in signers(each, id_) for each in senders(house, id_) if each is not lazy)


def test_members_that_cannot_reach_each_other_agree_through_a_third(tmp_path: Path) -> None:
    house = House(tmp_path, 3, 3)
    a, b, _ = house.members
    house.wires.cut = {(a.address, b.address), (b.address, a.address)}
    request = house.ask()
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    house.work(12)
    assert State.COMPUTED in states(house, id_)
    assert a.talk.troubles().keys() == {b.address}


@pytest.mark.parametrize("unreachable", [1, 2])
def test_a_member_that_cannot_be_called_calls(tmp_path: Path, unreachable: int) -> None:
    house = House(tmp_path, 3, 3, unreachable=unreachable)
    request = house.ask()
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    house.work(20)
    assert states(house, id_).count(State.COMPUTED) == 3, "each in its turn"


def test_one_that_saw_the_request_late_is_told_again(tmp_path: Path) -> None:
    house = House(tmp_path, 3, 3)
    request = house.ask()
    *early, late = house.members
    (id_,) = {member.compute(request, RIGHT) for member in early}
    house.work(3)
    assert late.store.heard(id_) == []
    late.compute(request, RIGHT)
    house.work(20)
    assert State.COMPUTED in states(house, id_)


def test_too_few_members_let_the_request_expire(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    alone, *others = house.members
    for other in others:
        other.die()
    id_ = alone.compute(request, RIGHT)
    house.work(2)
    assert alone.job(id_).state is State.AGREEING
    house.clock.now += 2_000
    house.work(1)
    job = alone.job(id_)
    assert (job.state, job.reason) == (State.CLOSED, Reason.EXPIRED)
    assert job.detail == "1 members committed, 2 must sign the same"


def test_a_member_that_was_put_out_says_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    out = house.members[0]
    seats = dict(house.chamber.shown.seats)
    seats[out.address] = Seat(out.address, "http://0", signing=False)
    house.chamber.shown = Assembly(2, seats)
    request = house.ask()
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    house.work(8)
    assert all(each.message.member != out.address for each in house.members[1].store.heard(id_))
    told = [member.node.telemetry.registry.get_sample_value for member in house.members[:2]]
    assert [each("themis_member_signing") for each in told] == [0, 1]
    assert [each("themis_member_stake_wei") for each in told] == [0, STAKE_WEI]
    assert out.job(id_).state is State.AGREEING


def test_members_are_remembered_while_the_chain_is_down(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    house.work(1)
    house.chamber.down = True
    house.clock.now += 1_000
    request = house.ask(deadline_s=2**39)
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    house.work(4)
    assert State.COMPUTED in states(house, id_)


def test_a_node_that_finds_another_result_than_it_promised_signs_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    member = house.members[0]
    request = house.ask()
    id_ = member.compute(request, RIGHT)
    wrong = member.answer(id_, WRONG).result_hash
    member.store.vow(FORUM.committee, id_, wrong, wrong)
    house.work(1)
    job = member.job(id_)
    assert (job.state, job.reason) == (State.CLOSED, Reason.SIGNED_OTHERWISE)
    assert member.store.heard(id_) == []


def test_two_results_of_a_member_are_kept_as_proof_even_when_all_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    house.work(15)
    liar, witness, _ = house.members
    wrong = liar.answer(id_, WRONG).result_hash
    signed = liar.signer.sign_typed(committee.typed(FORUM, RESULT_TYPE, id_, wrong))
    second = Result(liar.address, id_, wrong, wrong, signed)
    assert witness.table.floor.receive([second]) == {}
    (proof,) = witness.table.floor.agreement(id_).equivocations
    assert {proof.one.result_hash, proof.other.result_hash} == {wrong, liar.answer(id_, RIGHT).result_hash}


def test_a_liar_that_is_slow_is_named_after_the_answer_is_final(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    *honest, liar = house.members
    (id_,) = {member.compute(request, RIGHT) for member in honest}
    house.work(2)
    answer = honest[0].answer(id_, RIGHT)
    for member in honest:
        member.store.record([(member.job(id_), Mined(answer, PLACE))], house.clock.now)
        member.store.record([(member.job(id_), Finalized())], house.clock.now)
    liar.compute(request, WRONG)
    house.work(4)
    assert honest[0].job(id_).state is State.DONE
    assert f"member {shown(liar.address)} is outvoted" in caplog.text
    house.clock.now += 60
    late = Commitment(liar.address, id_, id_, bytes(65))
    assert honest[0].table.floor.receive([late]) == {0: "too_late"}


def test_who_is_outvoted_hears_of_it_though_the_answer_is_faster_than_its_loop(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    *honest, liar = house.members
    id_ = liar.compute(request, WRONG)
    for member in honest:
        member.compute(request, RIGHT)
    house.wires.cut = {pair for each in honest for pair in ((each.address, liar.address), (liar.address, each.address))}
    house.work(4)
    said = [
        each.message for member in honest for each in member.store.heard(id_) if each.message.member != liar.address
    ]
    liar.table.floor.receive([each for each in said if isinstance(each, Commitment)])
    liar.agree.step()  # it signs its own
    liar.table.floor.receive([each for each in said if isinstance(each, Result)])
    assert "do not go on serving" not in str(liar.node.troubles.found())
    liar.store.record([(liar.job(id_), Mined(honest[0].answer(id_, RIGHT), PLACE))], house.clock.now)
    liar.agree.step()
    assert "do not go on serving" in str(liar.node.troubles.found())


@pytest.mark.parametrize("computed", [True, False])
def test_an_answer_of_others_that_leaves_the_chain_is_no_answer_of_this_member(tmp_path: Path, computed: bool) -> None:
    """It signs what it has computed itself, and sends nothing that M members have not signed."""
    house = House(tmp_path, 2, 3)
    request = house.ask()
    *others, member = house.members
    (id_,) = {each.compute(request, RIGHT) for each in others}
    if computed:
        member.compute(request, RIGHT)
    else:
        member.see(request)
    theirs = member.answer(id_, WRONG)
    above = BlockRef(ABOVE.block_number, ABOVE.block_hash, 2)
    member.store.record_events([Fulfilled(id_, theirs.result_hash, 1, WRONG, ABOVE)], [FORK, above], 2)
    assert member.job(id_).state is State.MINED
    member.store.rewind(FORK, 3)
    job = member.job(id_)
    assert (job.state, job.answer) == (State.QUEUED, None)
    Send(member.node).step()
    house.work(2)
    assert house.chain.sent == []
    assert not any(each.message.member == member.address for each in member.store.heard(id_)), "it has computed nothing"


def test_what_was_agreed_on_before_a_reorganization_is_sent_in_turns_again(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    request = house.ask()
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    house.work(4)
    first, second, third = by_rank(house, id_)
    first.die()
    for member in (second, third):
        answer = member.answer(id_, RIGHT)
        member.store.record([(member.job(id_), Mined(answer, ABOVE))], house.clock.now)
        member.store.rewind(FORK, house.clock.now + TURN_S)
        member.store.record([(member.job(id_), Proposed(answer))], house.clock.now + 10 * TURN_S)
    house.clock.now += 11 * TURN_S
    house.work(1)
    assert [member.job(id_).state for member in (second, third)] == [State.COMPUTED, State.AGREEING]


def test_members_that_differ_say_so_before_the_first_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(tmp_path, 2, 3)
    odd = house.members[2]
    object.__setattr__(odd.table, "goldens", {MODEL: Hash32(bytes(32))})
    house.work(1)
    assert f"member 0x{odd.address.hex()} answers model 0x{MODEL.hex()} otherwise" in caplog.text
    assert "otherwise" in str(house.members[0].node.troubles.found())
    object.__setattr__(odd.table, "goldens", GOLDENS)
    house.work(2)
    assert house.members[0].node.troubles.found() == []


def test_an_idle_committee_says_nothing_to_each_other(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    house.work(5)
    assert house.wires.calls == 0


def several(house: House, count: int, first: int = 0) -> list[Hash32]:
    requests = [house.ask(lane=lane) for lane in range(first, first + count)]
    return [{member.compute(request, RIGHT) for member in house.members}.pop() for request in requests]


def sent(member: Member) -> list[tuple[str, set[Hash32]]]:
    """What it sends now: functions, and the requests of each."""
    Send(member.node).step()
    names = {COMMITTEE.selector(name): name for name in ("answer", "answerMany")}
    return [(names[decoded(each.raw).data[:4]], set(each.job_ids)) for each in member.store.unsettled()]


def test_what_is_ready_at_once_is_signed_by_one_root_and_shares_a_transaction(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    ids = several(house, 8)
    house.work(4)
    shares = [{job.id for job in member.store.jobs(State.COMPUTED)} for member in house.members]
    assert set().union(*shares) == set(ids)
    for member, own in zip(house.members, shares, strict=True):
        batch = member.node.batches.holding(own)
        assert batch is not None
        requests, outputs, signatures = COMMITTEE.arguments("answerMany", batch.data)
        assert (len(requests), set(outputs), len(signatures)) == (len(own), {RIGHT}, 2)
        root = committee.batch_root([Leaf(id_, member.answer(id_, RIGHT).result_hash) for id_ in batch.ids])
        digest = committee.results_digest(FORUM, root)
        whose = [signature.signer(digest, r + _s(vs) + _v(vs)) or b"" for r, vs in signatures]
        assert whose == sorted(whose)
        assert set(whose) <= {each.address for each in house.members}
        assert sent(member) == [("answerMany", own)]
        assert all(member.job(id_).state is State.SENDING for id_ in own)


def _s(vs: bytes) -> bytes:
    return (int.from_bytes(vs) & (1 << 255) - 1).to_bytes(32)


def _v(vs: bytes) -> bytes:
    return bytes([27 + (vs[0] >> 7)])


def test_without_enough_signatures_of_the_root_each_answer_goes_by_itself(tmp_path: Path) -> None:
    house = House(tmp_path, 3, 3)
    ids = several(house, 5)
    house.wires.unwilling.add(house.members[2].address)
    house.work(3)
    begun_s = house.clock.now
    while not any(member.store.jobs(State.COMPUTED) for member in house.members):
        house.work(1)
    assert house.clock.now - begun_s <= 2, "who refuses is not waited for"
    house.work(4)
    for member in house.members[:2]:
        own = [id_ for id_ in ids if by_rank(house, id_)[0] is member]
        assert member.node.batches.holding(own) is None
        assert sent(member) == [("answer", {id_}) for id_ in own]


def test_answers_wait_for_each_other_as_the_operator_says(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 2, gather_s=30)
    several(house, 2)
    house.work(4)
    assert [member.store.jobs(State.COMPUTED) for member in house.members] == [[], []]
    several(house, 2, 2)
    house.work(4)
    house.clock.now += 30
    house.work(2)
    shares = [{job.id for job in member.store.jobs(State.COMPUTED)} for member in house.members]
    assert max(map(len, shares)) > 2, "more than came at once"
    for member, own in zip(house.members, shares, strict=True):
        assert len(own) < 2 or member.node.batches.holding(own) is not None


def test_a_batch_that_a_crash_forgot_is_replaced_by_single_answers(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    ids = several(house, 6)
    house.work(4)
    member = house.members[0]
    (_, own), *_ = sent(member)
    jobs = [member.job(id_) for id_ in ids if id_ in own]
    assert member.node.batches.of_one_transaction(jobs) == jobs
    assert Batches().of_one_transaction(jobs) == jobs[:1]


def test_nothing_is_signed_in_a_batch_that_was_not_signed_by_itself(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    one, other = several(house, 2)
    house.work(6)
    member = house.members[0]
    good = [Leaf(id_, member.answer(id_, RIGHT).result_hash) for id_ in (one, other)]
    assert member.table.countersign(good)
    for bad in (Leaf(one, good[1].result_hash), Leaf(Hash32(bytes(32)), good[0].result_hash)):
        assert member.table.countersign([good[0], bad]) is None


@pytest.mark.parametrize("moment", range(8))
def test_a_member_killed_at_any_point_loses_nothing_and_signs_nothing_twice(tmp_path: Path, moment: int) -> None:
    """All three are needed: what one forgets would be missed. Its salt too: another one would be another commitment."""
    house = House(tmp_path, 3, 3)
    request = house.ask()
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    doomed = house.members[1]
    doomed.life.left = moment
    for _ in range(12):
        try:
            house.work(1)
        except Killed:
            doomed.die()
            house.work(1)
            doomed.start()
    house.work(20)
    assert State.COMPUTED in states(house, id_)
    said = [each.message for member in house.members for each in member.store.heard(id_)]
    for kind in (Commitment, Result):
        of_doomed = {each for each in said if isinstance(each, kind) and each.member == doomed.address}
        assert len(of_doomed) == 1, "one commitment and one result, the same in every life"


def test_an_unreadable_chain_at_the_start_is_waited_for(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    house.chamber.down = True
    with pytest.raises(Exception, match="the chain is down"):
        house.members[0].agree.step()
    assert isinstance(house.chamber, Chamber)

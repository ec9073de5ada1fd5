"""Orders to a committee: whoever takes one hands it on, each member looks at it itself, and M of them answer it."""

from pathlib import Path
from typing import Any

import pytest

from tests.committee_kit import COMMITTEE, House, Member
from tests.daemon_kit import Killed
from tests.fakes import SIGNATURE, decoded
from themis.chain import contracts
from themis.chain.contracts import COMMITTEE as CONTRACT
from themis.committee.parcel import Parcel
from themis.core import committee, listing, signature
from themis.core.committee import Result
from themis.core.errors import Reason, Refused
from themis.core.job import State
from themis.core.keccak import keccak
from themis.core.types import Hash32, Request
from themis.daemon import spread
from themis.daemon.send import Send


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, 2, 3)


def order(house: House, input_: bytes = b"in", **changes: Any) -> Request:
    return house.chain.order(input_, operator=COMMITTEE, **changes)


def work(house: House, rounds: int = 4) -> None:
    for _ in range(rounds):
        house.work(1)
        for member in house.members:
            if member.up:
                member.think()


def holders(house: House, id_: Hash32) -> list[Member]:
    return [member for member in house.members if member.up and member.store.job(id_) is not None]


def sender(house: House, id_: Hash32) -> Member:
    (found,) = [member for member in house.members if member.job(id_).state is State.COMPUTED]
    return found


def test_an_order_is_handed_on_agreed_on_and_sent_with_both_kinds_of_signatures(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "RELAY_AFTER_S", 1_000)
    asked = order(house)
    id_ = house.members[0].take(asked, b"in")
    assert holders(house, id_) == house.members[:1]
    work(house)
    assert holders(house, id_) == house.members
    assert house.wires.handed == 2, "who has it is not told again"
    member = sender(house, id_)
    Send(member.node).step()
    sent = decoded(house.chain.sent[0])
    words, requesters, output, signatures = CONTRACT.arguments("answerOrder", sent.data)
    assert (contracts.decode_request(words), requesters, output) == (asked, SIGNATURE, keccak(b"in"))
    digest = committee.result_digest(member.table.forum, id_, member.answer(id_, output).result_hash)
    whole = [each for each in member.job(id_).signatures if contracts.compact(each) in [tuple(s) for s in signatures]]
    signers = [signature.signer(digest, each) or b"" for each in whole]
    assert len(signers) == 2
    assert signers == sorted(set(signers) & {each.address for each in house.members})


def test_a_list_is_answered_by_one_root_and_every_member_has_its_parts(house: House) -> None:
    inputs = [bytes([n]) for n in range(1, 20)]
    id_ = house.members[1].take(order(house, listing.pack(inputs), items=len(inputs)), *inputs)
    work(house)
    answers = {member.job(id_).answer for member in house.members}
    (answer,) = answers
    assert answer is not None
    assert answer.output == listing.result_root(inputs, answer.parts)
    assert sender(house, id_).job(id_).signatures


def test_each_member_looks_at_an_order_itself(house: House) -> None:
    """Who hands one on can be wrong about it, or lie: without a good one there is nothing to sign."""
    first, second, _ = house.members
    good = order(house)
    assert second.spread.receive(first.address, Parcel(good, b"forged", (b"in",))) == "unsigned"
    assert second.spread.receive(first.address, Parcel(good, SIGNATURE, (b"another",))) == "invalid_input"
    others = house.chain.order(b"in")
    assert second.spread.receive(first.address, Parcel(others, SIGNATURE, (b"in",))) == "unserved_requester"
    assert second.store.orders() == []
    with pytest.raises(Refused) as refused:
        first.take(others, b"in")
    assert refused.value.reason is Reason.UNSERVED_REQUESTER


def test_a_member_that_was_down_is_handed_what_still_waits(house: House) -> None:
    first, second, third = house.members
    for member in (second, third):
        member.die()
    id_ = first.take(order(house), b"in")
    work(house)
    assert first.job(id_).state is State.AGREEING
    third.start()
    work(house, 12)
    assert holders(house, id_) == [first, third]
    assert State.COMPUTED in {first.job(id_).state, third.job(id_).state}


@pytest.mark.parametrize("moment", range(8))
def test_a_member_killed_anywhere_loses_no_order(tmp_path: Path, moment: int) -> None:
    """Until its requester was told that it is taken, it brings it again; from then on it is on disk."""
    house = House(tmp_path, 3, 3)
    doomed, asked, id_ = house.members[0], order(house), None
    doomed.life.left = moment
    for _ in range(4):
        try:
            id_ = id_ or doomed.take(asked, b"in")
            work(house, 1)
        except Killed:
            doomed.die()
            doomed.start()
    assert id_ is not None
    work(house, 12)
    assert State.COMPUTED in {member.job(id_).state for member in house.members}
    results = [each.message for each in doomed.store.heard(id_) if isinstance(each.message, Result)]
    assert sorted(each.member for each in results) == sorted(member.address for member in house.members)


def test_who_cannot_be_reached_by_the_first_has_it_from_another(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "RELAY_AFTER_S", 0)
    first, _, third = house.members
    house.wires.cut = {(first.address, third.address), (third.address, first.address)}
    id_ = first.take(order(house), b"in")
    work(house, 3)
    assert holders(house, id_) == house.members


def test_members_that_nobody_can_call_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "_ASK_EVERY_S", 0)
    house = House(tmp_path, 3, 3, unreachable=2)
    first = house.members[0]
    ids = [first.take(order(house, bytes([n])), bytes([n])) for n in range(3)]
    work(house, 8)
    assert [holders(house, id_) for id_ in ids] == [house.members] * 3
    assert {first.job(id_).state for id_ in ids} <= {State.COMPUTED, State.AGREEING}
    for member in house.members:
        assert State.COMPUTED in {member.job(id_).state for id_ in ids} or member is not first


def test_what_a_member_would_not_take_it_is_not_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "_ASK_EVERY_S", 0)
    house = House(tmp_path, 2, 2, unreachable=1)
    first, hidden = house.members
    refused: list[Parcel] = []

    def refuse(parcel: Parcel) -> str:
        refused.append(parcel)
        return "underpaid"

    monkeypatch.setattr(hidden.spread, "_take", refuse)
    first.take(order(house), b"in")
    work(house, 3)
    assert len(refused) == 1


def test_no_order_of_a_committee_has_a_round_on_chain(house: House) -> None:
    """Nothing is locked for it, and whoever is silent owes nobody anything."""
    addresses = [member.address for member in house.members]
    house.wires.cut = {(one, other) for one in addresses for other in addresses}
    asked = order(house, deadline_s=house.chain.chain[-1].header.timestamp_s + 10_000)
    for member in house.members:
        member.take(asked, b"in")
    work(house, 2)
    house.clock.now += 9_000
    for member in house.members:
        member.insist.step()
        assert not member.node.errands.waiting

"""Members that insist: a round on chain where agreement does not come, in turns and bounded; reports of two results."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.committee_kit import FORUM, RIGHT, TURN_S, WINDOW_S, WRONG, House, Member
from tests.fakes import decoded
from themis.chain.contracts import COMMITTEE
from themis.core import committee
from themis.core.committee import RESULT_TYPE, Result
from themis.core.recourse import Round, commitments_of
from themis.core.types import Address, Hash32
from themis.daemon.errands import AGAIN_S, DAY_S, Errand, Errands
from themis.daemon.send import Send

LONG_S = 10_000


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Nobody can call anybody."""
    house = House(tmp_path, 2, 3)
    addresses = [member.address for member in house.members]
    house.wires.cut = {(one, other) for one in addresses for other in addresses}
    return house


def ask(house: House) -> Hash32:
    deadline_s = house.chain.chain[-1].header.timestamp_s + LONG_S
    request = house.ask(deadline_s=deadline_s)
    (id_,) = {member.compute(request, RIGHT) for member in house.members}
    house.work(1)
    return id_


def look(house: House, member: Member) -> list[str]:
    """What a member wants of the chain at this moment, by function."""
    house.clock.now += 5
    member.insist.step()
    return [function(each.data) for each in member.node.errands.take(99)]


def function(data: bytes) -> str:
    names = ("commit", "reveal", "count", "fine", "slash")
    return next(name for name in names if COMMITTEE.selector(name) == data[:4])


def later(house: House, seconds: float) -> None:
    for member in house.members:
        look(house, member)
    house.clock.now += seconds


def order(house: House, id_: Hash32) -> list[Member]:
    return sorted(house.members, key=lambda member: committee.rank(id_, member.address))


def on_chain(house: House, id_: Hash32, *members: Member) -> Round:
    now_s = int(house.members[0].node.time.now_s())
    found = {each.address: commitments_of(each.store.heard(id_))[each.address].commitment for each in members}
    return Round(now_s + WINDOW_S, now_s + 2 * WINDOW_S, found)


def test_what_is_agreed_on_in_time_costs_not_even_a_look(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    ask(house)
    house.work(4)
    assert [look(house, member) for member in house.members] == [[], [], []]
    assert house.chamber.looks == 0


def test_a_round_begins_after_a_window_of_patience(house: House) -> None:
    ask(house)
    later(house, WINDOW_S - 25)
    assert [look(house, member) for member in house.members] == [[], [], []]
    house.clock.now += 20
    assert [look(house, member) for member in house.members] == [["commit"]] * 3, "each its own: nobody knows others'"


def test_a_round_begins_sooner_where_there_would_be_none_later(house: House) -> None:
    request = house.ask(deadline_s=house.chain.chain[-1].header.timestamp_s + 4 * WINDOW_S)
    for member in house.members:
        member.compute(request, RIGHT)
    house.work(1)
    later(house, 2 * TURN_S)
    assert look(house, house.members[0]) == ["commit"]


def test_whoever_is_on_chain_reveals_at_once_and_equal_results_are_counted_in_turns(house: House) -> None:
    id_ = ask(house)
    first, second, third = order(house, id_)
    house.chamber.taken[id_] = on_chain(house, id_, first, second)
    later(house, 0)
    assert look(house, third) == ["commit"], "it is not there yet: it joins"
    house.clock.now += WINDOW_S + 10
    assert look(house, second) == ["reveal"]
    assert look(house, third) == [], "it does not know what the others' commitments hide"
    result = first.answer(id_, RIGHT).result_hash
    revealed = {each.address: result for each in (first, second)}
    house.chamber.taken[id_] = replace(house.chamber.taken[id_], committed={}, revealed=revealed)
    assert look(house, third) == [], "it is not its turn"
    assert look(house, first) == ["count"]
    house.clock.now += 2 * TURN_S
    assert look(house, third) == ["count"]


def test_silence_is_fined(house: House) -> None:
    id_ = ask(house)
    first, second, third = order(house, id_)
    house.chamber.taken[id_] = replace(on_chain(house, id_, third), revealed={second.address: Hash32(bytes(32))})
    later(house, 2 * WINDOW_S)
    assert look(house, first) == ["fine"]
    assert look(house, first) == [], "once"
    house.clock.now += AGAIN_S
    assert look(house, first) == ["fine"], "and again while the chain does not show it"


def test_a_node_that_finds_another_result_than_it_promised_reveals_nothing(house: House) -> None:
    id_ = ask(house)
    member = house.members[0]
    house.chamber.taken[id_] = on_chain(house, id_, member)
    object.__setattr__(member.job(id_), "answer", None)
    member.node.store.vow(FORUM.committee, id_, member.answer(id_, RIGHT).result_hash, Hash32(bytes(32)))
    house.clock.now += WINDOW_S + 10
    assert look(house, member) == []
    assert look(house, member) == ["reveal"]


def test_it_is_sent_by_the_sending_loop_and_the_gas_of_a_day_is_bounded(house: House) -> None:
    ask(house)
    member = house.members[0]
    later(house, WINDOW_S)
    house.clock.now += 5
    member.insist.step()
    send = Send(member.node)
    assert send.step()
    (sent,) = member.store.unsettled()
    assert function(decoded(sent.raw).data) == "commit"
    assert sent.cancels, "it answers nothing: an empty one takes its place where no block takes it"
    member.node.errands._gas_per_day = 1
    house.clock.now += AGAIN_S
    assert look(house, member) == []
    assert "gas_per_day" in str(member.node.troubles.found())


def test_an_errand_is_wanted_once_for_a_while_and_counts_for_a_day() -> None:
    errand = Errand("a word", Address(bytes(20)), b"\x01", 60)
    errands = Errands(100)
    assert errands.want(errand, 0)
    assert errands.want(errand, AGAIN_S - 1)
    assert errands.take(5) == [errand]
    assert not errands.want(errand, AGAIN_S), "a second time would be above the bound"
    assert not errands.waiting
    assert errands.want(errand, DAY_S)


def sign_both(house: House, liar: Member, witness: Member, id_: Hash32) -> None:
    wrong = liar.answer(id_, WRONG).result_hash
    signed = liar.signer.sign_typed(committee.typed(FORUM, RESULT_TYPE, id_, wrong))
    assert witness.table.floor.receive([Result(liar.address, id_, wrong, wrong, signed)]) == {}


def test_who_signs_two_results_is_reported_until_it_has_no_stake(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    id_ = ask(house)
    house.work(10)
    liar, *witnesses = order(house, id_)
    for witness in witnesses:
        sign_both(house, liar, witness, id_)
    first, second = witnesses
    assert look(house, first) == ["slash"]
    assert look(house, second) == [], "the other one comes first"
    assert f"0x{id_.hex()}: this is reported" in str(first.node.troubles.found())
    second.die()
    second.start()
    second.node.time.observe(house.chain.chain[-1].shown)
    house.work(1)
    assert look(house, second) == []
    house.clock.now += TURN_S
    assert look(house, second) == ["slash"], "its second life has read what the first has heard"
    house.chamber.slashed.add(liar.address)
    house.clock.now += AGAIN_S
    assert look(house, second) == []
    assert look(house, first) == []
    assert first.node.troubles.found() == second.node.troubles.found() == []


def test_reports_can_be_left_to_the_operator(tmp_path: Path) -> None:
    house = House(tmp_path, 2, 3)
    id_ = ask(house)
    house.work(10)
    liar, witness, _ = order(house, id_)
    witness.insist._report = False
    sign_both(house, liar, witness, id_)
    assert look(house, witness) == []
    assert f"themis committee report 0x{id_.hex()}" in str(witness.node.troubles.found())

"""Committees of real node processes on a real chain: one dead, lying, killed anywhere, or not to be called.

Nodes go on from test to test, and homes with all that they remember: `House.cast` starts what a test needs otherwise.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import astuple
from itertools import count
from pathlib import Path

import httpx
import pytest

from demo import chains
from tests.chaos.house import House, faulty
from tests.committee_world import RULES, STAKE_WEI, CommitteeWorld
from tests.forking import INSTALLED, THEMIS
from tests.homes import SELFTEST, register, running, said, wait_for_log, wait_until_ready
from tests.patience import PATIENCE_S, until
from themis.chain.committees import Committees
from themis.core import committee as messages
from themis.core import listing
from themis.core.committee import Offer
from themis.core.types import ETHER, Hash32

GATHERING = ("--set", "fees.gather_s=0.5")
DOOMED = (sys.executable, str(Path(__file__).with_name("doomed.py")))
POINTS = ("vowed", "heard", "Proposed", "Agreed", "unsent", "broadcast")
"""Where a member's node is killed: see doomed.py."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with chains.start(chains.Kind.ANVIL) as chain:
        house = House(CommitteeWorld.build(chain, 2, 3), tmp_path_factory.mktemp("homes"), (*THEMIS, *GATHERING))
        try:
            yield house
        finally:
            house.close()


@pytest.fixture
def committee(house: House) -> CommitteeWorld:
    return house.committee


def test_the_contract_hashes_what_members_sign(committee: CommitteeWorld) -> None:
    forum, one, other = committee.forum, Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
    offer = Offer(one, ETHER, serving=True, min_fee=7, max_callback_gas=9, nonce=3)
    assert committee.read("hashCommitment", one, other) == messages.commitment_digest(forum, one, other)
    assert committee.read("hashResult", one, other) == messages.result_digest(forum, one, other)
    assert committee.read("hashResults", other) == messages.results_digest(forum, other)
    assert committee.read("hashOffer", astuple(offer)) == offer.digest(forum)


def test_three_nodes_agree_and_each_answers_its_share_in_one_transaction(
    house: House, committee: CommitteeWorld
) -> None:
    house.cast({0: (*INSTALLED, *GATHERING)})
    ids = committee.ask_several(house.model_id, b"all are there", range(12))
    found = committee.world.wait_for_answers(ids, house.told)
    assert len({found[id_][0] for id_ in ids}) == 1, "the same question has the same answer"
    members = {place.signer.address for place in committee.places}
    for id_ in ids:
        assert len(committee.signers(id_)) == 2
        assert set(committee.signers(id_)) <= members
    assert sum(log.values["answered"] for log in committee.events("AnsweredMany")) > len(committee.events("Answered"))
    _orders(house, found[next(iter(ids))][0])


def _orders(house: House, known: bytes) -> None:
    """One that a member took is answered by two; a list by its root, and every member proves its answers."""
    committee, model_id, (first, second, third) = house.committee, house.model_id, house.committee.places
    questions = [b"one", b"two", b"three"]
    one = committee.order(first, model_id, [b"all are there"], lane=50)
    many = committee.order(second, model_id, questions, lane=51)
    found = committee.world.wait_for_answers({one, many}, house.told)
    assert found[one] == [known], "as any request"
    assert len(committee.signers(one)) == len(committee.signers(many)) == 2
    results = f"{third.url}/v1/results/0x{many.hex()}"
    proofs = until(
        lambda: [httpx.get(f"{results}/{n}") for n in range(3)], lambda all_: all(p.is_success for p in all_)
    )
    assert [proof.json()["root"] for proof in proofs] == ["0x" + found[many][0].hex()] * 3
    outputs = [bytes.fromhex(proof.json()["output"][2:]) for proof in proofs]
    assert listing.result_root(questions, outputs) == found[many][0]
    committees = Committees(committee.world.client, committee.world.start_block)
    seen = committees.seen(committee.forum.committee)
    assert seen.answered == len(found) == sum(member.answered for member in seen.members) // 2
    assert committees.work_of(committee.forum.committee, first.signer.address)[0] == [model_id]


def test_a_liar_is_outvoted_named_and_recognized_before_the_first_request(
    house: House, committee: CommitteeWorld
) -> None:
    liar, *honest = committee.places
    house.cast({0: faulty("lie")})
    house.restart(1)
    wait_for_log(house.homes[1], f"member 0x{liar.signer.address.hex()} answers model")
    ids = {committee.ask(house.model_id, b"one of you lies", lane=100 + lane) for lane in range(3)}
    committee.world.wait_for_answers(ids, house.told)
    for id_ in ids:
        assert set(committee.signers(id_)) == {place.signer.address for place in honest}
    wait_for_log(house.homes[1], "is outvoted")
    wait_for_log(house.homes[0], "do not go on serving")


def test_two_of_three_are_enough(house: House, committee: CommitteeWorld) -> None:
    house.cast({0: None})
    ids = {committee.ask(house.model_id, b"one of you is dead", lane=200 + lane) for lane in range(3)}
    committee.world.wait_for_answers(ids, house.told)


def test_a_member_killed_anywhere_goes_on_where_it_was(house: House, committee: CommitteeWorld) -> None:
    """Of three members one is dead for good, and one is killed in each of its lives but the last: there is no answer
    without it."""
    lanes = count(1_000)
    ids: set[Hash32] = set()

    def asked_once_more() -> int | None:
        ids.add(committee.ask(house.model_id, b"until it is its turn", lane=next(lanes)))
        time.sleep(0.5)
        return house.processes[1].poll()

    house.cast({0: None})
    for point in POINTS:
        house.start(1, (*DOOMED, point))
        assert until(asked_once_more, lambda status: status is not None, house.told) == -signal.SIGKILL, house.told()
    house.cast({0: None})
    ids.add(committee.ask(house.model_id, b"after", lane=next(lanes)))
    committee.world.wait_for_answers(ids, house.told)


def test_nodes_stop_when_they_are_told(house: House) -> None:
    house.cast({0: None})
    for process in house.processes.values():
        process.terminate()
    assert [process.wait(PATIENCE_S) for process in house.processes.values()] == [0, 0], house.told()


def test_members_that_cannot_call_each_other_settle_it_on_chain(house: House, committee: CommitteeWorld) -> None:
    """Commitments, reveals and the count come from the nodes; time is made to pass for them."""
    for place, own in enumerate(house.addresses):
        house.start(place, faulty(*(f"cut={each}" for each in house.addresses if each != own)))
    id_ = committee.ask(house.model_id, b"nobody calls anybody", lane=300, window_s=3_600)
    for home in house.homes:
        wait_for_log(home, "the line is cut")
    time.sleep(1)
    house.pass_by(RULES["window"] + 1)
    until(lambda: committee.events("Committed", id_), lambda found: len(found) == 3, house.told)
    house.pass_by(RULES["window"] + 1)
    committee.world.wait_for_answers({id_}, house.told)
    assert len(committee.signers(id_)) == 2
    assert len(committee.events("Revealed", id_)) >= 2
    for each in committee.places:
        assert committee.read("memberOf", each.signer.address)[0] == STAKE_WEI, "nobody is fined"


def test_members_that_cannot_be_called_call(tmp_path: Path) -> None:
    """For requests, and for an order that one of them was brought."""
    with chains.start(chains.Kind.ANVIL) as chain:
        hidden = CommitteeWorld.build(chain, 3, 3, unreachable=2)
        model_id = register(hidden.world, SELFTEST)
        hidden.license(model_id)
        hidden.world.deposit(10**9)
        homes = [hidden.home(tmp_path / str(each.port), each, [(SELFTEST, model_id)]) for each in hidden.places]
        with ExitStack() as stack:
            for home in homes:
                wait_until_ready(home, stack.enter_context(running(home)))
            ids = {hidden.ask(model_id, b"nobody is needed at home", lane=lane) for lane in range(3)}
            ids.add(hidden.order(hidden.places[1], model_id, [b"nobody is needed at home"], lane=9))
            hidden.world.wait_for_answers(ids, lambda: "\n".join(map(said, homes)))

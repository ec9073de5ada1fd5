"""Committees of real node processes on a real chain: one dead, lying, killed anywhere, or not to be called."""

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import astuple
from itertools import count
from pathlib import Path

import httpx
import pytest

from demo import chains
from tests.committee_world import RULES, STAKE_WEI, CommitteeWorld
from tests.forking import INSTALLED, THEMIS
from tests.homes import SELFTEST, register, running, said, wait_for_log, wait_until_ready
from tests.patience import PATIENCE_S, until
from themis.chain.committees import Committees
from themis.core import committee as messages
from themis.core import listing
from themis.core.committee import Offer
from themis.core.types import ETHER, Hash32

FAULTY = (sys.executable, str(Path(__file__).with_name("faulty_member.py")))
LIAR = (*FAULTY, "lie")
DOOMED = Path(__file__).with_name("doomed.py")
POINTS = ("vowed", "heard", "Proposed", "Agreed", "unsent", "broadcast")
"""Where a member's node is killed: see doomed.py."""


@pytest.fixture(scope="module")
def committee() -> Iterator[CommitteeWorld]:
    with chains.start(chains.Kind.ANVIL) as chain:
        yield CommitteeWorld.build(chain, 2, 3)


@pytest.fixture(scope="module")
def model_id(committee: CommitteeWorld) -> Hash32:
    model_id = register(committee.world, SELFTEST)
    committee.license(model_id)
    return model_id


@pytest.fixture
def homes(tmp_path: Path, committee: CommitteeWorld, model_id: Hash32) -> list[Path]:
    return homes_of(tmp_path, committee, model_id)


def homes_of(folder: Path, committee: CommitteeWorld, model_id: Hash32) -> list[Path]:
    places = enumerate(committee.places)
    return [committee.home(folder / str(number), place, [(SELFTEST, model_id)]) for number, place in places]


def told(homes: Sequence[Path]) -> str:
    return "\n".join(f"--- {home.name}\n{said(home)}" for home in homes if (home / "log").exists())


def test_the_contract_hashes_what_members_sign(committee: CommitteeWorld) -> None:
    forum, one, other = committee.forum, Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
    offer = Offer(one, ETHER, serving=True, min_fee=7, max_callback_gas=9, nonce=3)
    assert committee.read("hashCommitment", one, other) == messages.commitment_digest(forum, one, other)
    assert committee.read("hashResult", one, other) == messages.result_digest(forum, one, other)
    assert committee.read("hashResults", other) == messages.results_digest(forum, other)
    assert committee.read("hashOffer", astuple(offer)) == offer.digest(forum)


def test_three_nodes_agree_and_each_answers_its_share_in_one_transaction(
    committee: CommitteeWorld, model_id: Hash32, homes: list[Path]
) -> None:
    with ExitStack() as stack:
        commands = [(*each, "--set", "fees.gather_s=0.5") for each in (INSTALLED, THEMIS, THEMIS)]
        processes = [stack.enter_context(running(*each)) for each in zip(homes, commands, strict=True)]
        for home, process in zip(homes, processes, strict=True):
            wait_until_ready(home, process)
        ids = committee.ask_several(model_id, b"all are there", range(12))
        found = committee.world.wait_for_answers(ids, lambda: told(homes))
        assert len({output for (output,) in found.values()}) == 1, "the same question has the same answer"
        members = {place.signer.address for place in committee.places}
        for id_ in ids:
            assert len(committee.signers(id_)) == 2
            assert set(committee.signers(id_)) <= members
        assert sum(log.values["answered"] for log in committee.events("AnsweredMany")) > len(
            committee.events("Answered")
        )
        _orders(committee, model_id, homes)
        for process in processes:
            process.terminate()
        assert [process.wait(PATIENCE_S) for process in processes] == [0, 0, 0], told(homes)


def _orders(committee: CommitteeWorld, model_id: Hash32, homes: list[Path]) -> None:
    """One that a member took is answered by two; a list by its root, and every member proves what it says."""
    world, (first, second, third) = committee.world, committee.places
    questions = [b"one", b"two", b"three"]
    world.deposit(2 * 10**9)
    one = committee.order(first, model_id, [b"all are there"], lane=50)
    many = committee.order(second, model_id, questions, lane=51)
    found = world.wait_for_answers({one, many}, lambda: told(homes))
    assert found[one][0] in {output for id_, (output,) in found.items() if id_ not in {one, many}}, "as any request"
    assert len(committee.signers(one)) == len(committee.signers(many)) == 2
    results = f"{third.url}/v1/results/0x{many.hex()}"
    proofs = until(
        lambda: [httpx.get(f"{results}/{n}") for n in range(3)], lambda all_: all(p.is_success for p in all_)
    )
    assert [proof.json()["root"] for proof in proofs] == ["0x" + found[many][0].hex()] * 3
    outputs = [bytes.fromhex(proof.json()["output"][2:]) for proof in proofs]
    assert listing.result_root(questions, outputs) == found[many][0]
    committees = Committees(world.client, world.start_block)
    seen = committees.seen(committee.forum.committee)
    assert seen.answered == len(found) == sum(member.answered for member in seen.members) // 2
    assert committees.work_of(committee.forum.committee, first.signer.address)[0] == [model_id]


def test_a_liar_is_outvoted_named_and_recognized_before_the_first_request(
    committee: CommitteeWorld, model_id: Hash32, homes: list[Path]
) -> None:
    liar, *honest = committee.places
    with ExitStack() as stack:
        for home, command in zip(homes, (LIAR, THEMIS, THEMIS), strict=True):
            stack.enter_context(running(home, command))
        wait_for_log(homes[1], f"member 0x{liar.signer.address.hex()} answers model")
        ids = {committee.ask(model_id, b"one of you lies", lane=100 + lane) for lane in range(3)}
        committee.world.wait_for_answers(ids, lambda: told(homes))
        for id_ in ids:
            assert set(committee.signers(id_)) == {place.signer.address for place in honest}
        wait_for_log(homes[1], "is outvoted")
        wait_for_log(homes[0], "do not go on serving")


def test_members_that_cannot_call_each_other_settle_it_on_chain(
    committee: CommitteeWorld, model_id: Hash32, homes: list[Path]
) -> None:
    """Commitments, reveals and the count come from the nodes; time is made to pass for them."""
    chain, addresses = committee.world.chain, ["0x" + place.signer.address.hex() for place in committee.places]
    with ExitStack() as stack:
        for home, own in zip(homes, addresses, strict=True):
            cut = ",".join(f"cut={each}" for each in addresses if each != own)
            stack.enter_context(running(home, (*FAULTY, cut)))
        id_ = committee.ask(model_id, b"nobody calls anybody", lane=300, window_s=3_600)
        for home in homes:
            wait_for_log(home, "the line is cut")
        time.sleep(1)
        chain.rpc("evm_increaseTime", RULES["window"] + 1)
        chain.rpc("evm_mine")
        until(lambda: committee.events("Committed", id_), lambda found: len(found) == 3, lambda: told(homes))
        chain.rpc("evm_increaseTime", RULES["window"] + 1)
        chain.rpc("evm_mine")
        committee.world.wait_for_answers({id_}, lambda: told(homes))
        assert len(committee.signers(id_)) == 2
        assert len(committee.events("Revealed", id_)) >= 2
    for place in committee.places:
        assert committee.read("memberOf", place.signer.address)[0] == STAKE_WEI, "nobody is fined"


def test_two_of_three_are_enough(committee: CommitteeWorld, model_id: Hash32, homes: list[Path]) -> None:
    with running(homes[1]), running(homes[2]):
        ids = {committee.ask(model_id, b"one of you is dead", lane=200 + lane) for lane in range(3)}
        committee.world.wait_for_answers(ids, lambda: told(homes))


@pytest.mark.parametrize("point", POINTS)
def test_a_member_killed_anywhere_goes_on_where_it_was(
    point: str, committee: CommitteeWorld, model_id: Hash32, homes: list[Path]
) -> None:
    """Of three members one is dead for good and one is killed: without its second life there is no answer."""
    lanes = count(1_000 * (1 + POINTS.index(point)))
    ids: set[Hash32] = set()

    def asked_once_more() -> int | None:
        ids.add(committee.ask(model_id, b"until it is its turn", lane=next(lanes)))
        time.sleep(0.5)
        return process.poll()

    survivor, doomed = homes[:2]
    with running(survivor):
        with running(doomed, (sys.executable, str(DOOMED), point)) as process:
            until(asked_once_more, lambda status: status is not None, lambda: told(homes))
            assert process.returncode == -signal.SIGKILL, told(homes)
        with running(doomed):
            ids.add(committee.ask(model_id, b"after", lane=next(lanes)))
            committee.world.wait_for_answers(ids, lambda: told(homes))


def test_members_that_cannot_be_called_call(tmp_path: Path) -> None:
    with chains.start(chains.Kind.ANVIL) as chain:
        hidden = CommitteeWorld.build(chain, 3, 3, unreachable=2)
        model_id = register(hidden.world, SELFTEST)
        hidden.license(model_id)
        homes = homes_of(tmp_path, hidden, model_id)
        with ExitStack() as stack:
            for home in homes:
                stack.enter_context(running(home))
            ids = {hidden.ask(model_id, b"nobody is needed at home", lane=lane) for lane in range(3)}
            hidden.world.wait_for_answers(ids, lambda: told(homes))

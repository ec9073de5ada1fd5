"""Wrong answers are convicted on a chain, by watchers that know what is opened there; who is honest keeps its bond."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from benchmarks.games import challenge, output_of, serving, truncated
from benchmarks.liars import Stage
from benchmarks.lies import staged
from demo import chains
from tests.cli_kit import Person
from tests.dispute_world import BOND_WEI, CHALLENGE_WEI, CLOCK_S, REVEAL_S, Court, Kept
from tests.homes import SELFTEST
from tests.world import World
from themis.api.server import Server
from themis.bundles import bundle
from themis.chain import transact
from themis.chain.abi import Artifact, address
from themis.chain.contracts import COMMITTEE, DISPUTE, FACTORY, WARRANTY, committee_order, compact
from themis.chain.disputes import Cover, Item
from themis.config import ApiConfig
from themis.core import canonical, listing
from themis.core.committee import OFFER_TYPE, RESULT_TYPE, Forum, typed
from themis.core.errors import Unavailable
from themis.core.keccak import keccak
from themis.core.spelling import shown
from themis.core.types import ETHER, Address, Hash32, Request, Role
from themis.dispute.archive import Archive
from themis.engine import traced
from themis.exact.referee.proof import AtHand

FORWARDER = Address(b"\x77" * 20)
FORWARDING = "0x601436038060145f375f5f825f5f5f3560601c5af1601b575f5ffd5b00"
"""Calls the address in the first 20 bytes of its calldata with the rest."""


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    with chains.start() as chain:
        found = Court.build(World.build(chain), tmp_path_factory.mktemp("court"))
        yield found
        found.close()


@pytest.fixture(scope="module")
def stage() -> Stage:
    loaded = bundle.load(SELFTEST)
    return next(staged(loaded, loaded.golden[:1]))


def input_of() -> bytes:
    return bundle.load(SELFTEST).golden[0].input


def gas(said: list[str]) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(r": ([\d,]+) gas", "\n".join(said))]


def moves(court: Court) -> int:
    """Of all games."""
    return sum(len(game.moves) for game in court.disputes.games(court.disputes.covers()))


def convicted(court: Court, request: Hash32) -> bool:
    covers = court.disputes.covers()
    games = [game for game in court.disputes.games(covers) if game.request_id == request]
    return any(game.moves[-1].name == "Convicted" for game in games)


def test_a_truncated_expert_is_convicted_by_what_its_guarantor_serves(court: Court, stage: Stage) -> None:
    tensors = truncated(stage)
    archive = Kept(AtHand(tensors))
    liar, told = court.watcher(court.guarantor, archive=archive)
    request = court.answered(input_of(), output_of(stage, tensors), lane=1)
    before = court.balance_wei(court.world.requester.address)
    with serving(archive) as url:
        watcher, said = court.watcher(court.player(6), urls=[url])
        court.play(watcher, liar)
    assert convicted(court, request), (said, told)
    assert court.balance_wei(court.world.requester.address) - before == BOND_WEI // 20 + 10**9
    moves = gas(said) + gas(told)
    assert len(moves) == 3, said
    assert sum(moves) < 1_000_000, (said, told)


def test_whoever_withholds_shows_it_on_the_chain(court: Court, stage: Stage) -> None:
    tensors = truncated(stage)
    liar, told = court.watcher(court.guarantor, archive=Kept(AtHand(tensors)))
    watcher, said = court.watcher(court.player(6))
    request = court.answered(input_of(), output_of(stage, tensors), lane=2)
    court.play(watcher, liar)
    assert convicted(court, request), (said, told)
    assert len(gas(said)) > 3


def test_whoever_is_silent_loses_when_its_clock_runs_out(court: Court, stage: Stage) -> None:
    watcher, said = court.watcher(court.player(6))
    request = court.answered(input_of(), output_of(stage, truncated(stage)), lane=3)
    court.play(watcher)
    assert not convicted(court, request)
    court.later(REVEAL_S + 1)
    court.play(watcher)
    assert convicted(court, request), said


def test_an_honest_answer_that_a_liar_challenges_keeps_its_bond_and_earns_the_challengers(
    court: Court, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traced, "_prepared", lambda *_: pytest.fail("a trace is made in a process of its own"))
    honest, said = court.watcher(court.guarantor)
    request = court.answered(input_of(), output_of(stage, dict(stage.honest)), lane=4)
    exchange = court.verifier().history.called("0x" + request.hex())[0]
    challenge(court, request)
    court.play(honest)
    before = court.balance_wei(court.guarantor.address)
    court.later(CLOCK_S + 1)
    court.play(honest)
    assert not convicted(court, request)
    earned = court.balance_wei(court.guarantor.address) - before
    assert 0 < CHALLENGE_WEI * 9 // 10 - earned < 10**15, said
    (covered,) = court.disputes.read(
        WARRANTY, court.disputes.warranty, "coveredOf", bytes(32), exchange.fulfilled.result_hash
    )
    assert not covered[-1]


def test_an_answer_that_its_own_trace_does_not_give_is_convicted_by_that(court: Court, stage: Stage) -> None:
    liar, told = court.watcher(court.guarantor, archive=Kept(stage.mine))
    watcher, said = court.watcher(court.player(6))
    output = bytearray(output_of(stage, dict(stage.honest)))
    output[3] ^= 1
    request = court.answered(input_of(), bytes(output), lane=5)
    court.play(watcher, liar)
    assert convicted(court, request), (said, told)


def test_a_trace_of_another_input_is_convicted(court: Court, stage: Stage) -> None:
    loaded = bundle.load(SELFTEST)
    others = (golden for golden in loaded.golden if golden.output != loaded.golden[0].output)
    other = next(staged(loaded, others))
    liar, told = court.watcher(court.guarantor, archive=Kept(other.mine))
    watcher, said = court.watcher(court.player(6))
    request = court.answered(input_of(), output_of(other, dict(other.honest)), lane=6)
    court.play(watcher, liar)
    assert convicted(court, request), (said, told)


def test_a_dry_run_sends_nothing_and_a_cap_holds(court: Court, stage: Stage) -> None:
    request = court.answered(input_of(), output_of(stage, truncated(stage)), lane=7)
    dry, said = court.watcher(court.player(8), dry=True)
    assert not dry.step()
    assert any("would challenge" in line for line in said), said
    capped, told = court.watcher(court.player(8), most_bonds_wei=CHALLENGE_WEI - 1)
    assert not capped.step()
    assert any("max_bonds_wei" in line for line in told), told
    assert not convicted(court, request)


def begun(court: Court, stage: Stage, lane: int) -> tuple[Hash32, Kept]:
    """A wrong answer, and the trace that its guarantor will commit to."""
    tensors = truncated(stage)
    return court.answered(input_of(), output_of(stage, tensors), lane=lane), Kept(AtHand(tensors))


def test_killed_after_each_signature_both_sides_go_on_with_what_they_signed(
    court: Court, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, archive = begun(court, stage, 8)
    before = moves(court)
    killed: list[bytes] = []
    follow = transact._Followed.receipt

    def die_first(followed: transact._Followed) -> Any:
        if followed.raws[-1] not in killed:
            killed.append(followed.raws[-1])
            raise KeyboardInterrupt  # as SIGKILL, when the transaction is on disk and not sent
        return follow(followed)

    monkeypatch.setattr(transact._Followed, "receipt", die_first)
    for _ in range(200):
        liar, _ = court.watcher(court.guarantor, archive=archive)
        watcher, said = court.watcher(court.player(6))
        for each in (watcher, liar):
            with suppress(KeyboardInterrupt):
                each.step()
        court.later(1)
        if convicted(court, request):
            break
    assert convicted(court, request), said
    assert len(killed) == moves(court) - before > 5, "each move was signed once"


def test_a_reveal_that_leaves_the_chain_is_made_again(court: Court, stage: Stage) -> None:
    request, archive = begun(court, stage, 9)
    liar, told = court.watcher(court.guarantor, archive=archive)
    watcher, said = court.watcher(court.player(6))
    watcher.step()
    liar.step()
    assert "reveal" in told[-1]
    court.world.chain.rpc("anvil_reorg", 1, [])
    court.play(watcher, liar)
    assert convicted(court, request), (said, told)


def test_an_endpoint_that_lies_about_openings_is_as_one_that_has_none(court: Court, stage: Stage) -> None:
    """It serves the honest trace, which does not lead to the root that was revealed; another says nonsense."""
    request, archive = begun(court, stage, 10)
    liar, told = court.watcher(court.guarantor, archive=archive)
    with serving(Kept(stage.mine)) as one, serving(Archive(court.folder / "none", 1)) as other:
        watcher, said = court.watcher(court.player(6), urls=[one, other, "http://127.0.0.1:9"])
        court.play(watcher, liar)
    assert convicted(court, request), (said, told)


def test_what_is_shown_through_a_contract_is_found_all_the_same(
    court: Court, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in no transaction's own calldata then: the event has it."""
    request, archive = begun(court, stage, 11)
    liar, told = court.watcher(court.guarantor, archive=archive)
    watcher, said = court.watcher(court.player(6))
    court.world.chain.rpc("anvil_setCode", "0x" + FORWARDER.hex(), FORWARDING)
    send = court.disputes.send
    hidden = (DISPUTE.selector("open"), DISPUTE.selector("openLeaves"))

    def through(*sent: Any) -> Any:
        place, data = sent[3:5]
        to, call = (FORWARDER, place + data) if data[:4] in hidden else (place, data)
        return send(*(*sent[:3], to, call, *sent[5:]))

    monkeypatch.setattr(court.disputes, "send", through)
    court.play(watcher, liar)
    assert convicted(court, request), (said, told)


def test_what_is_covered_is_said_in_plain_words(court: Court, tmp_path: Path) -> None:
    """By the commands; and an own warranty is set up, covers, and ends."""
    chain = court.world.chain
    at = ("--oracle", "0x" + court.world.client.oracle.hex(), "--start-block", str(court.world.start_block))
    person = Person.settle(tmp_path / "bond", court.player(9), chain.rpc_url, *at)
    assert "dispute.warranty is not set" in person.fails(78, "warranty", "show")
    places = person.tell("warranty", "deploy")
    assert places.keys() == {"warranty", "contract", "adaptors"}
    assert person.tell("warranty", "show") == []
    assert "set already" in person.fails(78, "warranty", "deploy")
    (person.home / "models").mkdir()
    shutil.copytree(SELFTEST, person.home / "models" / SELFTEST.name)
    model_id = "0x" + court.model_id.hex()
    amounts = ("--bond-wei", "1000", "--challenge-bond-wei", "200", "--operator", "0x" + court.cover.operator.hex())
    assert "a fifth of the bond" in person.fails(77, "warranty", "cover", model_id, *amounts[:3], "201", *amounts[4:])
    person.tell("warranty", "bond", "5000")
    covered = person.tell("warranty", "cover", model_id, *amounts)
    everything = "everything: how the input is read, the network, how the answer is written"
    assert covered["proved"] == everything
    (row,) = person.tell("warranty", "show")
    assert (row["cover"], row["proved"]) == (covered["cover"], everything)
    assert row["answers"] == "5 can be wrong before it is spent"
    said = person.run("--set", "api.port=0", "watch", "--once", "--dry-run", "--poll-s", "0.05")
    assert said.status == 0
    assert "traces are served at" in said.err
    assert person.tell("warranty", "cover", model_id, *amounts, "--end")["ended"]
    assert "leave" not in person.tell("warranty", "withdraw", "--unbond-wei", "5000")


def test_what_cannot_be_read_of_one_game_stands_in_no_others_way_and_small_bonds_are_left_alone(
    court: Court, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(court, stage, 12)
    liar, _ = court.watcher(court.guarantor, archive=Kept(AtHand(truncated(stage))))
    watcher, said = court.watcher(court.player(6))
    for each in (watcher, liar, watcher, liar):
        each.step()

    def unread(*_: Any) -> Any:
        raise Unavailable("the endpoint has it no more")

    monkeypatch.setattr(court.disputes, "arguments", unread)
    begun(court, stage, 13)
    small = court.cover._replace(guarantor=court.player(8).address, bond_wei=10**6, challenge_bond_wei=10**5)
    court.send(court.player(8), court.disputes.warranty, WARRANTY.call("bond", small.guarantor), 10**9)
    manifest_hash = bundle.load(SELFTEST).manifest_hash
    court.send(court.player(8), court.disputes.warranty, WARRANTY.call("cover", small, manifest_hash))
    said.clear()
    assert watcher.step()
    told = "\n".join(said)
    assert "has it no more" in told
    assert "challenge: " in told
    assert "a game may cost" in told


@contextmanager
def telling(court: Court, order: Request, inputs: Sequence[bytes], outputs: Sequence[bytes]) -> Iterator[str]:
    """An operator's node, as far as its orders go."""
    app = FastAPI()

    @app.get("/v1/orders/{id_}")
    def one(id_: str) -> dict[str, Any]:
        return {"input": shown(inputs[0])} if id_ == shown(id_of(court, order)) else {}

    @app.get("/v1/results/{id_}/{index}")
    def result(id_: str, index: int) -> dict[str, Any]:
        if id_ != shown(id_of(court, order)):
            return {}
        asked = listing.prove_input(inputs, index).siblings
        said = listing.prove_result(inputs, outputs, index).siblings
        proofs = {"input_siblings": list(map(shown, asked)), "siblings": list(map(shown, said))}
        return {"input": shown(inputs[index]), "output": shown(outputs[index])} | proofs

    server = Server(ApiConfig(port=0))
    server.start(app)
    try:
        yield server.url
    finally:
        server.stop()


def id_of(court: Court, order: Request) -> Hash32:
    client = court.world.client
    return canonical.request_id(order, client.chain_id, client.oracle)


def test_of_a_list_the_wrong_item_is_convicted_and_an_honest_one_keeps_its_bond(court: Court, stage: Stage) -> None:
    court.world.deposit(10**10)
    tensors, honest = truncated(stage), bundle.load(SELFTEST).golden[1]
    inputs, outputs = [input_of(), honest.input], [output_of(stage, tensors), honest.output]
    order = court.ordered(inputs, outputs, lane=20)
    wrong, right = (listing.item_id(id_of(court, order), index) for index in range(2))
    blind, heard = court.watcher(court.player(8))
    blind.step()
    assert any(f"nobody shows item 0 of request {shown(id_of(court, order))}" in line for line in heard), heard
    with telling(court, order, inputs, outputs) as url:
        liar, told = court.watcher(court.guarantor, archive=Kept(AtHand(tensors)), urls=[url])
        watcher, said = court.watcher(court.player(6), urls=[url])
        watcher.step()
        shut = [court.watcher(court.player(6))[0], court.watcher(court.guarantor, archive=liar.archive)[0]]
        liar.step()
    court.play(*shut)  # nobody shows it any more: both have kept what they need
    assert convicted(court, wrong), (said, told)

    item = Item(
        listing.result_root(inputs, outputs),
        Hash32(keccak(honest.input)),
        Hash32(keccak(honest.input)),
        1,
        honest.output,
        listing.prove_input(inputs, 1).siblings,
        listing.prove_result(inputs, outputs, 1).siblings,
    )
    data = DISPUTE.call("challenge", court.cover, canonical.request_words(order), item.said)
    court.send(court.player(7), court.cover.dispute, data, CHALLENGE_WEI)
    with telling(court, order, inputs, outputs) as url:
        defender, said = court.watcher(court.guarantor, urls=[url])
        court.play(defender)
        before = court.balance_wei(court.guarantor.address)
        court.later(CLOCK_S + 1)
        court.play(defender)
    assert not convicted(court, right)
    assert 0 < CHALLENGE_WEI * 9 // 10 - (court.balance_wei(court.guarantor.address) - before) < 10**15, said


def test_a_single_orders_answer_is_registered_watched_and_convicted(court: Court, stage: Stage) -> None:
    court.world.deposit(10**10)
    tensors = truncated(stage)
    output = output_of(stage, tensors)
    order = court.ordered([input_of()], [output], lane=21)
    words = canonical.request_words(order)
    court.send(court.player(8), court.disputes.warranty, WARRANTY.call("register", court.cover, words, output))
    court.ordered([input_of()], [bundle.load(SELFTEST).golden[0].output], lane=21)  # the lane is used again
    with telling(court, order, [input_of()], [output]) as url:
        liar, told = court.watcher(court.guarantor, archive=Kept(AtHand(tensors)), urls=[url])
        watcher, said = court.watcher(court.player(6), urls=[url])
        court.play(watcher, liar)
    assert convicted(court, id_of(court, order)), (said, told)


def founded(court: Court, stakes: Address) -> tuple[Address, list[Any]]:
    """A committee of two, whose stakes a contract may take, and who offer the model."""
    client, members = court.world.client, sorted(map(court.player, (8, 9)), key=lambda each: each.address)
    factory = court.world.deploy(FACTORY, client.oracle)
    rules = (2, 0, 300, 14 * 86_400, 10**18, 10**17)
    raised = court.send(members[0], factory, FACTORY.call("create", rules, []))
    created = shown(FACTORY.topic("CommitteeCreated"))
    topics = next(log["topics"] for log in raised["logs"] if log["topics"][0] == created)
    committee = address("0x" + topics[1][-40:])
    for each in members:
        joining = COMMITTEE.call("join", each.address, stakes, "https://member.example")
        court.send(each, committee, joining, 10**18)
        court.world.grant(court.model_id, each.address, Role.OPERATOR)
    court.world.grant(court.model_id, committee, Role.OPERATOR)
    offer = (court.model_id, ETHER, True, 0, 0, 0)
    signed = said_by(court, committee, members, OFFER_TYPE, *offer)
    court.send(members[0], committee, COMMITTEE.call("offer", offer, [compact(each) for each in signed]))
    return committee, members


def said_by(court: Court, committee: Address, members: Sequence[Any], type_: str, *values: Any) -> list[bytes]:
    forum = Forum(court.world.client.chain_id, committee)
    return [each.sign_typed(typed(forum, type_, *values)) for each in members]


def test_members_that_signed_a_convicted_item_lose_their_stakes_once_whoever_is_killed(
    court: Court, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, client = court.world, court.world.client
    named = (court.disputes.warranty, court.cover.dispute, [court.cover.adaptor], court.guarantor.address)
    committee, members = founded(court, world.deploy(Artifact("Stakes"), *named))
    cover: Cover = court.cover._replace(operator=committee)
    manifest_hash = bundle.load(SELFTEST).manifest_hash
    court.send(court.guarantor, court.disputes.warranty, WARRANTY.call("cover", cover, manifest_hash))
    world.deposit(10**10)
    inputs, outputs = [input_of(), b"second"], [output_of(stage, truncated(stage)), bytes(6)]
    order = world.order(court.model_id, listing.pack(inputs), lane=22, items=2, operator=committee)
    root = listing.result_root(inputs, outputs)
    whole = canonical.result_hash(id_of(court, order), court.model_id, root, client.chain_id, client.oracle)
    signed = said_by(court, committee, members, RESULT_TYPE, id_of(court, order), whole)
    court.send(members[0], committee, committee_order(order, world.signed(order), root, signed))

    killed: list[bytes] = []
    follow = transact._Followed.receipt

    def die_first(followed: transact._Followed) -> Any:
        if followed.raws[-1] not in killed:
            killed.append(followed.raws[-1])
            raise KeyboardInterrupt
        return follow(followed)

    def staked() -> list[int]:
        found = [court.disputes.read(COMMITTEE, committee, "memberOf", each.address)[0] for each in members]
        return [int(each[0]) for each in found]

    assert staked() == [10**18] * 2
    with telling(court, order, inputs, outputs) as url:
        watcher, said = court.watcher(court.player(6), urls=[url])
        court.play(watcher)
        court.later(REVEAL_S + 1)
        monkeypatch.setattr(transact._Followed, "receipt", die_first)
        for _ in range(40):
            watcher, said = court.watcher(court.player(6), urls=[url])
            with suppress(KeyboardInterrupt):
                if not watcher.step() and sum(staked()) == 0:
                    break
    assert staked() == [0, 0], said
    assert not watcher.step(), "a stake is taken once"

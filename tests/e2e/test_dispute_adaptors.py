"""What models read and write is proved on a chain, too: of tensors all, of code all but tokens, which are checked."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import onnx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from benchmarks import liars
from benchmarks.games import challenge, serving
from benchmarks.liars import Stage, Tensors
from benchmarks.lies import staged
from demo import chains
from tests import foreign_models as foreign
from tests.dispute_world import CHALLENGE_WEI, CLOCK_S, Court, Kept
from tests.homes import RISK
from tests.world import World
from themis.adopt import adopt
from themis.adopt.adopt import Wishes
from themis.api import covers
from themis.api.licensing import Licensing
from themis.bundles import bundle
from themis.chain.contracts import DISPUTE
from themis.core.types import Hash32
from themis.dispute.covers import Covers
from themis.dispute.watching import Watcher
from themis.evm import encode, report
from themis.evm.vocabulary import ID
from themis.exact import trace
from themis.exact.referee.proof import AtHand, Prover


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    with chains.start() as chain:
        found = Court.build(World.build(chain), tmp_path_factory.mktemp("court"), RISK)
        yield found
        found.close()


@pytest.fixture(scope="module")
def stage() -> Stage:
    loaded = bundle.load(RISK)
    return next(staged(loaded, loaded.golden[:1]))


@cache
def code() -> bytes:
    return bundle.load(RISK).golden[0].input


def report_of(stage: Stage, tensors: Tensors) -> bytes:
    (word,) = stage.graph.outputs.values()
    return report.pack(tensors[word].tolist(), encode.encode(code()))


def convicted(court: Court, request: Hash32) -> str:
    """What convicted; empty where nothing did."""
    (game,) = [game for game in court.disputes.games(court.disputes.covers()) if game.request_id == request]
    if game.moves[-1].name != "Convicted":
        return ""
    data = court.world.client.rpc.call("eth_getTransactionByHash", game.moves[-1].tx_hash)["input"]
    names = {"prove": "prove", "proveInput": "input", "proveOutput": "output", "timeout": "time"}
    return next(said for name, said in names.items() if data.startswith("0x" + DISPUTE.selector(name).hex()))


def truncated(stage: Stage) -> Tensors:
    """A run of a build with coarse weights, which answers otherwise."""
    lies = (liars.coarse(stage, np.random.default_rng(seed)) for seed in range(99))
    right = report_of(stage, dict(stage.honest))
    return next(found for found in lies if found is not None and report_of(stage, found) != right)


@dataclass(frozen=True, slots=True)
class Table:
    """A guarantor that serves whatever trace it is given, and a watcher."""

    court: Court
    archive: Kept
    players: tuple[Watcher, Watcher]
    said: list[str]

    def play(self, tensors: Tensors, input_: bytes, output: bytes, lane: int) -> Hash32:
        self.archive.trace = AtHand(tensors)
        request = self.court.answered(input_, output, lane=lane)
        self.court.play(*self.players)
        return request


@contextmanager
def seated(court: Court, stage: Stage) -> Iterator[Table]:
    archive = Kept(stage.mine)
    with serving(archive) as url:
        liar, _ = court.watcher(court.guarantor, archive=archive)
        watcher, said = court.watcher(court.player(6), urls=[url])
        yield Table(court, archive, (watcher, liar), said)


@pytest.fixture(scope="module")
def table(court: Court, stage: Stage) -> Iterator[Table]:
    with seated(court, stage) as found:
        yield found


def test_a_wrong_network_is_convicted(table: Table, stage: Stage) -> None:
    tensors = truncated(stage)
    request = table.play(tensors, code(), report_of(stage, tensors), 1)
    assert convicted(table.court, request) == "prove", table.said


def test_a_wrong_network_that_is_withheld_is_convicted(table: Table, stage: Stage) -> None:
    tensors = truncated(stage)
    table.archive.trace = AtHand(tensors)
    request = table.court.answered(code(), report_of(stage, tensors), lane=2)
    watcher, said = table.court.watcher(table.court.player(7))
    table.court.play(watcher, table.players[1])
    assert convicted(table.court, request) == "prove", said


@pytest.mark.parametrize(
    ("name", "element", "value"), [("tokens", 7, ID["SELFDESTRUCT.caller.open"]), ("grams", 30, 9)]
)
def test_inputs_that_the_code_cannot_give_are_convicted(
    table: Table, stage: Stage, name: str, element: int, value: int
) -> None:
    word = next(word for word, each in stage.graph.inputs.items() if each == name)
    other = stage.honest[word].copy()
    other.flat[element] = value
    output = bytearray(report_of(stage, dict(stage.honest)))
    output[1] ^= 1
    request = table.play(dict(stage.honest) | {word: other}, code(), bytes(output), 3 + element)
    assert convicted(table.court, request) == "input", table.said


def test_a_score_that_the_trace_does_not_give_is_convicted(table: Table, stage: Stage) -> None:
    """It is more than any row has: the guarantor names a row when it reveals."""
    scores = list(report.unpack(report_of(stage, dict(stage.honest))).scores_bps)
    lane = int(np.argmin(scores))
    output = bytearray(report_of(stage, dict(stage.honest)))
    output[2 * lane : 2 * lane + 2] = (scores[lane] + 1).to_bytes(2, "big")
    request = table.play(dict(stage.honest), code(), bytes(output), 52)
    assert convicted(table.court, request) == "output", table.said


def test_what_only_the_tracer_tells_is_told_and_not_challenged(table: Table, stage: Stage) -> None:
    output = bytearray(report_of(stage, dict(stage.honest)))
    output[14:16] = (int.from_bytes(output[14:16], "big") - 1).to_bytes(2, "big")  # coverage
    table.court.answered(code(), bytes(output), lane=60)
    assert not table.players[0].step()
    assert "only running the model again shows what is wrong" in table.said[-1]


def retold(stage: Stage) -> Tensors:
    """An honest run of other tokens, which this code could have, and of which the answer is another."""
    right = report_of(stage, dict(stage.honest))
    feed = {name: stage.honest[word] for word, name in stage.graph.inputs.items()}
    starts = np.flatnonzero(feed["first"] == np.arange(len(feed["first"])))
    for at in np.flatnonzero(feed["tokens"] >= ID["SSTORE.slot.zero"]):
        tokens = feed["tokens"].copy()
        tokens[at] = ID["REVERT"]
        windows = (tuple(window.tolist()) for window in np.split(tokens, starts[1:]))
        grams = np.array([row for window in windows for row in encode.buckets(window)], np.int64)
        found = dict(trace.tensors(stage.model, stage.graph, feed | {"tokens": tokens, "grams": grams}))
        if report_of(stage, found) != right:
            return found
    raise AssertionError("no other token changes the answer")


def test_tokens_that_pass_every_check_convict_nobody(table: Table, stage: Stage) -> None:
    """The challenger says so, and loses its bond."""
    tensors = retold(stage)
    request = table.play(tensors, code(), report_of(stage, tensors), 61)
    assert any("no contract convicts this answer" in line for line in table.said), table.said
    (watcher, liar), deadline = table.players, "themis_watch_deadline_timestamp_seconds"
    assert measured(watcher, deadline) < math.inf
    assert measured(liar, deadline) == math.inf
    table.court.later(CLOCK_S + 1)
    table.court.play(*table.players)
    assert convicted(table.court, request) == ""
    for player, side in ((watcher, "challenger"), (liar, "guarantor")):
        assert measured(player, "themis_watch_games_ended", side=side, how="dismissed") == 1
        assert measured(player, "themis_watch_games", side=side, phase="challenger") == 0
        assert measured(player, deadline) == math.inf
    assert measured(watcher, "themis_watch_answers_total", verdict="undecided") == 1
    assert measured(liar, "themis_watch_bond_wei", part="free") > 0


def measured(player: Watcher, name: str, **labels: str) -> float:
    found = player.tally.registry.get_sample_value(name, labels)
    assert found is not None, name
    return found


def test_an_honest_report_that_a_liar_challenges_keeps_its_bond(table: Table, stage: Stage) -> None:
    court = table.court
    honest, said = court.watcher(court.guarantor)
    request = court.answered(code(), report_of(stage, dict(stage.honest)), lane=62)
    challenge(court, request)
    court.play(honest)
    before = court.balance_wei(court.guarantor.address)
    court.later(CLOCK_S + 1)
    court.play(honest)
    assert convicted(court, request) == ""
    assert 0 < CHALLENGE_WEI * 9 // 10 - (court.balance_wei(court.guarantor.address) - before) < 10**15, said


@dataclass(frozen=True, slots=True)
class Brought:
    """An exact model of tensors that somebody brings: a run of it, the request and the answer."""

    table: Table
    stage: Stage
    input: bytes
    output: bytes


@pytest.fixture(scope="module")
def brought(court: Court, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brought]:
    folder = tmp_path_factory.mktemp("brought")
    target = folder / "made"
    target.mkdir()
    wishes = Wishes("brought", "1.0", "A test.", "MIT", "Built with it", None, (), 8, 1_000)
    adopt.adopt(foreign.source(folder / "source", foreign.exact()), target, wishes)
    model = onnx.load_from_string(bundle.load(target).model)
    prover = Prover(model)
    x = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    honest = dict(trace.tensors(model, prover.program, {"x": x}))
    (word,) = prover.program.outputs.values()
    stage = Stage(prover, model, honest, AtHand(honest))
    with seated(court.beside(target), stage) as table:
        yield Brought(table, stage, (3).to_bytes(4, "big") + x.tobytes(), honest[word].astype(">i4").tobytes())


@pytest.mark.parametrize("lie", ["network", "input", "output"])
def test_a_model_of_tensors_is_proved_from_end_to_end(brought: Brought, lie: str) -> None:
    stage, said = brought.stage, dict(brought.stage.honest)
    (word,), (given,) = stage.graph.outputs.values(), stage.graph.inputs
    if lie == "network":
        said[word] = said[word] + 1
    elif lie == "input":
        said[given] = said[given] ^ 1
    output = brought.output[:-1] + bytes([brought.output[-1] ^ 1])
    request = brought.table.play(said, brought.input, output, 70 + len(lie))
    assert convicted(brought.table.court, request) == {"network": "prove"}.get(lie, lie), brought.table.said


def test_an_answer_to_what_the_model_refuses_is_convicted(brought: Brought) -> None:
    request = brought.table.play(dict(brought.stage.honest), brought.input + b"\x00", brought.output, 90)
    assert convicted(brought.table.court, request) == "input", brought.table.said


def test_a_cover_says_what_is_proved(brought: Brought, table: Table) -> None:
    """The API as the command."""
    courts = (table.court, brought.table.court)
    found = [Covers(court.disputes, court.verifier().holdings).look() for court in courts]
    words = {each.model: each.proved for rows in found for each in rows if each.model}
    assert words["evm-risk-moe"].startswith("network, n-grams and report are proved on the chain")
    assert words["brought"].startswith("everything")
    court, app = table.court, FastAPI()
    licensing = Licensing(court.world.client, court.world.start_block, {}, warranty=court.disputes.warranty)
    covers.install(app, licensing, court.verifier().holdings)
    rows = TestClient(app).get("/v1/covers").json()
    assert [each["model"] for each in rows] == ["evm-risk-moe", None]
    assert [each["proved"] for each in rows] == [each.proved for each in found[0]]
    assert rows[0]["until_s"] is None
    assert rows[0]["bond_wei"] == str(court.cover.bond_wei)
    elsewhere = FastAPI()
    covers.install(elsewhere, replace(licensing, warranty=court.cover.dispute), court.verifier().holdings)
    reply = TestClient(elsewhere).get("/v1/covers")
    assert (reply.status_code, "correct dispute.warranty" in reply.text) == (404, True)

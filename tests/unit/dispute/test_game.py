"""Whoever claims a wrong trace is convicted by a challenger that sees what is shown alone; nobody else is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks import liars, lies
from benchmarks.liars import Stage
from tests.dispute_kit import Forged, Nothing, convicts, forged, play
from tests.integrity_kit import renamed, spoiled
from themis.core.merkle import Tree, sha256
from themis.dispute import proving, search, showing
from themis.dispute.claim import HEADERS, Ask, Claimed
from themis.dispute.search import Misfit, Missing, Surplus, Unordered, Unread
from themis.dispute.tree import Question, Shown, Unproved, answer
from themis.exact.referee.proof import AtHand, Prover

LIES = 4
"""Of each kind about each model."""
MOST_MOVES = 17
"""Of a game about the shortest inputs: the headers in two questions or three, a tensor in four."""


@dataclass(frozen=True, slots=True)
class Table:
    """One model, one request, and its honest trace."""

    stage: Stage
    prover: Prover
    mine: AtHand


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    chosen = list(lies.stages())[:: lies.INPUTS]
    return [Table(stage, stage.prover, stage.mine) for stage in chosen]


@pytest.mark.parametrize("kind", liars.KINDS)
def test_every_liar_is_convicted_by_what_it_shows_alone(kind: str, tables: list[Table]) -> None:
    played = 0
    for table in tables:
        for seed in range(LIES):
            tensors = liars.KINDS[kind](table.stage, np.random.default_rng(seed))
            liar = None if tensors is None else forged(table.mine, tensors)
            if liar is None or liar.root == table.mine.root:
                continue
            game = play(table.prover, table.mine, liar)
            assert convicts(table.prover, game), (seed, game.fault)
            assert game.moves <= MOST_MOVES
            played += 1
    assert played >= 2


@pytest.mark.parametrize("shows", range(4))
def test_whoever_shows_no_more_after_some_questions_is_convicted(shows: int, tables: list[Table]) -> None:
    table = tables[0]
    tensors = liars.KINDS["value followed"](table.stage, np.random.default_rng(1))
    assert tensors is not None
    game = play(table.prover, table.mine, forged(table.mine, tensors), shows=shows)
    assert game.silent
    assert len(game.asks) == shows + 1


def bytes_of_liars(table: Table) -> Iterator[tuple[type, list[bytes]]]:
    """Headers that are no trace's, and the fault that each is convicted of."""
    headers, rng = list(table.mine.headers.leaves), np.random.default_rng(0)
    last = table.mine.words[-1]
    for place in (0, 1, 17, len(headers) - 1):
        before, word = headers[:place], table.mine.words[place]
        yield Unread, [*before, spoiled(headers[place], rng), *headers[place + 1 :]]
        yield Missing, [*before, *headers[place + 1 :]]
        is_input = word in table.prover.program.inputs  # then it comes behind the next one
        extra = renamed(headers[place], word + 9)
        yield Missing if is_input else Surplus, [*headers[: place + 1], extra, *headers[place + 1 :]]
        if place:
            yield Unordered, [*before, headers[0], *headers[place + 1 :]]
            yield Unordered, [*headers[: place + 1], *headers[place:]]
    yield Missing, headers[:-40]
    yield Surplus, [*headers, renamed(headers[-1], last + 1)]
    yield Surplus, [*headers, *(renamed(headers[-1], last + (each << 32)) for each in range(1, 500))]


def test_whoever_commits_to_what_is_no_trace_is_convicted_of_that(tables: list[Table]) -> None:
    for table in tables:
        for fault, headers in bytes_of_liars(table):
            game = play(table.prover, table.mine, Forged(table.mine, Tree(headers, sha256)))
            assert isinstance(game.fault, fault), (fault, game.fault)
            assert convicts(table.prover, game)
            assert game.moves <= MOST_MOVES


def test_leaves_that_do_not_fit_and_roots_of_nothing(tables: list[Table]) -> None:
    for table in tables:
        for word in table.mine.words[::23]:
            body = list(table.mine.tree(word).leaves)
            for other in ([*body, b"\x00" * 8], [body[0] + b"\x00", *body[1:]], [*body[:-1], body[-1] + b"\x01"]):
                tree, place = Tree(other, sha256), table.mine.places[word]
                headers = list(table.mine.headers.leaves)
                headers[place] = headers[place][:96] + tree.root + headers[place][128:]
                game = play(table.prover, table.mine, Forged(table.mine, Tree(headers, sha256), {word: tree}))
                assert isinstance(game.fault, Misfit)
                assert convicts(table.prover, game)
        game = play(table.prover, table.mine, Nothing(table.mine, table.mine.headers))
        assert game.silent


def test_whoever_is_honest_can_show_all_that_is_asked_and_is_accused_of_nothing(tables: list[Table]) -> None:
    """By whoever asks whatever of what was shown: the trace alone says what is under a node."""
    for table in tables:
        game = play(table.prover, table.mine, Forged(table.mine, table.mine.headers))
        assert (game.fault, game.silent, game.asks) == (None, False, [])
        stranger = liars.KINDS["one weight"](table.stage, np.random.default_rng(3)) or table.stage.honest
        claimed = Claimed(table.mine.root, AtHand(stranger))
        for _ in range(40):
            ask = search.look(table.prover.program, claimed)
            if not isinstance(ask, Ask):
                break
            claimed.learn(ask, showing.show(table.mine, ask))
        assert ask is None or not isinstance(ask, Ask)


def test_what_does_not_lead_to_the_root_is_not_believed(tables: list[Table]) -> None:
    """Whatever a lying endpoint says: it is as if it had said nothing."""
    table = tables[0]
    tensors = liars.KINDS["value"](table.stage, np.random.default_rng(1))
    assert tensors is not None
    liar = forged(table.mine, tensors)
    claimed, root = Claimed(liar.root, table.mine), Ask(HEADERS, Question())
    good = liar.show(root)
    false = [
        Shown(good.count + 1, good.nodes),
        Shown(0, good.nodes),
        Shown(2**41, good.nodes),
        Shown(good.count, good.nodes[:-1]),
        Shown(good.count, (good.nodes[1], *good.nodes[1:])),
        Shown(good.count, ()),
        answer(table.mine.headers, Question(), 4),
    ]
    for each in false:
        with pytest.raises(Unproved):
            claimed.learn(root, each)
    claimed.learn(root, good)
    ask = search.look(table.prover.program, claimed)
    assert isinstance(ask, Ask)
    shown = liar.show(ask)
    for each in (Shown(leaves=shown.leaves[:-1]), Shown(leaves=(b"", *shown.leaves[1:])), Shown(nodes=good.nodes)):
        with pytest.raises(Unproved):
            claimed.learn(ask, each)
    claimed.learn(ask, shown)
    with pytest.raises(LookupError):
        claimed.header_at(0 if claimed.headers.leaf(0) is None else len(table.mine.words) + 5)
    assert proving.place(claimed, root)[1] == 0

"""A decoder is tuned as other models are: the same bits in every way, what is faster is kept, and the node runs it."""

# ruff: noqa: FBT003 (values of knobs)

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from onnx import numpy_helper

from tests import small_language_model
from tests.fakes import MODEL
from themis.bundles import bundle
from themis.bundles.bundle import Bundle
from themis.core.types import Draft
from themis.engine import engine as engines
from themis.engine.engine import OnnxEngine, Timing, is_tunable
from themis.engine.runner import OneByOne
from themis.engine.tuning import untuned
from themis.exact import rewrite as rewriting
from themis.exact.rewrite import Rewrite
from themis.exact.rewrite.net import Net
from themis.optimize import journal, paired, trial
from themis.optimize.evidence import Interval
from themis.optimize.loop import Loop, Subject
from themis.optimize.machine import here
from themis.optimize.planner import Lesson, Plan, Planner
from themis.optimize.profile import profile
from themis.optimize.records import MODEL_PART, Outcome
from themis.optimize.space import Move, applied
from themis.optimize.traffic import Traffic

QUESTIONS = (b"the?", b"what is the answer to the longest of all these questions?", b"a?")
TRAFFIC = Traffic(tuple((each, None) for each in QUESTIONS), {1: 3})


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle.load(small_language_model.cut(tmp_path_factory.mktemp("cut"), max_new_tokens=6))


@pytest.fixture(autouse=True)
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, and measured in a hurry: neither matters here."""
    monkeypatch.setattr(engines, "Apart", lambda bundle, tuning, _: OneByOne(bundle, tuning))
    monkeypatch.setattr(trial, "REFERENCE_BLOCKS", 1)


def scripted(monkeypatch: pytest.MonkeyPatch, cut: Bundle, *changes: tuple[Move, ...]) -> None:
    """Propose these one after another, all of which come out faster."""

    def plans() -> Iterator[Plan]:
        tuning = untuned(cut)
        for moves in changes:
            for move in moves:
                tuning = applied(tuning, move)
            yield Plan(tuning, moves, "a test", 1.0)

    said = plans()
    monkeypatch.setattr(Planner, "plan", lambda *_: next(said, None))
    monkeypatch.setattr(
        paired,
        "compare",
        lambda *_, **options: paired.Comparison(
            paired.Verdict.UNPROVEN if options.get("margin") else paired.Verdict.FASTER, 7, Interval(1.3, 1.2, 1.4), 9.0
        ),
    )


def test_what_is_faster_and_has_the_same_bits_is_kept_and_run(
    cut: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_tunable(cut)
    changes = (
        (Move("piece", 16), Move("threads", 2), Move("level", "all")),
        (Move("unguarded", True), Move("sums-as-products", True), Move("arena", True), Move("prepacking", False)),
    )
    scripted(monkeypatch, cut, *changes)
    path = tmp_path / "optimize" / "journal.jsonl"
    Loop(Subject(cut, TRAFFIC, untuned(cut), path), lambda _: None).run(len(changes))
    found = journal.read(path, journal.digest_of(cut), here())
    assert [(each.outcome, each.detail, each.part) for each in found.rounds] == [(Outcome.KEPT, "", MODEL_PART)] * 2
    plain = OnnxEngine({MODEL: cut}, 1)
    changed = OnnxEngine({MODEL: cut}, 1, {MODEL: found.tuning or untuned(cut)})
    assert plain.tuned() == {}
    assert changed.tuned()[MODEL].startswith("threads 1 -> 2, level none -> all, arena no -> yes")
    for question in QUESTIONS:
        assert len({engine.stream(MODEL, question, lambda _: None) for engine in (plain, changed)}) == 1


def test_one_bit_that_differs_is_refused(cut: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flip(net: Net) -> None:
        name = next(node.input[1] for node, _ in net.of("MatMulInteger") if net.constant(node.input[1]) is not None)
        wrong = net.constant(name).copy()  # type: ignore[union-attr]
        wrong[0] ^= 64
        net._constants[name] = numpy_helper.from_array(wrong, name)

    monkeypatch.setitem(rewriting.REWRITES, "unguarded", Rewrite(flip, ()))
    scripted(monkeypatch, cut, (Move("unguarded", True),))
    path = tmp_path / "optimize" / "journal.jsonl"
    Loop(Subject(cut, TRAFFIC, untuned(cut), path), lambda _: None).run(1)
    found = journal.read(path, journal.digest_of(cut), here())
    assert found.rounds[0].outcome is Outcome.REFUSED
    assert "gives 0x" in found.rounds[0].detail
    assert found.tuning is None


def test_a_question_is_read_in_pieces_of_the_tuning(cut: Bundle) -> None:
    """Which changes no trace: those are of the pieces that the proof gives."""
    sizes: list[int] = []

    class Watched(OneByOne):
        def __init__(self) -> None:
            super().__init__(cut, replace(untuned(cut), piece=16))
            self._inner, self._session = self._session, self

        def run(self, names: list[str], feed: dict[str, object]) -> list[object]:
            sizes.append(feed["input_ids"].shape[1])  # type: ignore[attr-defined]
            return self._inner.run(names, feed)  # type: ignore[no-any-return]

    model = Watched()
    model.answer([(QUESTIONS[1], None)])
    assert max(sizes) == 16
    assert sizes.index(1) > 3


def test_the_profile_says_where_time_goes(cut: Bundle) -> None:
    found = profile(cut, TRAFFIC)
    assert found.writes
    assert found.prepare_share + found.run_share + found.render_share == pytest.approx(1)
    assert found.run_share > 0.2
    assert sum(found.operators.values()) == pytest.approx(1)
    assert "MatMulInteger" in found.operators
    assert found.tokens[0] < found.tokens[2]
    seen = []
    planner = Planner(found, cores=2)
    for _ in range(10):
        plan = planner.plan(untuned(cut))
        assert plan is not None
        seen.append(plan.moves[0].knob)
        planner.lessons.append(Lesson(plan.moves, untuned(cut), plan.candidate, -0.1, settled=True, kept=False))
    assert not set(seen) & {"processes", "step", "patterns"}


def test_a_request_is_worth_what_is_written_and_an_eighth_of_what_is_read(cut: Bundle) -> None:
    """The guard expects seconds by it."""
    engine, seen, drafts = OnnxEngine({MODEL: cut}, 1), list[Timing](), list[Draft]()
    engine.observe = lambda _, __, timing: seen.append(timing)
    for question in QUESTIONS[:2]:
        engine.stream(MODEL, question, drafts.append)
    written = [max(len(each.tokens) for each in drafts)] * 2
    assert [each.tokens for each in seen] == [1 + written[0], 1 + len(QUESTIONS[1]) // 32 + written[1]]
    assert {each.requests for each in seen} == {1}

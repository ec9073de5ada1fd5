"""The loop on a real model: right bits only, every round on disk, and on from where it was."""

# ruff: noqa: FBT003 (values of knobs; draws that must repeat)

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from tests.fakes import MODEL, FakeChain
from tests.homes import RISK
from tests.optimize_kit import FASTER, FASTEST, SELFTEST, TRAFFIC, flip, round_, started, write
from tests.port.test_store import compute, open_store, requested
from themis.bundles import bundle
from themis.bundles.bundle import Golden
from themis.core.errors import Misconfigured, Unavailable
from themis.core.types import Address, BlockRef, Hash32
from themis.engine.engine import OnnxEngine, Timing, open_model
from themis.engine.runner import Answers, Work
from themis.engine.tuning import DEFAULTS, Tuning
from themis.exact import rewrite as rewriting
from themis.exact.rewrite import Rewrite
from themis.exact.rewrite.net import Net
from themis.optimize import journal, paired, traffic, trial
from themis.optimize.evidence import Interval
from themis.optimize.gate import Gate, pieces
from themis.optimize.guard import Guard
from themis.optimize.loop import Loop, Subject
from themis.optimize.machine import here
from themis.optimize.pace import Line, fitted
from themis.optimize.planner import Plan, Planner
from themis.optimize.profile import profile
from themis.optimize.records import Outcome, RolledBack
from themis.optimize.space import Move

ID = Hash32(b"\x07" * 32)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured does not matter here."""
    monkeypatch.setattr(paired, "MAX_S", 0.1)
    monkeypatch.setattr(paired, "LEAST_BLOCKS", 1)
    monkeypatch.setattr(trial, "REFERENCE_BLOCKS", 1)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return Subject(SELFTEST, TRAFFIC, DEFAULTS, tmp_path / "optimize" / "journal.jsonl")


def history(subject: Subject) -> journal.History:
    return journal.read(subject.journal, journal.digest_of(subject.bundle), here())


def test_a_few_rounds(subject: Subject) -> None:
    said: list[str] = []
    Loop(subject, said.append).run(3)
    found = history(subject)
    assert [each.number for each in found.rounds] == [1, 2, 3]
    assert len(said) == 3
    assert {each.outcome for each in found.rounds} <= set(Outcome)
    assert found.started[0].traffic["steps"] == {"1": 8, "16": 1}
    assert found.started[0].untuned.ratio > 0
    Loop(subject, said.append).run(5)
    assert [each.number for each in history(subject).rounds] == [1, 2, 3, 4, 5]
    assert len(history(subject).started) == 2
    rounds = history(subject).rounds
    again = [
        one.outcome for i, one in enumerate(rounds) if one.candidate in {each.candidate for each in rounds[i + 1 :]}
    ]
    assert set(again) <= {Outcome.UNPROVEN}, "only what looked faster and could not be proven is tried again"
    Loop(subject, said.append).run(5)
    assert len(history(subject).started) == 2, "there was nothing left to do"


def scripted(monkeypatch: pytest.MonkeyPatch, *candidates: tuple[Move, Tuning]) -> None:
    """Propose these, in this order."""
    plans = iter([Plan(tuning, (move,), "a test", 1.0) for move, tuning in candidates])
    monkeypatch.setattr(Planner, "plan", lambda *_: next(plans, None))


def decided(monkeypatch: pytest.MonkeyPatch, together: bool, alone: bool = False) -> None:
    """What comparisons find, without measuring: the loop's rounds, then its look at requests that come alone."""

    def compare(old: object, new: object, parts: object, **options: object) -> paired.Comparison:
        faster = alone if options.get("margin") else together
        verdict = paired.Verdict.FASTER if faster else paired.Verdict.UNPROVEN
        return paired.Comparison(verdict, 7, Interval(1.3, 1.2, 1.4), 9.0)

    monkeypatch.setattr(paired, "compare", compare)


def test_a_rewrite_that_changes_one_bit_is_refused(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rewriting.REWRITES, "unguarded", Rewrite(flip, ()))
    scripted(monkeypatch, (Move("unguarded", True), Tuning(rewrites=("unguarded",))))
    decided(monkeypatch, together=True)
    Loop(subject, lambda _: None).run(1)
    (done,) = history(subject).rounds
    assert done.outcome is Outcome.REFUSED
    assert "gives 0x" in done.detail
    assert history(subject).tuning is None


def test_a_rewrite_that_leaves_the_exact_profile_is_refused(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    def unclipped(net: Net) -> None:
        for node, _ in net.of("Clip"):
            net.replace(node.output[0], node.input[0])

    monkeypatch.setitem(rewriting.REWRITES, "unguarded", Rewrite(unclipped, ()))
    scripted(monkeypatch, (Move("unguarded", True), Tuning(rewrites=("unguarded",))))
    Loop(subject, lambda _: None).run(1)
    (done,) = history(subject).rounds
    assert done.outcome is Outcome.REFUSED
    assert "not in the exact profile" in done.detail


def test_right_golden_answers_are_not_enough(subject: Subject) -> None:
    """A model that goes wrong on one recorded request only."""

    class Sly:
        def __init__(self) -> None:
            self._right = open_model(SELFTEST, DEFAULTS)

        def answer(self, work: Work) -> Answers:
            found = self._right.answer(work)
            return replace(
                found,
                outputs=[
                    bytes(32) if input_ == TRAFFIC.work[17][0] else output
                    for (input_, _), output in zip(work, found.outputs, strict=True)
                ],
            )

    gate = Gate(SELFTEST, TRAFFIC)
    assert gate.complaint(open_model(SELFTEST, FASTEST), FASTEST) == ""
    assert gate.complaint(Sly(), DEFAULTS).startswith("recorded request 17 gives 0x0000")  # type: ignore[arg-type]


def test_an_untuned_model_that_is_wrong_is_not_tuned(subject: Subject) -> None:
    wrong = replace(SELFTEST, golden=(Golden(b"a", None, bytes(32)),))
    with pytest.raises(Misconfigured, match="Do not serve it"):
        Loop(replace(subject, bundle=wrong), lambda _: None).run(1)


def test_what_is_faster_is_kept_and_built_on(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, (Move("level", "basic"), FASTER), (Move("step", 32), FASTEST))
    decided(monkeypatch, together=True)
    Loop(subject, lambda _: None).run(9)
    first, second = history(subject).rounds
    assert (first.outcome, second.outcome) == (Outcome.KEPT, Outcome.KEPT)
    assert second.incumbent == first.candidate == FASTER
    assert (first.part, second.part) == ("model", "request")
    change = history(subject).change
    assert change is not None
    assert (change.tuning, change.previous) == (FASTEST, FASTER)
    assert change.before.expected_s(Timing(1, 10, 0.0)) > 0


def test_what_makes_a_lone_request_wait_is_not_kept(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, (Move("step", 32), Tuning(step=32)))
    decided(monkeypatch, together=True, alone=True)
    Loop(subject, lambda _: None).run(1)
    (done,) = history(subject).rounds
    assert done.outcome is Outcome.LATE
    assert history(subject).tuning is None


def test_a_rollback_by_the_node_meanwhile_is_heeded(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    write(subject.journal, started(), round_(1, DEFAULTS, FASTER, Outcome.KEPT, 1.2))
    plans = iter([Plan(FASTEST, (Move("step", 32),), "a test", 1.0), Plan(Tuning(arena=False), (), "a test", 1.0)])
    seen: list[Tuning] = []

    def plan(_: Planner, incumbent: Tuning) -> Plan:
        seen.append(incumbent)
        if len(seen) == 2:
            write(subject.journal, RolledBack(3.0, FASTER, DEFAULTS, "live answers were slower"))
        return next(plans)

    monkeypatch.setattr(Planner, "plan", plan)
    decided(monkeypatch, together=False)
    Loop(subject, lambda _: None).run(3)
    plans = iter([Plan(Tuning(patterns=False), (), "a test", 1.0)])
    Loop(subject, lambda _: None).run(4)
    assert seen == [FASTER, FASTER, DEFAULTS]


def test_the_profile_says_where_time_goes() -> None:
    found = profile(SELFTEST, TRAFFIC)
    assert found.prepare_share + found.run_share + found.render_share == pytest.approx(1)
    assert sum(found.operators.values()) == pytest.approx(1)
    assert "QLinearMatMul" in found.operators
    assert found.tokens == (1, 35, 70)
    assert 0 < found.padding < 1


def test_pieces_hold_everything() -> None:
    assert pieces([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5, 1]]
    assert pieces([1, 2], 5) == [[1, 2, 1, 2, 1]]


def test_a_pace_is_not_bent_by_outliers() -> None:
    alone = [Timing(1, tokens, 0.001 + 0.0002 * tokens) for tokens in range(10, 50, 2)]
    found = fitted([*alone, Timing(1, 20, 9.0), Timing(1, 48, 5.0)], [Timing(4, 40, 0.004)] * 3)
    assert found.alone.base_s == pytest.approx(0.001, rel=0.2)
    assert found.alone.per_token_s == pytest.approx(0.0002, rel=0.1)
    assert found.together == Line(0.001, 0.0)
    assert found.expected_s(Timing(4, 400, 0.0)) == pytest.approx(0.004)


# The guard.


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Paced:
    """Answers as the model does, and lets time go by: so much for each request."""

    def __init__(self, inner: object, clock: Clock, per_request_s: dict[str, float], name: str) -> None:
        self._inner, self._clock, self._costs, self._name = inner, clock, per_request_s, name

    def answer(self, work: Work) -> Answers:
        self._clock.now += self._costs[self._name] * len(work)
        return self._inner.answer(work)  # type: ignore[attr-defined, no-any-return]

    def close(self) -> None:
        self._inner.close()  # type: ignore[attr-defined]


@pytest.fixture
def live(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[OnnxEngine, dict[str, float], Path]]:
    """An engine under guard, tuned to FASTER, and what a request takes with each tuning."""
    monkeypatch.setattr(paired, "MAX_S", 12.0)
    clock, costs = Clock(), {"before": 0.010, "tuned": 0.008}
    monkeypatch.setattr(
        "themis.engine.engine.open_model",
        lambda bundle, tuning, _: Paced(
            open_model(bundle, tuning), clock, costs, "tuned" if tuning == FASTER else "before"
        ),
    )
    pace = fitted([Timing(1, n, 0.010) for n in range(1, 9)], [Timing(4, n, 0.040) for n in range(4, 40)])
    write(subject.journal, started(), replace(round_(1, DEFAULTS, FASTER, Outcome.KEPT, 1.25), before=pace))
    change = history(subject).change
    assert change is not None
    engine = OnnxEngine({ID: SELFTEST}, 1, {ID: FASTER}, now_s=clock)
    Guard(engine, {ID: (change, subject.journal)}, now_s=clock)
    yield engine, costs, subject.journal
    engine.close()


def ask(engine: OnnxEngine, calls: int) -> None:
    for number in range(calls):
        assert engine.infer(ID, [(bytes([number % 200]), None)])


def test_a_change_that_keeps_its_promise_stays(
    live: tuple[OnnxEngine, dict[str, float], Path], caplog: pytest.LogCaptureFixture
) -> None:
    engine, _, _ = live
    ask(engine, 300)
    assert engine.tunings() == {ID: FASTER}
    assert caplog.text == ""


def test_a_change_that_slows_live_answers_is_rolled_back(
    live: tuple[OnnxEngine, dict[str, float], Path], subject: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    engine, costs, _ = live
    ask(engine, 200)
    costs["tuned"] = 0.020
    ask(engine, 100)
    assert engine.tunings() == {ID: DEFAULTS}
    assert "rolled back round 1 (level basic -> none)" in caplog.text
    (rolled_back,) = history(subject).rollbacks
    assert (rolled_back.left, rolled_back.back_to) == (FASTER, DEFAULTS)
    assert "2.00 of the throughput" in rolled_back.detail
    assert history(subject).tuning == DEFAULTS
    ask(engine, 100)
    assert len(history(subject).rollbacks) == 1


def test_a_machine_that_slows_down_is_not_the_fault_of_the_change(
    live: tuple[OnnxEngine, dict[str, float], Path], subject: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    engine, costs, _ = live
    costs["before"] = costs["tuned"] = 0.050
    ask(engine, 60)
    assert engine.tunings() == {ID: FASTER}
    assert "the machine is slower than it was, not the tuning; it stays" in caplog.text
    assert history(subject).rollbacks == ()


# Recorded traffic.


def fetch_nothing(places: object) -> list[bytes | Unavailable]:
    raise AssertionError("no request names deployed code")


def test_a_node_without_traffic_has_golden_inputs(tmp_path: Path) -> None:
    found = traffic.recorded(tmp_path / "themis.db", MODEL, SELFTEST, fetch_nothing)
    assert found.is_golden
    assert list(found.work) == [(golden.input, golden.code) for golden in SELFTEST.golden]
    assert not (tmp_path / "themis.db").exists()


def test_answered_requests_are_traffic(tmp_path: Path) -> None:
    store = open_store(tmp_path / "themis.db")
    events = [requested(bytes([n + 1]) * (n + 1)) for n in range(5)]
    store.record_events(events, [BlockRef(5, Hash32(bytes(32)), 0)], 1.0)
    for event, now_s in zip(events[:4], (2.0, 2.0, 2.0, 3.0), strict=True):
        compute(store, event.id, now_s)
    found = traffic.recorded(tmp_path / "themis.db", MODEL, SELFTEST, fetch_nothing)
    assert [input_ for input_, _ in found.work] == [event.input for event in events[:4]]
    assert found.steps == {3: 1, 1: 1}
    assert not found.is_golden
    elsewhere = traffic.recorded(tmp_path / "themis.db", ID, SELFTEST, fetch_nothing)
    assert elsewhere.is_golden, "requests for another model"


def test_requests_whose_code_is_gone_are_left_out(tmp_path: Path) -> None:
    chain, risk = FakeChain(), bundle.load(RISK)
    codes = [bytes.fromhex("6080604052"), bytes.fromhex("60016002")]
    targets = [Address(bytes([n + 1]) * 20) for n in range(3)]
    chain.code_at = {targets[0]: codes[0], targets[1]: codes[0]}
    inputs = [bytes(12) + target + keccak(code) for target, code in zip(targets, [*codes, codes[1]], strict=True)]
    store = open_store(tmp_path / "themis.db")
    events = [requested(input_) for input_ in [*inputs, codes[1]]]
    store.record_events(events, [BlockRef(5, Hash32(bytes(32)), 0)], 1.0)
    for event in events:
        compute(store, event.id)
    found = traffic.recorded(tmp_path / "themis.db", MODEL, risk, chain.code)
    assert found.work == ((inputs[0], codes[0]), (codes[1], None))
    assert found.left_out == 2


def test_a_store_that_is_none_says_so(tmp_path: Path) -> None:
    (tmp_path / "themis.db").write_text("no database, but long enough for a header" * 9)
    with pytest.raises(Misconfigured, match="themis check"):
        traffic.recorded(tmp_path / "themis.db", MODEL, SELFTEST, fetch_nothing)

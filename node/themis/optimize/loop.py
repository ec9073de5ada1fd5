"""The loop: analyze, plan, change, evaluate, keep or discard, and write down; again and again, without a human."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from themis.bundles.bundle import Bundle
from themis.core.errors import Misconfigured
from themis.engine.engine import open_model
from themis.engine.runner import Answerer
from themis.engine.tuning import Tuning, differences
from themis.optimize import journal
from themis.optimize.machine import Machine, here
from themis.optimize.planner import Plan, Planner
from themis.optimize.profile import Profile, profile
from themis.optimize.records import Outcome, Round, Started
from themis.optimize.traffic import Traffic
from themis.optimize.trial import Court, Finding, clock_of, part_of

RISK: Final = 0.05
"""Probability that any change kept, ever, is no faster."""
_SHARED_BY: Final = 100
"""Rounds that share half of the risk; the next so many share half of the rest."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tuned: a model, with the requests it is asked on this machine."""

    bundle: Bundle
    traffic: Traffic
    defaults: Tuning
    """How the node runs it untuned."""
    journal: Path


def risk_of(number: int) -> float:
    """What round `number` may spend of RISK: all rounds together spend no more, however many there will be."""
    return RISK * 0.5 ** (1 + (number - 1) // _SHARED_BY) / _SHARED_BY


@dataclass(slots=True)
class Loop:
    """Goes on where the journal ends."""

    subject: Subject
    say: Callable[[str], None]
    machine: Machine = field(default_factory=here)
    _tuning: Tuning = field(init=False)
    _profile: Profile = field(init=False)
    _court: Court = field(init=False)

    def run(self, rounds: int) -> None:
        """Until the journal holds so many rounds, or nothing is left to try.

        Raises Misconfigured when the untuned model does not give its golden answers here.
        """
        history = self._history()
        if len(history.rounds) >= rounds:
            return
        subject = self.subject
        self._tuning = history.tuning or subject.defaults
        self._court = Court(subject.bundle, subject.traffic)
        self._profile = profile(subject.bundle, subject.traffic)
        self._start()
        incumbent = open_model(subject.bundle, self._tuning)
        try:
            for number in range(len(history.rounds) + 1, rounds + 1):
                history = self._history()
                if (said := history.tuning or subject.defaults) != self._tuning:  # a node rolled back meanwhile
                    incumbent.close()
                    self._tuning, incumbent = said, open_model(subject.bundle, said)
                planner = Planner(self._profile, self.machine.cores, history.lessons(self._profile.run_share))
                if (plan := planner.plan(self._tuning)) is None:
                    self.say("nothing is left to try")
                    break
                incumbent = self._round(number, plan, incumbent)
        finally:
            incumbent.close()

    def _start(self) -> None:
        subject = self.subject
        with closing(open_model(subject.bundle, subject.defaults)) as untuned:
            against = self._court.against_runtime(untuned, subject.defaults)
        journal.append(
            subject.journal,
            Started(
                at_s=time.time(),
                model=f"{subject.bundle.name} {subject.bundle.version}",
                digest=journal.digest_of(subject.bundle),
                machine=self.machine,
                traffic=self._profile.facts() | {"golden": subject.traffic.is_golden, "load": os.getloadavg()[0]},
                untuned=against,
            ),
        )

    def _round(self, number: int, plan: Plan, incumbent: Answerer) -> Answerer:
        """One round; the incumbent of the next one."""
        started_s = time.perf_counter()
        try:
            candidate = open_model(self.subject.bundle, plan.candidate)
        except Misconfigured as error:
            self._note(number, plan, Finding(Outcome.REFUSED, str(error)), time.perf_counter() - started_s)
            return incumbent
        with ExitStack() as opened:
            opened.enter_context(closing(candidate))
            found = self._court.examine(
                (incumbent, self._tuning),
                (candidate, plan.candidate),
                plan.moves,
                risk=risk_of(number),
                seed=number,
            )
            opened.pop_all()
        self._note(number, plan, found, time.perf_counter() - started_s)
        kept, dropped = (candidate, incumbent) if found.outcome is Outcome.KEPT else (incumbent, candidate)
        dropped.close()
        return kept

    def _note(self, number: int, plan: Plan, found: Finding, seconds: float) -> None:
        comparison = found.comparison
        journal.append(
            self.subject.journal,
            Round(
                number=number,
                at_s=time.time(),
                seconds=seconds,
                moves=plan.moves,
                reason=plan.reason,
                expected=plan.expected,
                incumbent=self._tuning,
                candidate=plan.candidate,
                outcome=found.outcome,
                detail=found.detail,
                part=part_of(plan.moves),
                clock=clock_of(self._tuning, plan.candidate),
                blocks=comparison.blocks if comparison else 0,
                throughput=comparison.throughput if comparison else None,
                log_wealth=comparison.log_wealth if comparison else 0.0,
                against_runtime=found.against_runtime,
                before=found.before,
            ),
        )
        ratio = f" {comparison.throughput.ratio:.3f}" if comparison else ""
        self.say(
            f"{number}: {differences(self._tuning, plan.candidate)}: {found.outcome}{ratio} {found.detail}".strip()
        )
        if found.outcome is Outcome.KEPT:
            self._tuning = plan.candidate

    def _history(self) -> journal.History:
        return journal.read(self.subject.journal, journal.digest_of(self.subject.bundle), self.machine)

"""What `themis watch` measures of its key's games and of the money behind them, in Prometheus' terms and base units."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from themis.chain.disputes import ENDS, Phase

GUARANTOR, CHALLENGER = "guarantor", "challenger"
SIDES: Final = (GUARANTOR, CHALLENGER)
RUNNING: Final = tuple(phase.name.lower() for phase in Phase if phase is not Phase.NONE)
ENDED: Final = tuple(sorted(name.lower() for name in ENDS))
VERDICTS: Final = ("right", "wrong")
UNDECIDED: Final = "undecided"
"""Wrong, and no contract shows it."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One open game of the key."""

    side: str
    phase: Phase
    by_s: int
    """The last second of whose move it is."""

    @property
    def is_due(self) -> bool:
        """Whether the move is the key's own."""
        return self.side == (CHALLENGER if self.phase is Phase.CHALLENGER else GUARANTOR)


class Tally:
    """One registry per watcher. Every label value exists from the start."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.stepped = Gauge(
            "themis_watch_stepped_timestamp_seconds", "When the chain was last looked at; 0: never.", registry=registry
        )
        self.answers = Counter(
            "themis_watch_answers_total", "Covered answers that were run again.", ("verdict",), registry=registry
        )
        self._games = Gauge("themis_watch_games", "Open games of this key.", ("side", "phase"), registry=registry)
        self._ended = Gauge(
            "themis_watch_games_ended", "Games of this key that have ended.", ("side", "how"), registry=registry
        )
        self._deadline = Gauge(
            "themis_watch_deadline_timestamp_seconds",
            "When the first clock runs out that waits for this key; +Inf: none does.",
            registry=registry,
        )
        self._bond = Gauge("themis_watch_bond_wei", "This key's bond.", ("part",), registry=registry)
        self._put_up = Gauge(
            "themis_watch_challenge_bonds_wei", "Put up for challenges in 24 hours.", registry=registry
        )
        self.most_bonds = Gauge(
            "themis_watch_challenge_bonds_cap_wei", "dispute.max_bonds_wei, for 24 hours.", registry=registry
        )
        for verdict in (*VERDICTS, UNDECIDED):
            self.answers.labels(verdict)
        self.seated(())
        self.ended(())
        self.funded(0, 0, 0)
        self.put_up(0)

    def seated(self, seats: Iterable[Seat]) -> None:
        """The open games, all of them."""
        found = list(seats)
        for side in SIDES:
            for name in RUNNING:
                count = sum((seat.side, seat.phase.name.lower()) == (side, name) for seat in found)
                self._games.labels(side, name).set(count)
        self._deadline.set(min((float(seat.by_s) for seat in found if seat.is_due), default=math.inf))

    def ended(self, games: Iterable[tuple[str, str]]) -> None:
        """Side and last event of the games that have ended."""
        found = [(side, how.lower()) for side, how in games]
        for side in SIDES:
            for how in ENDED:
                self._ended.labels(side, how).set(found.count((side, how)))

    def funded(self, amount_wei: int, reserved_wei: int, leaving_wei: int) -> None:
        """All of the bond, and the parts of it."""
        parts = {"free": amount_wei - reserved_wei, "reserved": reserved_wei, "leaving": leaving_wei}
        for part, wei in parts.items():
            self._bond.labels(part).set(wei)

    def put_up(self, wei: int) -> None:
        self._put_up.set(wei)

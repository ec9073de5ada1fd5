"""Spread: an order that one member has taken is handed to the others, and each looks at it at its own door."""

import logging
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from themis.committee.parcel import MOST_KNOWN, Parcel, next_bytes, parcel_of
from themis.committee.talk import RELAY_AFTER_S, Talk
from themis.core import canonical
from themis.core.assembly import Seat
from themis.core.errors import Refused, Unavailable
from themis.core.job import Job
from themis.core.spelling import shown
from themis.core.types import Address, Hash32
from themis.daemon.orders import Door

_ASK_EVERY_S: Final = 1.0
"""Where nobody can call this member, it asks for orders so often."""
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 3.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Line:
    """How it goes with one member. Times are of a monotonic clock."""

    busy: bool = False
    due_at_s: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    ask_at_s: float = 0.0
    has: set[Hash32] = field(default_factory=set)
    """Orders that it gave or was given, whatever it made of them."""


class Spread:
    """At most one call at a time to each member. A restart forgets who has what: told twice, it is known."""

    def __init__(self, talk: Talk, door: Door) -> None:
        self.table, self._talk, self._door = talk.table, talk, door
        self._lock = threading.Lock()
        self._lines: dict[Address, _Line] = {}
        self._others: dict[Hash32, float] = {}
        """Orders that came from members, and when: whoever took them first hands them on itself, if it can."""
        self._refused: list[Hash32] = []
        """The newest that were asked for and not taken: they are not asked for again."""

    def look(self) -> None:
        """Hand on what others lack, and ask them where they cannot call. Returns at once."""
        now_s, waiting = time.monotonic(), self._waiting()
        own = self.table.floor.assembly.seats.get(self.table.signer.address)
        hidden = own is not None and not own.endpoint
        with self._lock:
            self._others = {job.id: self._others[job.id] for job in waiting if job.id in self._others}
        ripe = [job for job in waiting if now_s - self._others.get(job.id, 0.0) >= RELAY_AFTER_S]
        for seat in self._talk.others():
            with self._lock:
                line = self._lines.setdefault(seat.member, _Line())
                line.has &= {job.id for job in waiting}
                lacking = [job for job in ripe if job.id not in line.has]
                asks = hidden and now_s >= line.ask_at_s
                if line.busy or now_s < line.due_at_s or not (lacking or asks):
                    continue
                line.busy = True
            self._talk.start(partial(self._call, seat, line, lacking, asks=asks))

    def receive(self, sender: Address, parcel: Parcel) -> str:
        """Take an order from a member; the code of the refusal, empty where it is taken. Raises Unavailable."""
        id_ = self._id(parcel)
        with self._lock:
            self._lines.setdefault(sender, _Line()).has.add(id_)
            self._others.setdefault(id_, time.monotonic())
        return self._take(parcel)

    def next_for(self, known: Collection[Hash32]) -> bytes:
        """The first order that waits here and that a member which asks does not know; no bytes where it knows all."""
        return next_bytes(self._waiting(), known)

    def _waiting(self) -> list[Job]:
        committee = self.table.forum.committee
        return [job for job in self._door.store.orders() if job.request.operator == committee]

    def _call(self, seat: Seat, line: _Line, lacking: Sequence[Job], *, asks: bool) -> None:
        pause_s = 0.0
        try:
            for job in lacking:
                why_not = self._talk.post.order(seat, parcel_of(job))
                if why_not:
                    log.info("member %s does not take order 0x%s: %s", shown(seat.member), job.id.hex(), why_not)
                with self._lock:
                    line.has.add(job.id)
            if asks:
                self._ask(seat)
        except Unavailable as error:
            log.debug("orders wait for member %s: %s", shown(seat.member), error)
            pause_s = line.pause_s
        with self._lock:
            line.pause_s = min(2 * line.pause_s, _LONGEST_PAUSE_S) if pause_s else _FIRST_PAUSE_S
            line.due_at_s = time.monotonic() + pause_s
            line.ask_at_s = time.monotonic() + _ASK_EVERY_S
            line.busy = False
        self.table.floor.wake()

    def _ask(self, seat: Seat) -> None:
        """Take what a member has and this one does not know, one after the other. Raises Unavailable."""
        while True:
            known = [job.id for job in self._waiting()] + self._refused
            parcel = self._talk.post.next_order(seat, known[-MOST_KNOWN:])
            if parcel is None:
                return
            self.receive(seat.member, parcel)
            if self._door.store.job(self._id(parcel)) is None:
                self._refused = [*self._refused, self._id(parcel)][-MOST_KNOWN // 2 :]

    def _take(self, parcel: Parcel) -> str:
        try:
            self._door.take(parcel.order, parcel.signature, parcel.inputs)
        except Refused as refused:
            return refused.code
        return ""

    def _id(self, parcel: Parcel) -> Hash32:
        return canonical.request_id(parcel.order, self.table.forum.chain_id, self.table.oracle)

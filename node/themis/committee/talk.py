"""Keeps a member in touch with the others: tells what is new at once, asks for what is missing, at its leisure."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from themis.committee.floor import PASSING
from themis.committee.post import Post
from themis.committee.table import Table
from themis.committee.wire import MOST_KNOWN, MOST_MESSAGES, MOST_WANTS, Hello, Told, Want, tag
from themis.core.agreement import Heard
from themis.core.assembly import Seat
from themis.core.committee import Message
from themis.core.errors import Unavailable
from themis.core.types import Address, Hash32

RELAY_AFTER_S: Final = 0.5
"""What others said is passed on after so long: those who can call each other need it from nobody else."""
LINGER_S: Final = 30.0
"""What was said about a request is told for so long after it was agreed on: others may lack it."""
LOOK_S: Final = 0.1
"""How often is looked at what is open."""
SKEW_S: Final = 30.0
"""Clocks that lie farther apart are worth a word."""
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 3.0
_GREET_EVERY_S: Final = 600.0
_GREET_AGAIN_S: Final = 10.0
"""Where it could not be done."""

log = logging.getLogger(__name__)


def _apart(call: Callable[[], None]) -> None:
    threading.Thread(target=call, name="talk", daemon=True).start()


@dataclass(slots=True)
class Line:
    """How it goes with one member. Times are of a monotonic clock."""

    busy: bool = False
    due_at_s: float = 0.0
    """Not before it is this member asked again, unless there is something new to tell."""
    pause_s: float = _FIRST_PAUSE_S
    has: dict[Hash32, set[bytes]] = field(default_factory=dict)
    """By request, the tags of what it has."""
    held: set[bytes] = field(default_factory=set)
    """Tags of what it could not take yet."""
    greet_at_s: float = 0.0
    down: str = ""
    """Why it cannot be reached; empty where it can."""
    differs: str = ""
    """How it differs from this node; empty where it does not."""


class Talk:
    """At most one exchange at a time with each member, in a thread of its own: a slow one delays nobody."""

    def __init__(self, table: Table, post: Post, start: Callable[[Callable[[], None]], None] = _apart) -> None:
        """`start` runs a call, and need not wait for it."""
        self.table = table
        self.post, self.start = post, start
        self._lock = threading.Lock()
        self._lines: dict[Address, Line] = {}
        self._open: dict[Hash32, float] = {}
        """By request, when it was said last to be open."""
        self._alarm: threading.Timer | None = None

    def about(self, requests: Sequence[Hash32]) -> None:
        """These are to be agreed on now; who was not greeted is. Returns at once."""
        now_s = time.monotonic()
        self._open |= dict.fromkeys(requests, now_s)
        self._open = {id_: at_s for id_, at_s in self._open.items() if now_s - at_s < LINGER_S}
        heard = {id_: self.table.store.heard(id_) for id_ in self._open}
        wants = [_want(id_, heard[id_]) for id_ in requests[:MOST_WANTS]]
        for seat in self.others():
            self._turn_to(seat, heard, wants)
        if requests:
            self._look_again()

    def troubles(self) -> dict[Address, str]:
        """What stands between us and other members now."""
        with self._lock:
            said = {member: line.down or line.differs for member, line in self._lines.items()}
        return {member: each for member, each in said.items() if each}

    def reachable(self) -> list[Seat]:
        """Others whose signatures count and that could be called when it was tried last."""
        with self._lock:
            down = {member for member, line in self._lines.items() if line.down}
        return [seat for seat in self.others() if seat.signing and seat.member not in down]

    def others(self) -> list[Seat]:
        """Members that have an endpoint."""
        own = self.table.signer.address
        return [seat for seat in self.table.floor.assembly.seats.values() if seat.endpoint and seat.member != own]

    def _turn_to(self, seat: Seat, heard: Mapping[Hash32, Sequence[Heard]], wants: Sequence[Want]) -> None:
        now_s = time.monotonic()
        with self._lock:
            line = self._lines.setdefault(seat.member, Line())
            if line.busy:
                return
            line.has = {id_: line.has.get(id_, set()) for id_ in heard}
            new = self._new_to(line, heard, {want.request for want in wants})
            due = now_s >= line.due_at_s
            told = Told(tuple(new[:MOST_MESSAGES]), tuple(wants)) if due and (new or wants) else None
            if not line.down and any(tag(message) not in line.held for message in new):
                told = Told(tuple(new[:MOST_MESSAGES]), tuple(wants))
            greet = now_s >= line.greet_at_s
            line.busy = told is not None or greet
        if line.busy:
            self.start(partial(self._call, seat, line, told, greet))

    def _new_to(self, line: Line, heard: Mapping[Hash32, Sequence[Heard]], wanted: set[Hash32]) -> list[Message]:
        """Our own messages that it lacks; those of others too, where they are old and still needed."""
        own, old_s = self.table.signer.address, self.table.clock.now_s() - RELAY_AFTER_S
        return [
            each.message
            for id_, of_request in heard.items()
            for each in of_request
            if each.message.member == own or (id_ in wanted and each.at_s < old_s)
            if tag(each.message) not in line.has[id_]
        ]

    def _call(self, seat: Seat, line: Line, told: Told | None, greet: bool) -> None:
        news, down = False, ""
        try:
            if greet:
                self._greet(seat, line)
            if told is not None:
                news = self._exchange(seat, line, told)
        except Unavailable as error:
            down = str(error)
        with self._lock:
            if down and not line.down:
                log.info("%s", down)
            line.down = down
            line.pause_s = _FIRST_PAUSE_S if news else min(2 * line.pause_s, _LONGEST_PAUSE_S)
            line.due_at_s = time.monotonic() + line.pause_s
            line.busy = False
        self.table.floor.wake()

    def _exchange(self, seat: Seat, line: Line, told: Told) -> bool:
        """Whether it brought anybody anything. Raises Unavailable."""
        reply = self.post.exchange(seat, told)
        not_kept = self.table.floor.receive(reply.messages)
        held = {tag(told.messages[place]) for place, why in reply.refused.items() if why in PASSING}
        with self._lock:
            line.held = held
            for message in (*told.messages, *reply.messages):
                if message.request in line.has and tag(message) not in held:
                    line.has[message.request].add(tag(message))
        return len(held) < len(told.messages) or len(not_kept) < len(reply.messages)

    def _greet(self, seat: Seat, line: Line) -> None:
        with self._lock:
            line.greet_at_s = time.monotonic() + _GREET_AGAIN_S
        table = self.table
        differs = difference(seat, self.post.hello(seat), table.oracle, table.goldens, table.clock.now_s())
        with self._lock:
            if differs and differs != line.differs:
                log.warning("%s", differs)
            line.differs = differs
            line.greet_at_s = time.monotonic() + _GREET_EVERY_S

    def _look_again(self) -> None:
        """Wake the loop soon, once, however often this is asked for."""
        if self._alarm is None or not self._alarm.is_alive():
            self._alarm = threading.Timer(LOOK_S, self.table.floor.wake)
            self._alarm.daemon = True
            self._alarm.start()


def difference(seat: Seat, hello: Hello, oracle: Address, goldens: Mapping[Hash32, Hash32], now_s: float) -> str:
    """Why a member will not agree with us; empty where nothing is in the way."""
    who = f"member 0x{seat.member.hex()}"
    if hello.oracle != oracle:
        return f"{who} answers for another oracle, 0x{hello.oracle.hex()}: one of you has a wrong chain.oracle"
    for model, golden in goldens.items():
        if hello.goldens.get(model, golden) != golden:
            return f"{who} answers model 0x{model.hex()} otherwise: one of you must not serve it until you agree"
    if missing := [model for model in goldens if model not in hello.goldens]:
        return f"{who} does not serve model 0x{missing[0].hex()}: it will not sign answers of it"
    apart_s = hello.at_s - now_s
    return f"{who}'s clock is {apart_s:+.0f} s from this machine's: set both by NTP" if abs(apart_s) > SKEW_S else ""


def _want(id_: Hash32, heard: Sequence[Heard]) -> Want:
    return Want(id_, frozenset(tag(each.message) for each in heard[:MOST_KNOWN]))

"""The floor of one committee: what is heard and kept, and what is handed on to members that ask."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from themis.committee.wire import MOST_MESSAGES, Reply, Told, Want, tag
from themis.core.agreement import Agreement, Heard, Objection, fold, objection
from themis.core.assembly import Assembly
from themis.core.committee import Forum, Message, Result
from themis.core.errors import Unavailable
from themis.core.job import Job, State
from themis.core.types import Hash32
from themis.ports import Clock, Committee, Store

UNKNOWN_REQUEST: Final = "unknown_request"
"""Not seen on the chain here, or not of this committee: told again, it may be."""
TOO_LATE: Final = "too_late"
"""The request is answered for good, or will not be."""
PASSING: Final = frozenset({UNKNOWN_REQUEST, str(Objection.TOO_EARLY), str(Objection.NOT_COMMITTED)})
"""Refusals after which the same message may be kept."""
_OVER: Final = frozenset((State.DONE, State.CLOSED))
_GRACE_S: Final = 30.0
"""What is said so long after that is heard still: a slow liar is to be named, and a slow member not forgotten."""


class Floor:
    """May be used by several threads: the API's and the loop's."""

    def __init__(self, forum: Forum, committee: Committee, store: Store, clock: Clock) -> None:
        self.forum = forum
        self._committee, self._store, self._clock = committee, store, clock
        self._lock = threading.Lock()
        self._assembly = Assembly(1, {})
        self._read_at_s = 0.0
        self.proofs: set[Hash32] = set()
        """Requests of which one member is known to have signed two results."""
        self._lately: set[Hash32] = set()
        self.wake: Callable[[], None] = lambda: None
        """Called when something new was heard."""

    @property
    def assembly(self) -> Assembly:
        """As it was read last; nobody, before that."""
        return self._assembly

    def heard_lately(self) -> set[Hash32]:
        """Requests of which something was heard since this was asked last."""
        with self._lock:
            found, self._lately = self._lately, set()
        return found

    def refresh(self, after_s: float) -> None:
        """Read the members again if they are so old. Raises Unavailable where they were never read."""
        now_s = self._clock.now_s()
        if self._read_at_s and now_s - self._read_at_s < after_s:
            return
        try:
            self._assembly = self._committee.assembly()
        except Unavailable:
            if not self._read_at_s:
                raise
        self._read_at_s = now_s

    def agreement(self, request: Hash32) -> Agreement:
        """Where a request stands."""
        return fold(request, self._assembly.roster, self._store.heard(request))

    def receive(self, messages: Sequence[Message]) -> dict[int, str]:
        """Keep what may be kept; by their places, what was not, and why."""
        refused: dict[int, str] = {}
        new = 0
        with self._lock:
            for place, message in enumerate(messages):
                heard = self._store.heard(message.request)
                if any(tag(each.message) == tag(message) for each in heard):
                    continue
                against = self._against(heard, message)
                if against is None:
                    new += self._store.hear([Heard(message, self._clock.now_s())])
                    self._lately.add(message.request)
                    if _is_proof(heard, message):
                        self.proofs.add(message.request)
                else:
                    refused[place] = against
        if new:
            self.wake()
        return refused

    def tell(self, wants: Sequence[Want]) -> list[Message]:
        """What is known about these and not to whoever asks, up to what fits into one reply."""
        found: list[Message] = []
        for want in wants:
            heard = self._store.heard(want.request)
            found += [each.message for each in heard if tag(each.message) not in want.known]
            if len(found) >= MOST_MESSAGES:
                break
        return found[:MOST_MESSAGES]

    def answer(self, told: Told) -> Reply:
        """Of a member's request, the reply."""
        refused = self.receive(told.messages)
        return Reply(tuple(self.tell(told.wants)), refused)

    def _against(self, heard: Sequence[Heard], message: Message) -> str | None:
        job = self._store.job(message.request)
        if job is None or job.request.operator != self.forum.committee:
            return UNKNOWN_REQUEST
        if self._is_over(job) and not _is_proof(heard, message):
            return TOO_LATE
        found = objection(self.forum, self._assembly.roster, heard, message)
        return None if found is None else str(found)

    def _is_over(self, job: Job) -> bool:
        return job.state in _OVER and self._clock.now_s() - self._store.history(job.id)[-1].at_s > _GRACE_S


def _is_proof(heard: Sequence[Heard], message: Message) -> bool:
    """Whether it shows, if it is signed, that its member signed two results: that is never too late."""
    of_member = (each.message for each in heard if each.message.member == message.member)
    return isinstance(message, Result) and any(isinstance(each, Result) for each in of_member)

"""How many times, one after another, a node asks its endpoint between a block and the broadcast of the answer in it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.chaos.proxy import Question, Reply, calm


@dataclass(frozen=True, slots=True)
class Trip:
    """One HTTP request of the node."""

    start_s: float
    end_s: float
    broadcasts: bool


class Stopwatch:
    """A proxy's fault that changes nothing but the time, and writes down each trip."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self._delay_s = delay_s
        self.trips: list[Trip] = []

    def __call__(self, question: Question) -> Reply:
        start_s = time.monotonic()
        broadcasts = any(call["method"] == "eth_sendRawTransaction" for call in question.calls)
        time.sleep(self._delay_s / 2)
        reply = calm(question)
        time.sleep(self._delay_s / 2)
        self.trips.append(Trip(start_s, time.monotonic(), broadcasts))
        return reply


def in_a_row(trips: Sequence[Trip], since_s: float) -> int:
    """The longest chain, backwards from the first broadcast after `since_s`, of trips each begun when one had ended.

    The first of them is the one that brought the news.
    """
    sent = [trip for trip in trips if trip.broadcasts and trip.start_s >= since_s]
    if not sent:
        return 0
    current, number = min(sent, key=_by_start), 1
    while before := [trip for trip in trips if since_s < trip.end_s <= current.start_s]:
        current, number = max(before, key=_by_end), number + 1
    return number


_by_start: Callable[[Trip], float] = lambda trip: trip.start_s  # noqa: E731
_by_end: Callable[[Trip], float] = lambda trip: trip.end_s  # noqa: E731

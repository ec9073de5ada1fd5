"""Rescan: reads blocks again that the store has passed, for requests and answers that an endpoint did not show then."""

from collections.abc import Callable
from dataclasses import dataclass

from themis.core.errors import Misconfigured, Unavailable
from themis.core.types import ChainEvent, Requested
from themis.daemon.ranges import Ranges
from themis.ports import Chain, Store


@dataclass(frozen=True, slots=True)
class Found:
    """What blocks `first` to `last` hold for this operator."""

    first: int
    last: int
    requests: int
    answers: int
    new: int
    """Requests that the store did not know."""
    changed: int
    """Jobs of which something else was not known: that they are answered, or on the chain again."""


def rescan(chain: Chain, store: Store, first: int, now_s: float, progress: Callable[[int, int], None]) -> Found:
    """Read everything first and record it at once, so that no request is seen without its answer.

    The tail stays: what is above it is the watcher's. Raises Misconfigured where nothing was read yet, Unavailable
    where the endpoint does not answer, or the store's newest block has left the chain.
    """
    tail = store.tail()
    if not tail or tail[-1].number < first:
        upto = f"the store has read up to block {tail[-1].number}" if tail else "the store has read nothing yet"
        raise Misconfigured(f"{upto}: what comes later is read by `themis run`")
    ranges = Ranges(chain)
    newest, head = tail[-1], chain.head().number
    events: list[ChainEvent] = []
    at = first
    while at <= newest.number:
        last, found = ranges.read(at, newest.number, head)
        events += found
        progress(last.number, newest.number)
        at = last.number + 1
    if ranges.block(newest.number).hash != newest.hash:
        raise Unavailable(
            f"block {newest.number} has left the chain: let `themis run` follow the reorganization, then do this again"
        )
    requests = [event for event in events if isinstance(event, Requested)]
    before = {event.id: store.job(event.id) for event in events}
    store.record_events(events, tail, now_s)
    changed = [id_ for id_, job in before.items() if job is not None and store.job(id_) != job]
    return Found(
        first=first,
        last=newest.number,
        requests=len(requests),
        answers=len(events) - len(requests),
        new=sum(before[event.id] is None for event in requests),
        changed=len(changed),
    )

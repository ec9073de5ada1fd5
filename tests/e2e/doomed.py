"""A real node that SIGKILLs itself at a chosen point: `python doomed.py POINT --home HOME run`.

Points are facts, right after they are on disk. `tail`: a range of blocks with a request in it was recorded. `unsent`: a
signed transaction was recorded. `broadcast`: it was handed to the endpoint, and nothing about that is recorded.
`vowed`: a member of a committee has promised a result, and signed nothing. `heard`: a message was recorded.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from themis.chain.oracle import RpcChain
from themis.cli import main
from themis.core.job import Fact
from themis.core.types import Fulfilled, Requested
from themis.store.store import SqlStore


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(owner: type, method: str, doom: Callable[..., None]) -> None:
    """Let `doom` see the arguments and the result of each call, once it is done."""
    whole = getattr(owner, method)

    def doomed(self: Any, *arguments: Any, **named: Any) -> Any:
        result = whole(self, *arguments, **named)
        doom(result, *arguments)
        return result

    setattr(owner, method, doomed)


def on_fact(name: str) -> Callable[..., None]:
    def doom(_: None, facts: list[tuple[bytes, Fact]], *__: Any) -> None:
        if any(type(fact).__name__ == name for _, fact in facts):
            die()

    return doom


def on_event(kind: type) -> Callable[..., None]:
    def doom(_: int, events: list[object], *__: Any) -> None:
        if any(isinstance(event, kind) for event in events):
            die()

    return doom


def arm(point: str) -> None:
    match point:
        case "tail":
            after(SqlStore, "record_events", on_event(Requested))
        case "Mined":
            after(SqlStore, "record_events", on_event(Fulfilled))
        case "unsent":
            after(SqlStore, "record_sent", die)
        case "vowed":
            after(SqlStore, "vow", die)
        case "heard":
            after(SqlStore, "hear", die)
        case "broadcast":
            after(RpcChain, "send", die)
        case _:
            after(SqlStore, "record", on_fact(point))


if __name__ == "__main__":
    arm(sys.argv.pop(1))
    main()

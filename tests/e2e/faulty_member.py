"""A real member's node with faults: `python faulty_member.py FAULT,... --home HOME run`.

`lie`: all its answers are wrong by one bit. `slow=SECONDS`: it answers others that late. `skew=SECONDS`: its clock is
that far ahead. `cut=0xADDRESS`: it cannot reach that member.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

from themis.cli import main
from themis.committee.floor import Floor
from themis.committee.post import Post
from themis.core.assembly import Seat
from themis.core.errors import Unavailable
from themis.core.types import Hash32
from themis.daemon.clock import SystemClock
from themis.engine.engine import OnnxEngine


def lie() -> None:
    honest = OnnxEngine.infer

    def infer(self: OnnxEngine, model_id: Hash32, work: Sequence[tuple[bytes, bytes | None]]) -> list[bytes]:
        return [output[:-1] + bytes([output[-1] ^ 1]) for output in honest(self, model_id, work)]

    OnnxEngine.infer = infer  # type: ignore[method-assign]


def slow(seconds: float) -> None:
    prompt = Floor.answer

    def answer(self: Floor, told: Any) -> Any:
        time.sleep(seconds)
        return prompt(self, told)

    Floor.answer = answer  # type: ignore[method-assign]


def skew(seconds: float) -> None:
    def now_s(self: SystemClock) -> float:
        return time.time() + seconds

    SystemClock.now_s = now_s  # type: ignore[method-assign]


def cut(member: bytes) -> None:
    whole = Post._send

    def send(self: Post, seat: Seat, *said: Any) -> Any:
        if seat.member == member:
            raise Unavailable("the line is cut")
        return whole(self, seat, *said)

    Post._send = send  # type: ignore[method-assign, assignment]


def arm(faults: str) -> None:
    for fault in faults.split(","):
        name, _, value = fault.partition("=")
        match name:
            case "lie":
                lie()
            case "slow":
                slow(float(value))
            case "skew":
                skew(float(value))
            case "cut":
                cut(bytes.fromhex(value[2:]))


if __name__ == "__main__":
    arm(sys.argv.pop(1))
    main()

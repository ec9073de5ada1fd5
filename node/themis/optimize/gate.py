"""Lets a tuning through that gives the same bits as the untuned model, on the golden set and on recorded traffic."""

from collections.abc import Sequence
from contextlib import closing
from typing import TypeVar

from themis.bundles.bundle import Bundle
from themis.engine.engine import check_golden, open_model
from themis.engine.runner import Answerer
from themis.engine.tuning import Tuning, untuned
from themis.optimize.traffic import Traffic

W = TypeVar("W")


class Gate:
    """Knows every right answer. Those to traffic come from the untuned model, asked one request at a time."""

    def __init__(self, bundle: Bundle, traffic: Traffic) -> None:
        """Raises Misconfigured when this machine does not give the golden answers untuned."""
        self._bundle = bundle
        self._work = traffic.work
        with closing(open_model(bundle, untuned(bundle))) as plain:
            check_golden(bundle, plain)
            self._answers = [plain.answer([each]).outputs[0] for each in self._work]

    def complaint(self, answerer: Answerer, tuning: Tuning) -> str:
        """The first difference; empty where every bit is right. Asked alone, together, and in steps of the tuning."""
        golden = [(each.input, each.code) for each in self._bundle.golden]
        expected = [each.output for each in self._bundle.golden]
        passes = (
            ("golden input", golden, expected, 1),
            ("golden input", golden, expected, len(golden)),
            ("recorded request", self._work, self._answers, tuning.step),
        )
        for name, work, answers, size in passes:
            parts = (work[first : first + size] for first in range(0, len(work), size))
            found = [output for part in parts for output in answerer.answer(part).outputs]
            if (index := _first_difference(found, answers)) is not None:
                return f"{name} {index} gives 0x{found[index].hex()}, not 0x{answers[index].hex()}"
        return ""


def pieces(work: Sequence[W], size: int) -> list[list[W]]:
    """All of it in pieces of one size; the last is filled up with the first requests."""
    count = -(-len(work) // size)
    return [[work[(piece * size + index) % len(work)] for index in range(size)] for piece in range(count)]


def _first_difference(found: Sequence[bytes], expected: Sequence[bytes]) -> int | None:
    pairs = enumerate(zip(found, expected, strict=True))
    return next((index for index, (one, other) in pairs if one != other), None)

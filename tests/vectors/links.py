"""Writes `trace/links.jsonl`, a case a line: what adaptors are called with about inputs and answers, and their rulings.

Python makes them and forge asks the contracts (`contracts/dispute/test/Adaptors.t.sol`). Where nothing is decided, the
contract reverts.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.adaptor_kit import PLACE, Desk, desks, lies

FILE: Final = Path(__file__).parent / "trace/links.jsonl"
RULINGS: Final = {True: "convicted", False: "holds", None: "undecided"}
HONEST: Final = 3
LIES: Final = 5
"""Of each desk, at most, by ruling."""


def _cases(desk: Desk) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(7)
    honest = list(desk.accusations())
    chosen = [honest[int(place)] for place in rng.choice(len(honest), HONEST)] + honest[-1:]
    asked = [(desk.sight(), accused, output) for accused, output in chosen]
    counts = {True: 0, False: 0, None: 0}
    for sight, accused, output in [*asked, *lies(desk, rng)]:
        call, ruling = desk.call(sight, accused, output=output)
        counts[ruling] += 1
        if counts[ruling] > LIES:
            continue
        there = sight.asked.code is not None and not sight.asked.gone
        yield {
            "name": desk.name,
            "contract": desk.adaptor.contract,
            "code": "0x" + sight.asked.code.hex() if there and sight.asked.code else "0x",
            "place": PLACE,
            "ruling": RULINGS[ruling],
            "call": "0x" + call.hex(),
        }


def text() -> str:
    """The file."""
    return "".join(json.dumps(case) + "\n" for desk in desks() for case in _cases(desk))


if __name__ == "__main__":
    FILE.write_text(text())

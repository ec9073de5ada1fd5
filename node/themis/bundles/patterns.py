"""Tells regular expressions that take at most quadratic time from others: a tokenizer's come from strangers.

Conservative: what tokenizers in use need is let in, and little else. An engine that goes back and forth tries every way
to share text between repetitions, so there may be one in a branch, or two if nothing can fail after the second.
"""

import re
from collections.abc import Iterator
from typing import Final

MAX_CHARACTERS: Final = 1_024
MAX_REPETITIONS: Final = 16
"""In the whole pattern: each costs the square of the text's length."""
PIECE: Final = re.compile(r"\\[pP]\{[^}]*\}|\\.|\[(?:\\.|[^\]\\])*\]", re.DOTALL)
"""What matches one character: a property, an escape, a class."""
BACKWARD: Final = re.compile(r"\\[1-9gk]")
FEW: Final = re.compile(r"\{\d(,\d)?\}")
"""Up to nine times."""
MANY: Final = re.compile(r"(?:[*+]|\{[^}]*\})[?+]?")
GROUP: Final = re.compile(r"\(([^()]*)\)(\?)?")


def objections(pattern: str) -> Iterator[str]:
    """Why a pattern could take long; nothing for one that cannot."""
    if len(pattern) > MAX_CHARACTERS:
        yield f"a pattern has {len(pattern)} characters, limit {MAX_CHARACTERS}"
        return
    if BACKWARD.search(pattern):
        yield "a pattern refers back to what it matched"
    plain = FEW.sub("", PIECE.sub("_", pattern))
    if len(MANY.findall(plain)) > MAX_REPETITIONS:
        yield f"a pattern has more than {MAX_REPETITIONS} repetitions"
    if re.search(r"\)\s*[*+{]", plain):
        yield "a pattern repeats a group"
    while group := GROUP.search(plain):
        if MANY.search(group[1]):
            yield "a pattern has a repetition inside a group"
        plain = plain[: group.start()] + ("" if group[2] else "_") + plain[group.end() :]
    for branch in plain.split("|"):
        found = list(MANY.finditer(branch))
        if len(found) > 2 or (len(found) == 2 and found[1].end() < len(branch)):  # noqa: PLR2004 (one, or two at the end)
            yield "a pattern has repetitions in a row that something follows"

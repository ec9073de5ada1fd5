"""Reads JSON that may be hostile: nesting is counted before a parser that recurses sees it.

One that is nested deep may end the process: py_ecc lifts Python's limit above what stacks bear.
"""

import json
import re
from typing import Any, Final

MAX_DEPTH: Final = 64
STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""One that does not end reaches to the end: else each quote in it would be looked from anew."""
BRACKET: Final = re.compile(rb"[][{}]")


def parse(content: bytes) -> Any:
    """Raise ValueError for what is no JSON, or nests deeper than MAX_DEPTH."""
    if content.count(b"[") + content.count(b"{") > MAX_DEPTH:
        _measure(content)
    return json.loads(content)


def _measure(content: bytes) -> None:
    depth = 0
    for found in BRACKET.finditer(STRING.sub(b"", content)):
        depth += 1 if found[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")

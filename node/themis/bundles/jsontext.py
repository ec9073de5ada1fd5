"""Reads JSON that may be hostile: nesting is counted before a parser that recurses sees it."""

import json
import re
from typing import Any, Final

MAX_DEPTH: Final = 64
STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
BRACKET: Final = re.compile(rb"[][{}]")


def parse(content: bytes) -> Any:
    """Raise ValueError for what is no JSON, or nests deeper than MAX_DEPTH."""
    depth = 0
    for found in BRACKET.finditer(STRING.sub(b"", content)):
        depth += 1 if found[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")
    return json.loads(content)

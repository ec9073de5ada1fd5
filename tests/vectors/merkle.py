"""Writes `merkle.json`: roots and proofs of small trees, computed by Python, checked by pytest and by forge."""

import json
from pathlib import Path
from typing import Any, Final

from themis.core import merkle

FILE: Final = Path(__file__).with_suffix(".json")
LEAVES: Final = (b"", b"\x00", b"\x01" * 64, bytes(range(32)), b"themis", b"\xff" * 1_024, b"\x00", b"leaf", b"last")


def vectors() -> list[dict[str, Any]]:
    """Trees of 1 to 9 leaves, each with the proof of every leaf."""
    return [_tree(LEAVES[:count]) for count in range(1, len(LEAVES) + 1)]


def render() -> str:
    """Write out the file as it is committed."""
    return json.dumps(vectors(), indent=1) + "\n"


def _tree(leaves: tuple[bytes, ...]) -> dict[str, Any]:
    proofs = [merkle.prove(leaves, index) for index in range(len(leaves))]
    return {
        "leaves": ["0x" + leaf.hex() for leaf in leaves],
        "root": "0x" + merkle.root(leaves).hex(),
        "proofs": [["0x" + sibling.hex() for sibling in proof.siblings] for proof in proofs],
    }


if __name__ == "__main__":
    FILE.write_text(render())

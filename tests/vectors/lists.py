"""Writes `lists.json`: lists of inputs, their answers, roots and proofs, by Python, checked by pytest and forge."""

import json
from pathlib import Path
from typing import Any, Final

from themis.core import listing

FILE: Final = Path(__file__).with_suffix(".json")
COUNTS: Final = (1, 2, 3, 5, 64, 255)


def vectors() -> list[dict[str, Any]]:
    """One list for each count, with the proofs of three of its answers; some inputs and outputs are empty."""
    return [_list(count) for count in COUNTS]


def render() -> str:
    """Write out the file as it is committed."""
    return json.dumps(vectors(), indent=1) + "\n"


def _list(count: int) -> dict[str, Any]:
    inputs = [bytes([index]) * (index % 40) for index in range(count)]
    outputs = [bytes([255 - index]) * (index % 7) for index in range(count)]
    places = sorted({0, count // 2, count - 1})
    proofs = [listing.prove_result(inputs, outputs, index) for index in places]
    return {
        "items": count,
        "inputHash": "0x" + listing.input_root(inputs).hex(),
        "root": "0x" + listing.result_root(inputs, outputs).hex(),
        "opened": [
            {
                "index": index,
                "input": "0x" + inputs[index].hex(),
                "output": "0x" + outputs[index].hex(),
                "siblings": ["0x" + sibling.hex() for sibling in proof.siblings],
            }
            for index, proof in zip(places, proofs, strict=True)
        ],
    }


if __name__ == "__main__":
    FILE.write_text(render())

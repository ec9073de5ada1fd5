"""Write evm_real.xz: 500 runtime codes of real contracts, every source file of which is under MIT or Apache-2.0.

From what `models/evm-risk-moe/build.py data` compiled: the packages of its data/packages.txt as they are, the shortest
500. Two bytes of length, then code, over and over, packed by xz. `codes` reads it.
"""

import importlib
import lzma
import re
import sys
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
PACKED: Final = HERE / "evm_real.xz"
MODEL: Final = HERE.parents[1] / "models" / "evm-risk-moe"
CACHE: Final = MODEL.parent / ".cache" / "evm-risk-moe"
COUNT: Final = 500
_FREE: Final = re.compile(r"SPDX-License-Identifier:\s*(MIT|Apache-2\.0)\s*(\*/)?\s*$", re.MULTILINE)


def codes() -> list[bytes]:
    """The committed codes."""
    packed, found = lzma.decompress(PACKED.read_bytes()), []
    while packed:
        end = 2 + int.from_bytes(packed[:2], "big")
        found.append(packed[2:end])
        packed = packed[end:]
    return found


def compiled() -> list[bytes]:
    """The codes anew, from the model's cache."""
    sys.path.insert(0, str(MODEL))
    dataset: Any = importlib.import_module("data.dataset")
    compiler: Any = importlib.import_module("data.compiler")
    planned = dataset.plan(CACHE / "packs", CACHE / "corpus.json")
    results = compiler.Results(CACHE / "compiled.jsonl")
    found = {
        contract.code
        for item in planned
        if item.kind == "plain" and item.job.key in results and all(map(_FREE.search, item.job.sources.values()))
        for contract in results.get(item.job.key)
        if contract.file in item.job.wanted and 100 <= len(contract.code) <= 24_576
    }
    return sorted(found, key=lambda code: (len(code), code))[:COUNT]


if __name__ == "__main__":
    text = b"".join(len(code).to_bytes(2, "big") + code for code in compiled())
    PACKED.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))

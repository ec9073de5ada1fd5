"""Runtime codes that tests read without a compiler: compressed, made anew with the compilers of the model's cache."""

import importlib
import json
import lzma
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

MODEL: Final = Path(__file__).parents[2] / "models" / "evm-risk-moe"
NPM: Final = MODEL.parent / ".cache" / "evm-risk-moe" / "npm"
SOLC: Final = "0.8.30"


def read(packed: Path) -> dict[str, bytes]:
    """Runtime code by name."""
    codes: dict[str, str] = json.loads(lzma.decompress(packed.read_bytes()))
    return {name: bytes.fromhex(code) for name, code in codes.items()}


def write(packed: Path, sources: Mapping[str, tuple[str, int | None, bool]]) -> None:
    """Compile the contract C of each source, with so many runs of the optimizer (None: off), via IR or not."""
    sys.path.insert(0, str(MODEL))
    compiler: Any = importlib.import_module("data.compiler")
    jobs = {
        name: compiler.Job(SOLC, {"c.sol": source}, ("c.sol",), runs, via_ir)
        for name, (source, runs, via_ir) in sources.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        results = compiler.Results(Path(folder) / "compiled.jsonl")
        for _ in compiler.compile_all(jobs.values(), results, NPM):
            pass
        codes = {
            name: next(contract.code.hex() for contract in results.get(job.key) if contract.name == "C")
            for name, job in jobs.items()
        }
    packed.write_bytes(lzma.compress(json.dumps(codes).encode(), preset=9 | lzma.PRESET_EXTREME))

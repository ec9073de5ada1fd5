"""Write evm_cases.xz: the contracts of evm_cases/ (class__pattern), compiled with the optimizer off, on and via IR."""

import importlib
import json
import lzma
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
PACKED: Final = HERE / "evm_cases.xz"
MODEL: Final = HERE.parents[1] / "models" / "evm-risk-moe"
NPM: Final = MODEL.parent / ".cache" / "evm-risk-moe" / "npm"
SOLC: Final = "0.8.30"
SETTINGS: Final = {"off": (None, False), "on": (200, False), "ir": (200, True)}


def codes() -> dict[str, bytes]:
    """Runtime code by name and setting."""
    packed: dict[str, str] = json.loads(lzma.decompress(PACKED.read_bytes()))
    return {name: bytes.fromhex(code) for name, code in packed.items()}


def compiled() -> dict[str, str]:
    """The codes anew, with the compiler from the model's cache."""
    sys.path.insert(0, str(MODEL))
    compiler: Any = importlib.import_module("data.compiler")
    jobs = {
        f"{path.stem} {name}": compiler.Job(SOLC, {"c.sol": path.read_text()}, ("c.sol",), runs, via_ir)
        for path in sorted((HERE / "evm_cases").glob("*.sol"))
        for name, (runs, via_ir) in SETTINGS.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        results = compiler.Results(Path(folder) / "compiled.jsonl")
        for _ in compiler.compile_all(jobs.values(), results, NPM):
            pass
        return {
            name: next(contract.code.hex() for contract in results.get(job.key) if contract.name == "C")
            for name, job in jobs.items()
        }


if __name__ == "__main__":
    PACKED.write_bytes(lzma.compress(json.dumps(compiled()).encode(), preset=9 | lzma.PRESET_EXTREME))

"""The preprocessing gives the same integers in TypeScript, which was written a second time, and compiled."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.evm.proxies import PROXIES
from tests.vectors import evm_encode, evm_real
from themis.evm.encode import Encoded, encode
from themis.evm.vocabulary import NAMES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "models" / "evm-risk-moe" / "preprocess"
COMPILER = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"


COMPILED = """
import themis.evm.trace
from tests.unit.evm.test_evm_typescript import digest, encode, evm_real, in_python
assert themis.evm.trace.__file__.endswith(".so")
print(*(digest(in_python(encode(code))) for code in evm_real.codes()))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The TypeScript, type-checked and compiled."""
    assert COMPILER.exists(), "`make setup` installs the TypeScript compiler"
    folder = tmp_path_factory.mktemp("trace")
    (folder / "package.json").write_text('{"type": "module"}')
    subprocess.run(["node", COMPILER, "--project", FOLDER, "--outDir", folder], check=True)
    return folder


def in_typescript(program: Path, codes: list[bytes]) -> list[dict[str, Any]]:
    text = "".join(f"{code.hex()}\n" for code in codes)
    done = subprocess.run(["node", program / "cli.js"], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def in_python(encoded: Encoded) -> dict[str, Any]:
    return {
        "selectors": [trace.selector for trace in encoded.functions],
        "coverageBps": encoded.coverage_bps,
        "notKnown": int(encoded.not_known),
        "implementation": encoded.implementation.hex() if encoded.implementation else None,
        "tokens": list(encoded.tokens),
        "pcs": list(encoded.pcs),
        "starts": list(encoded.starts),
        "grams": [bucket for row in encoded.grams for bucket in row],
    }


@pytest.fixture(scope="module")
def real() -> dict[bytes, dict[str, Any]]:
    """What the Python here makes of the real codes."""
    return {code: in_python(encode(code)) for code in evm_real.codes()}


def digest(one: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(one).encode()).hexdigest()


def test_both_agree_on_500_real_contracts(program: Path, real: dict[bytes, dict[str, Any]]) -> None:
    assert len(real) == 500
    found = in_typescript(program, list(real))
    assert [code.hex() for code, one in zip(real, found, strict=True) if one != real[code]] == []


@pytest.mark.skipif(
    not os.environ.get("CI") or shutil.which("cc") is None, reason="compiling takes 12 s: CI does, with a C compiler"
)
def test_what_mypyc_compiles_agrees_on_500_real_contracts(tmp_path: Path, real: dict[bytes, dict[str, Any]]) -> None:
    place = tmp_path / "compiled"
    subprocess.run([sys.executable, ROOT / "node/compile.py", place, "0"], check=True, capture_output=True)
    said = subprocess.run(
        [sys.executable, "-c", COMPILED],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{place}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == [digest(one) for one in real.values()]


def test_typescript_gives_the_golden_vectors(program: Path) -> None:
    golden = json.loads((evm_encode.HERE / "evm_encode.json").read_text())
    programs = evm_encode.programs()
    for name, one in zip(programs, in_typescript(program, list(programs.values())), strict=True):
        numbers = [*one["tokens"], *one["pcs"], *one["starts"], *one["grams"]]
        vector = golden["vectors"][name]
        assert evm_encode.digest(numbers) == vector["sha256"], name
        assert one["coverageBps"] == vector["coverage_bps"]
        assert " ".join(NAMES[token] for token in one["tokens"]) == " ".join(
            function["tokens"] for function in vector["functions"]
        )


def test_both_agree_on_code_no_compiler_makes(program: Path) -> None:
    codes = [
        *PROXIES.values(),
        bytes(range(256)),
        bytes([0x5B, 0x5F, 0x35, 0x5F, 0x57]) * 300,
        b"\x7f",
        bytes.fromhex("60ff600160015dfe"),
    ]
    assert in_typescript(program, codes) == [in_python(encode(code)) for code in codes]

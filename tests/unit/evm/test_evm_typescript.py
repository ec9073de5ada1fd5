"""The second implementation of the preprocessing, in TypeScript, gives the same integers as the first."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.vectors import evm_encode, evm_real
from themis.evm.encode import Encoded, encode
from themis.evm.vocabulary import NAMES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "models" / "evm-risk-moe" / "preprocess"
COMPILER = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"


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


def test_both_agree_on_500_real_contracts(program: Path) -> None:
    codes = evm_real.codes()
    assert len(set(codes)) == 500
    found = in_typescript(program, codes)
    assert [code.hex() for code, one in zip(codes, found, strict=True) if one != in_python(encode(code))] == []


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
    codes = [bytes(range(256)), bytes([0x5B, 0x5F, 0x35, 0x5F, 0x57]) * 300, b"\x7f", bytes.fromhex("60ff600160015dfe")]
    assert in_typescript(program, codes) == [in_python(encode(code)) for code in codes]

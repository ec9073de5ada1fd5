"""The packaged ABIs and bytecode are what the sources give."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import solcx

from contracts import compile as compiler


@pytest.fixture(scope="module")
def binary() -> Path:
    return compiler.solc_binary()


@pytest.fixture(scope="module")
def compared() -> list[str]:
    """Whose bytecode Solidity holds against what forge has made of the same sources: a minute's work for the oracle."""
    judges = ("test/Deployed.t.sol", "dispute/test/Packaged.t.sol")
    judge = "".join((compiler.CONTRACTS / each).read_text() for each in judges)
    return [target.name for target in compiler.TARGETS if f'_packaged("{target.name}")' in judge]


def test_packaged_artifacts_are_fresh(binary: Path, compared: list[str]) -> None:
    assert compiler.stale(binary, compared) == [], "run `python contracts/compile.py`"
    assert compared


def test_staleness_is_noticed(
    binary: Path, compared: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(compiler.ARTIFACTS, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(compiler, "ARTIFACTS", tmp_path)
    changed = tmp_path / "SafeEthVault.json"
    changed.write_text(changed.read_text().replace('"leave"', '"exit"'))
    (tmp_path / "TimelockGuard.json").unlink()
    assert compiler.stale(binary, compared) == ["TimelockGuard", "SafeEthVault"]


def test_nobody_asks_the_compiler_the_same_twice(binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process neither; of another compiler or with another source it is another question."""
    asked: list[Any] = []

    def compile_standard(question: Any, *, solc_binary: Path) -> Any:
        asked.append(question)
        return {"of": question}

    monkeypatch.setattr(compiler, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(solcx, "compile_standard", compile_standard)
    other = tmp_path / "solc"
    other.write_text("another one")
    for _ in range(2):
        compiler.said.cache_clear()
        assert compiler.said('{"a": 1}', binary) == {"of": {"a": 1}}
        assert compiler.said('{"a": 1}', other) == {"of": {"a": 1}}
        assert compiler.said('{"a": 2}', binary) == {"of": {"a": 2}}
    assert asked == [{"a": 1}, {"a": 1}, {"a": 2}]
    compiler.said.cache_clear()


def test_the_wrapper_behaves_like_the_native_compiler() -> None:
    version = solcx.wrapper.solc_wrapper(solc_binary=compiler.SOLC_NPM, version=True)[0]
    assert f"Version: {compiler.SOLC_VERSION}+commit." in version


@pytest.mark.parametrize("target", compiler.TARGETS, ids=lambda target: target.name)
def test_artifacts_say_what_they_are(target: compiler.Target) -> None:
    packaged = json.loads((compiler.ARTIFACTS / f"{target.name}.json").read_text())
    assert packaged["contract"] == target.name
    assert packaged["solc"] == compiler.SOLC_VERSION
    assert target.source in packaged["sources"]
    assert bytes.fromhex(packaged["bytecode"][2:])
    assert any(entry["type"] == "function" for entry in packaged["abi"])

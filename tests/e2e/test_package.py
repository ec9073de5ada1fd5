"""The npm package: what is in it, for contracts and for TypeScript. test_first_consumer_doc.py builds on it outside."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from contracts import typescript
from demo.programs import ROOT
from tests.outside import PACKAGE, TOOLS, packed, run, tools
from themis import __version__
from themis.chain.contracts import ORACLE

MAX_BYTES = 40_000
ABOUT = json.loads((PACKAGE / "package.json").read_text())
IMPORT = re.compile(r'^import\b[^;]*?"([^"]+)";', re.MULTILINE)
TSC = ROOT / "models/evm-risk-moe/preprocess/node_modules/typescript/bin/tsc"
TYPED = """
import { inferenceOracleAbi, UseClass, type Ask } from "themis";

const ask: Ask = {
  modelId: "0x00", operator: "0x01", useClass: UseClass.RESEARCH, lane: 1n, deadline: 2, callbackGas: 3,
};
type Named<Abi extends readonly unknown[], Name> = Extract<Abi[number], { readonly name: Name }>;
const event: Named<typeof inferenceOracleAbi, "Requested">["type"] = "event";
const input: Named<typeof inferenceOracleAbi, "request">["inputs"][1]["type"] = "bytes";
console.log(inferenceOracleAbi.length, ask.useClass, event, input);
"""


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return tools(tmp_path_factory.mktemp("tools"))


@pytest.fixture
def installed(tmp_path: Path, tarball: Path) -> Path:
    """A project whose only dependency is the package, under the name that imports say."""
    (tmp_path / "package.json").write_text('{ "private": true }')
    run("npm", "install", "--offline", "--no-audit", "--no-fund", f"themis@file:{tarball}", cwd=tmp_path)
    return tmp_path


def contents(tarball: Path) -> dict[str, bytes]:
    with tarfile.open(tarball) as archive:
        opened = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name.removeprefix("package/"): file.read() for name, file in opened.items() if file}


def imported(names: dict[str, bytes]) -> tuple[set[str], set[str]]:
    """What contracts import: names of the package's own files, and paths elsewhere."""
    own, others = set(), set()
    for name, text in names.items():
        for path in IMPORT.findall(text.decode()) if name.endswith(".sol") else ():
            if path.startswith("."):
                own.add(str(((PACKAGE / name).parent / path).resolve().relative_to(PACKAGE)))
            else:
                others.add(path)
    return own, others


def test_it_is_small(tarball: Path) -> None:
    assert tarball.stat().st_size <= MAX_BYTES


def test_there_are_contracts_and_types_in_it_and_nothing_else(tarball: Path) -> None:
    names = contents(tarball)
    others = {name for name in names if not name.endswith(".sol")}
    assert others == {"LICENSE", "README.md", "package.json", "abi/index.js", "abi/index.d.ts"}
    assert names["LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert not {"scripts", "bin", "dependencies"} & ABOUT.keys(), "nothing runs, nothing more is fetched"
    assert ABOUT["version"] == __version__


def test_whatever_a_contract_in_it_imports_is_in_it_or_a_named_peer(tarball: Path) -> None:
    names = contents(tarball)
    own, others = imported(names)
    assert own <= names.keys()
    assert [path for path in others if not path.startswith(tuple(ABOUT["peerDependencies"]))] == []


def test_every_library_in_it_is_for_something_in_it(tarball: Path) -> None:
    """What only the oracle itself needs stays at home."""
    names = contents(tarball)
    libraries = {name for name in names if name.startswith("libraries/")}
    own, _ = imported(names)
    assert libraries - own == {"libraries/RiskReport.sol"} - own


def test_all_of_it_compiles_in_foundry_from_npm(installed: Path, tarball: Path, environment: dict[str, str]) -> None:
    """With the settings that Foundry comes with: no optimizer, no IR."""
    run(
        "forge",
        "init",
        "--empty",
        "--offline",
        "--no-git",
        "--force",
        installed,
        cwd=installed,
        environment=environment,
    )
    (installed / "remappings.txt").write_text(
        "themis/=node_modules/themis/\n@openzeppelin/=node_modules/@openzeppelin/\n"
    )
    shutil.copytree(TOOLS.parent / "@openzeppelin", installed / "node_modules/@openzeppelin")
    names = [name for name in contents(tarball) if name.endswith(".sol")]
    imports = "".join(f'import "themis/{name}";\n' for name in names)
    (installed / "src/All.sol").write_text(f"pragma solidity ^0.8.28;\n{imports}")
    run("forge", "build", cwd=installed, environment=environment)
    built = {place.parent.name for place in (installed / "out").glob("*/*.json")}
    assert {Path(name).name for name in names} <= built


def test_typescript_reads_its_types_and_node_its_values(installed: Path) -> None:
    (installed / "typed.ts").write_text(TYPED)
    strict = ("--strict", "--lib", "ES2022,DOM", "--target", "ES2022", "--module", "nodenext")
    run("node", TSC, *strict, "typed.ts", cwd=installed)
    count, *told = run("node", "typed.js", cwd=installed).split()
    assert int(count) == len([entry for entry in ORACLE.abi if entry["type"] != "constructor"])
    assert told == ["1", "event", "bytes"]


def test_types_reject_what_is_wrong(installed: Path) -> None:
    (installed / "typed.ts").write_text(TYPED.replace('= "bytes"', '= "bytes32"'))
    with pytest.raises(AssertionError, match="not assignable"):
        run("node", TSC, "--strict", "--noEmit", "--module", "nodenext", "typed.ts", cwd=installed)


def test_abis_are_fresh() -> None:
    assert typescript.stale() == [], "run `python contracts/typescript.py`"


def test_staleness_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(typescript.PLACE, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(typescript, "PLACE", tmp_path)
    (tmp_path / "index.js").write_text("")
    (tmp_path / "index.d.ts").unlink()
    assert typescript.stale() == ["index.js", "index.d.ts"]

"""The npm package: what is in it, for contracts and for TypeScript. test_first_consumer_doc.py builds on it outside."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from contracts import typescript
from demo.programs import ROOT
from tests.outside import MODULES, PACKAGE, packed, run, tools
from themis import __version__
from themis.chain.contracts import ORACLE
from themis.core.canonical import request_words
from themis.core.order import order_of_message

MAX_BYTES = 40_000
ABOUT = json.loads((PACKAGE / "package.json").read_text())
IMPORT = re.compile(r'^import\b[^;]*?"([^"]+)";', re.MULTILINE)
TSC = ROOT / "models/evm-risk-moe/preprocess/node_modules/typescript/bin/tsc"
TYPED = """
import { domainOf, inferenceOracleAbi, InferenceOrderTypes, requestOf, UseClass } from "themis";
import type { Ask, InferenceOrder } from "themis";

const ask: Ask = {
  modelId: "0x00", operator: "0x01", useClass: UseClass.RESEARCH, lane: 1n, deadline: 2, callbackGas: 3,
};
type Named<Abi extends readonly unknown[], Name> = Extract<Abi[number], { readonly name: Name }>;
const event: Named<typeof inferenceOracleAbi, "Requested">["type"] = "event";
const input: Named<typeof inferenceOracleAbi, "request">["inputs"][1]["type"] = "bytes";
const order: InferenceOrder = {
  requester: "0x02", modelId: ask.modelId, inputHash: "0x03", operator: ask.operator, token: "0x04", fee: 5n, items: 0,
  lane: ask.lane, seq: 6, deadline: ask.deadline, callbackGas: 7, termsVersion: 8, useClass: ask.useClass,
};
const first: "requester" = InferenceOrderTypes.InferenceOrder[0].name;
const chain: 9 = domainOf(9, "0x0a").chainId;
const fee: bigint = requestOf(order).fee;
console.log(inferenceOracleAbi.length, ask.useClass, event, input, first, chain, fee);
"""


DOMAIN_TYPE = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ]
}
ORDERS = """
const { InferenceOrderTypes, domainOf, factsOf, requestOf } = require("themis");
const numbers = ["items", "seq", "deadline", "callbackGas", "termsVersion", "useClass"];
const told = require(process.argv[2]).orders.map(({ chainId, oracle, id, expected, ...order }) => {
  for (const name of numbers) order[name] = Number(order[name]);
  for (const name of ["fee", "lane"]) order[name] = BigInt(order[name]);
  const request = requestOf(order);
  const typed = { types: InferenceOrderTypes, primaryType: "InferenceOrder", message: order };
  return { typed: { ...typed, domain: domainOf(BigInt(chainId), oracle) }, request, facts: factsOf(request.facts) };
});
console.log(JSON.stringify(told, (_, value) => (typeof value === "bigint" ? `${value}` : value)));
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
    abi = {f"abi/{name}" for name in ("index.js", "index.d.ts", "orders.js", "orders.d.ts")}
    assert others == {"LICENSE", "README.md", "package.json"} | abi
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
    shutil.copytree(MODULES / "@openzeppelin", installed / "node_modules/@openzeppelin")
    names = [name for name in contents(tarball) if name.endswith(".sol")]
    imports = "".join(f'import "themis/{name}";\n' for name in names)
    (installed / "src/All.sol").write_text(f"pragma solidity ^0.8.28;\n{imports}")
    run("forge", "build", cwd=installed, environment=environment)
    with pytest.raises(AssertionError, match="unrecognized subcommand"):
        run("forge", "bogus", cwd=installed, environment=environment)  # what fails here is seen
    built = {place.parent.name for place in (installed / "out").glob("*/*.json")}
    assert {Path(name).name for name in names} <= built


def test_typescript_reads_its_types_and_node_its_values(installed: Path) -> None:
    (installed / "typed.ts").write_text(TYPED)
    strict = ("--strict", "--lib", "ES2022,DOM", "--target", "ES2022", "--module", "nodenext")
    run("node", TSC, *strict, "typed.ts", cwd=installed)
    count, *told = run("node", "typed.js", cwd=installed).split()
    assert int(count) == len([entry for entry in ORACLE.abi if entry["type"] != "constructor"])
    assert told == ["1", "event", "bytes", "requester", "9", "5n"]


def test_types_reject_what_is_wrong(installed: Path) -> None:
    (installed / "typed.ts").write_text(TYPED.replace('= "bytes"', '= "bytes32"'))
    with pytest.raises(AssertionError, match="not assignable"):
        run("node", TSC, "--strict", "--noEmit", "--module", "nodenext", "typed.ts", cwd=installed)


def test_an_order_is_signed_and_sent_as_the_contracts_take_it(installed: Path) -> None:
    (installed / "orders.js").write_text(ORDERS)
    vectors = json.loads((ROOT / "tests/vectors/ids.json").read_text())["orders"]
    told = json.loads(run("node", "orders.js", ROOT / "tests/vectors/ids.json", cwd=installed))
    assert len(told) == len(vectors) > 0
    for vector, each in zip(vectors, told, strict=True):
        signed = encode_typed_data(full_message=each["typed"] | {"types": each["typed"]["types"] | DOMAIN_TYPE})
        assert keccak(b"\x19" + signed.version + signed.header + signed.body).hex() == vector["expected"][2:]
        expected = request_words(order_of_message(vector))
        shown = [f"0x{word.hex()}" if isinstance(word, bytes) else str(word) for word in expected]
        assert list(each["request"].values()) == shown
        assert each["facts"]["lane"] == vector["lane"]
        assert [each["facts"][name] for name in ("grantSeq", "royaltyBps")] == [0, 0]
        for name in ("items", "seq", "deadline", "callbackGas", "termsVersion", "useClass"):
            assert each["facts"][name] == int(vector[name])


def test_an_order_whose_number_is_too_large_is_refused(installed: Path) -> None:
    (installed / "large.js").write_text('require("themis").requestOf({ items: 256 });')
    with pytest.raises(AssertionError, match="items has 8 bits: 256"):
        run("node", "large.js", cwd=installed)


def test_abis_are_fresh() -> None:
    assert typescript.stale() == [], "run `python contracts/typescript.py`"


def test_staleness_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(typescript.PLACE, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(typescript, "PLACE", tmp_path)
    (tmp_path / "index.js").write_text("")
    (tmp_path / "index.d.ts").unlink()
    assert typescript.stale() == ["index.js", "index.d.ts"]

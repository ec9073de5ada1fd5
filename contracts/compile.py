"""Compiles the contracts and packages what the node needs of each: a JSON file with ABI and bytecode."""

import argparse
import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import solcx
from eth_utils.crypto import keccak
from requests.exceptions import RequestException
from solcx.exceptions import SolcInstallationError

CONTRACTS: Final = Path(__file__).resolve().parent
ARTIFACTS: Final = CONTRACTS.parent / "node/themis/chain/artifacts"
SOLC_VERSION: Final = "0.8.30"
SOLC_NPM: Final = CONTRACTS / "solc-npm.js"
KEPT: Final = CONTRACTS / "cache/said"
"""Answers of the compiler, by what it is and what it was asked."""

DEPLOYED: Final = ("src", "dispute/src", "referee/src")
"""Folders of contracts that are put on a chain."""

OFTEN: Final = 1_000_000
"""Calls that the optimizer reckons with."""

_IMPORT: Final = re.compile(r'^import\b[^;]*?"([^"]+)";', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Target:
    """One contract to package."""

    name: str
    source: str
    demo: bool = False
    """Compiled as strangers' contracts are: default pipeline."""
    plain: bool = False
    """Compiled by forge's profile `dispute`: without the IR."""
    typed: bool = True
    """Its ABI is in the npm package, unless it is a demo's: 40 kB are for what consumers call."""
    often: bool = False
    """Optimized for what a call takes, where others are for their size too: whoever calls it has to win that back."""


REFEREES: Final = ("Moves", "Pointwise", "Reductions", "Products", "Orders", "Shapes", "Integrity")
"""As `Judge` in IDispute.sol counts them."""

ADAPTORS: Final = ("BytesAdaptor", "TensorAdaptor", "EvmTraceAdaptor")

TARGETS: Final = (
    Target("Registry", "src/Registry.sol"),
    Target("InferenceOracle", "src/InferenceOracle.sol"),
    Target("Lens", "src/Lens.sol"),
    Target("Committee", "src/committee/Committee.sol", typed=False),
    Target("CommitteeFactory", "src/committee/CommitteeFactory.sol", typed=False),
    Target("SignedDeposits", "src/periphery/SignedDeposits.sol", typed=False),
    Target("TimelockGuard", "src/consumers/TimelockGuard.sol"),
    Target("Warranty", "dispute/src/Warranty.sol", typed=False, often=True),
    Target("Dispute", "dispute/src/Dispute.sol", typed=False, often=True),
    Target("Stakes", "dispute/src/Stakes.sol", plain=True, typed=False),
    *(Target(name, f"dispute/src/{name}.sol", plain=True, typed=False) for name in ADAPTORS),
    *(Target(name, f"referee/src/{name}.sol", plain=True, typed=False) for name in REFEREES),
    Target("EthVault", "src/demo/EthVault.sol", demo=True),
    Target("SafeEthVault", "src/demo/SafeEthVault.sol", demo=True),
)


def solc_binary() -> Path:
    """Find or install the official compiler, else npm's behind `solc-npm.js`; both give the same bytes."""
    try:
        solcx.install_solc(SOLC_VERSION)
    except (RequestException, SolcInstallationError):
        return SOLC_NPM
    return Path(solcx.install.get_executable(SOLC_VERSION))


def artifact(target: Target, binary: Path) -> dict[str, Any]:
    """Compile one contract from exactly the sources it imports, named relative to `contracts/`.

    Neither the place of the checkout nor an unrelated source file changes the bytecode.
    """
    sources = _sources([target])
    asked = {
        "language": "Solidity",
        "sources": {name: {"content": content} for name, content in sources.items()},
        "settings": _settings(demo=target.demo, plain=target.plain, often=target.often)
        | {"outputSelection": {target.source: {target.name: ["abi", "evm.bytecode.object"]}}},
    }
    contract = said(json.dumps(asked), binary)["contracts"][target.source][target.name]
    return _packaged(target, sources, contract["abi"], "0x" + contract["evm"]["bytecode"]["object"])


def abis(targets: Sequence[Target], binary: Path) -> dict[str, Any]:
    """Their ABIs by name, asked for at once: to start the compiler and to read sources takes a second for each."""
    asked = {
        "language": "Solidity",
        "sources": {name: {"content": content} for name, content in _sources(targets).items()},
        "settings": _settings() | {"outputSelection": {target.source: {target.name: ["abi"]} for target in targets}},
    }
    found = said(json.dumps(asked), binary)["contracts"]
    return {target.name: found[target.source][target.name]["abi"] for target in targets}


def abstract(changed: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Every source that is deployed and all that they import, and what the compiler says of them without making code.

    `changed`: what stands in the place of some, by name.
    """
    files = [file for place in DEPLOYED for file in (CONTRACTS / place).rglob("*.sol")]
    given = {file.relative_to(CONTRACTS).as_posix(): file.read_text() for file in files}
    sources = closure(given | dict(changed), CONTRACTS, _remappings())
    asked = {
        "language": "Solidity",
        "sources": {name: {"content": content} for name, content in sources.items()},
        "settings": _settings() | {"outputSelection": {"*": {"*": ["abi"], "": ["ast"]}}},
    }
    return sources, said(json.dumps(asked), solc_binary())


def committed(name: str) -> dict[str, Any]:
    """What is committed of a contract: the oracle need not be compiled to be deployed."""
    read: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text())
    return read


def render(packaged: dict[str, Any]) -> str:
    """Write out the file as it is committed: stable order, one ABI entry per line."""
    abi = ",\n    ".join(json.dumps(entry) for entry in packaged["abi"])
    rest = json.dumps({k: v for k, v in packaged.items() if k not in ("abi", "bytecode")}, indent=2)[:-2]
    return f'{rest},\n  "abi": [\n    {abi}\n  ],\n  "bytecode": "{packaged["bytecode"]}"\n}}\n'


def stale(binary: Path, taken: Collection[str] = ()) -> list[str]:
    """Names of the packaged files that differ from what the sources give; the bytecode of `taken` ones is believed."""
    believed = [target for target in TARGETS if target.name in taken]
    given = abis(believed, binary)
    return [target.name for target in TARGETS if not _is_fresh(target, binary, given.get(target.name))]


def _is_fresh(target: Target, binary: Path, abi: Any) -> bool:
    """Without an ABI it is compiled."""
    file = ARTIFACTS / f"{target.name}.json"
    if not file.exists():
        return False
    text = file.read_text()
    if abi is None:
        return text == render(artifact(target, binary))
    return text == render(_packaged(target, _sources([target]), abi, json.loads(text)["bytecode"]))


def _packaged(target: Target, sources: Mapping[str, str], abi: Any, bytecode: str) -> dict[str, Any]:
    return {
        "contract": target.name,
        "solc": SOLC_VERSION,
        "sources": {name: "0x" + keccak(text=content).hex() for name, content in sorted(sources.items())},
        "abi": abi,
        "bytecode": bytecode,
    }


def _sources(targets: Sequence[Target]) -> dict[str, str]:
    """What they import, named relative to `contracts/`."""
    given = {target.source: (CONTRACTS / target.source).read_text() for target in targets}
    return closure(given, CONTRACTS, _remappings())


@cache
def said(asked: str, binary: Path) -> Any:
    """What the compiler answers to its standard JSON. The oracle takes it a minute: nobody asks the same one twice."""
    compiler = SOLC_VERSION.encode() + binary.read_bytes()
    kept = KEPT / f"{hashlib.sha256(compiler + asked.encode()).hexdigest()}.json"
    if not kept.exists():
        answer = solcx.compile_standard(json.loads(asked), solc_binary=binary)
        KEPT.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=KEPT, delete=False) as file:
            json.dump(answer, file)
        Path(file.name).replace(kept)
    return json.loads(kept.read_text())


def _settings(*, demo: bool = False, plain: bool = False, often: bool = False) -> dict[str, Any]:
    """Read what forge uses (foundry.toml), so that what is tested is what is packaged; `often` besides it."""
    profiles = tomllib.loads((CONTRACTS / "foundry.toml").read_text())["profile"]
    profile = profiles["default"] | (profiles["dispute"] if plain else {})
    if demo:
        return {"optimizer": {"enabled": True, "runs": 200}, "evmVersion": profile["evm_version"]}
    return {
        "remappings": profile["remappings"],
        "viaIR": profile["via_ir"],
        "optimizer": {"enabled": profile["optimizer"], "runs": OFTEN if often else profile["optimizer_runs"]},
        "evmVersion": profile["evm_version"],
        "metadata": {"bytecodeHash": profile["bytecode_hash"], "appendCBOR": profile["cbor_metadata"]},
    }


def _remappings() -> list[tuple[str, str]]:
    """Prefix of an import and what stands for it, as forge has them."""
    profile = tomllib.loads((CONTRACTS / "foundry.toml").read_text())["profile"]["default"]
    return [(short, place) for short, _, place in (each.partition("=") for each in profile["remappings"])]


def closure(given: Mapping[str, str], base: Path, remappings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Sources, and all that they import: name relative to `base`, and content."""
    sources, pending = dict(given), list(given)
    while pending:
        importer = pending.pop()
        for path in _IMPORT.findall(sources[importer]):
            name = _resolve(importer, path, base, remappings)
            if name not in sources:
                sources[name] = (base / name).read_text()
                pending.append(name)
    return sources


def _resolve(importer: str, path: str, base: Path, remappings: Sequence[tuple[str, str]]) -> str:
    if not path.startswith("."):
        return next(path.replace(short, place, 1) for short, place in remappings if path.startswith(short))
    return str(((base / importer).parent / path).resolve().relative_to(base))


def main() -> int:
    """Write the packaged files, or with --check say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    check: bool = parser.parse_args().check
    binary = solc_binary()
    if check:
        if names := stale(binary):
            print(f"stale: {', '.join(names)}; run `python contracts/compile.py`", file=sys.stderr)
        return bool(names)
    ARTIFACTS.mkdir(exist_ok=True)
    for target in TARGETS:
        packaged = artifact(target, binary)
        (ARTIFACTS / f"{target.name}.json").write_text(render(packaged))
        print(f"{target.name}: {len(packaged['bytecode']) // 2 - 1} bytes of creation code")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes the ABIs of what is deployed and the types in them as TypeScript reads them: `abi/` of the npm package."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

CONTRACTS: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(CONTRACTS.parent)]

from contracts.compile import ARTIFACTS, TARGETS  # noqa: E402

PLACE: Final = CONTRACTS / "src/abi"
_TIMELOCK: Final = CONTRACTS / "node_modules/@openzeppelin/contracts/build/contracts/TimelockController.json"
_HEADER: Final = "// Written by contracts/typescript.py.\n"
_ENUM: Final = re.compile(r"^enum (\w+) \{(.*?)\}", re.MULTILINE | re.DOTALL)
_COMMENT: Final = re.compile(r"//[^\n]*")
_NUMBER_BITS: Final = 48
"""Integers of up to so many bits are numbers to viem and abitype, wider ones are bigints."""

_MARKETS: Final = {"licenseNow", "licensesOfOrder", "pinnedLicense"}
"""What only contracts ask: packed words. People ask the lens."""

Abi = list[dict[str, Any]]


def files() -> dict[str, str]:
    """Names of the files, and what is in them."""
    abis = _packaged()
    script, types = [_HEADER], [_HEADER]
    for contract, abi in abis.items():
        name = contract[0].lower() + contract[1:] + "Abi"
        lines = _lines(map(_literal, _bare(abi)))
        script.append(f"exports.{name} = [\n{lines}\n];\n")
        types.append(f"export declare const {name}: [\n{lines}\n];\n")
    for name, members in _enums():
        literal = _literal({member: number for number, member in enumerate(members)})
        script.append(f"exports.{name} = Object.freeze({literal});\n")
        types.append(
            f"export declare const {name}: Readonly<{literal}>;\n"
            f"export type {name} = (typeof {name})[keyof typeof {name}];\n"
        )
    for name, fields in _signed():
        literal = f"{{{name}:{_literal(fields)}}}"
        script.append(f"exports.{name}Types = {literal};\n")
        types.append(f"export declare const {name}Types: {literal};\n")
    script += [f'exports.{name} = require("./orders.js").{name};\n' for name in ("domainOf", "requestOf", "factsOf")]
    types.append('export { domainOf, requestOf, factsOf, type Facts, type InferenceOrder } from "./orders.js";\n')
    types += _structs(abis.values())
    return {"index.js": "".join(script), "index.d.ts": "".join(types)}


def stale() -> list[str]:
    """Names of the files that differ from what artifacts and sources give."""
    return [name for name, text in files().items() if not (file := PLACE / name).exists() or file.read_text() != text]


def _packaged() -> dict[str, Abi]:
    """ABIs by contract, without what only deployers and markets need, and without what OpenZeppelin's package has."""
    inherited = {_named(entry) for entry in json.loads(_TIMELOCK.read_text())["abi"]}
    read = {
        each.name: json.loads((ARTIFACTS / f"{each.name}.json").read_text())["abi"]
        for each in TARGETS
        if each.typed and not each.demo
    }
    read["TimelockGuard"] = [entry for entry in read["TimelockGuard"] if _named(entry) not in inherited]
    return {name: [entry for entry in abi if _is_called(entry)] for name, abi in read.items()}


def _is_called(entry: dict[str, Any]) -> bool:
    return entry["type"] != "constructor" and entry.get("name") not in _MARKETS


def _named(entry: dict[str, Any]) -> tuple[str, str | None]:
    return entry["type"], entry.get("name")


def _enums() -> Iterator[tuple[str, list[str]]]:
    """Enums of interfaces, types and libraries: name and members in their order."""
    for folder in ("interfaces", "libraries", "types"):
        for source in sorted((CONTRACTS / "src" / folder).glob("*.sol")):
            for name, body in _ENUM.findall(source.read_text()):
                yield name, [member.strip() for member in _COMMENT.sub("", body).split(",")]


def _signed() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """What licensors and requesters sign, EIP-712: name and fields in their order."""
    for source, name in (("GrantRegistry.sol", "Grant"), ("libraries/Orders.sol", "InferenceOrder")):
        text = (CONTRACTS / "src" / source).read_text()
        (members,) = re.findall(rf'"{name}\(([^)]*)\)"', text)
        yield name, [dict(zip(("type", "name"), member.split(), strict=True)) for member in members.split(",")]


def _bare(value: Any) -> Any:
    """The same without `internalType`, and without what viem and ethers take for false anyway."""
    if isinstance(value, dict):
        return {name: _bare(inner) for name, inner in value.items() if name != "internalType" and inner is not False}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def _lines(entries: Iterable[str]) -> str:
    return ",\n".join(f"  {entry}" for entry in entries)


def _literal(value: Any) -> str:
    """A value, and the type whose only one it is."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{_literal(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_literal, value)) + "]"
    return json.dumps(value)


def _structs(abis: Iterable[Abi]) -> list[str]:
    """One interface for each struct that is taken, given or logged."""
    found: dict[str, list[dict[str, Any]]] = {}
    pending = [each for abi in abis for entry in abi for side in ("inputs", "outputs") for each in entry.get(side, ())]
    while pending:
        parameter = pending.pop(0)
        if "components" in parameter:
            found[_struct_name(parameter)] = parameter["components"]
            pending += parameter["components"]
    return [
        f"export interface {name} {{\n"
        + "".join(f"  {field['name']}: {_typescript(field)};\n" for field in fields)
        + "}\n"
        for name, fields in sorted(found.items())
    ]


def _struct_name(parameter: dict[str, Any]) -> str:
    return str(parameter["internalType"]).removeprefix("struct ").rstrip("[]").rpartition(".")[2]


def _typescript(field: dict[str, Any]) -> str:
    kind: str = field["type"]
    if kind.endswith("]"):
        inner, _, _ = kind.rpartition("[")
        return f"readonly {_typescript(field | {'type': inner})}[]"
    if kind == "tuple":
        return _struct_name(field)
    if field.get("internalType", "").startswith("enum "):
        return str(field["internalType"]).removeprefix("enum ").rstrip("[]")
    if kind in {"bool", "string"}:
        return kind.replace("bool", "boolean")
    if integer := re.fullmatch(r"u?int(\d+)", kind):
        return "number" if int(integer[1]) <= _NUMBER_BITS else "bigint"
    return "`0x${string}`"


def main() -> int:
    """Write the files, or with --check say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    if parser.parse_args().check:
        if names := stale():
            print(f"stale: {', '.join(names)}; run `python contracts/typescript.py`", file=sys.stderr)
        return bool(names)
    PLACE.mkdir(exist_ok=True)
    for name, text in files().items():
        (PLACE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

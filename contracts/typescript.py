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
_HEADER: Final = "// Written by contracts/typescript.py.\n"
_ENUM: Final = re.compile(r"^enum (\w+) \{(.*?)\}", re.MULTILINE | re.DOTALL)
_COMMENT: Final = re.compile(r"//[^\n]*")
_NUMBER_BITS: Final = 48
"""Integers of up to so many bits are numbers to viem and abitype, wider ones are bigints."""

Abi = list[dict[str, Any]]


def files() -> dict[str, str]:
    """Names of the files, and what is in them."""
    abis = {name[0].lower() + name[1:] + "Abi": abi for name, abi in _packaged().items()}
    structs = _structs(abis.values())
    abis = {name: _bare(abi) for name, abi in abis.items()}
    enums = dict(_enums())
    script = [f"exports.{name} = [\n{_lines(map(_literal, abi))}\n];" for name, abi in abis.items()]
    script += [f"exports.{name} = {_members(members)};" for name, members in enums.items()]
    types = [f"export declare const {name}: [\n{_lines(map(_literal, abi))}\n];" for name, abi in abis.items()]
    types += [
        f"export declare const {name}: Readonly<{_literal(_numbered(members))}>;\n"
        f"export type {name} = (typeof {name})[keyof typeof {name}];"
        for name, members in enums.items()
    ]
    types += structs
    return {"index.js": _HEADER + "\n".join(script) + "\n", "index.d.ts": _HEADER + "\n".join(types) + "\n"}


def stale() -> list[str]:
    """Names of the files that differ from what artifacts and sources give."""
    return [name for name, text in files().items() if not (file := PLACE / name).exists() or file.read_text() != text]


def _packaged() -> dict[str, Abi]:
    """ABIs by contract, without what only whoever deploys it needs."""
    read = {
        each.name: json.loads((ARTIFACTS / f"{each.name}.json").read_text())["abi"]
        for each in TARGETS
        if each.typed and not each.demo
    }
    return {name: [entry for entry in abi if entry["type"] != "constructor"] for name, abi in read.items()}


def _enums() -> Iterator[tuple[str, list[str]]]:
    """Enums of interfaces, types and libraries: name and members in their order."""
    for folder in ("interfaces", "libraries", "types"):
        for source in sorted((CONTRACTS / "src" / folder).glob("*.sol")):
            for name, body in _ENUM.findall(source.read_text()):
                yield name, [member.strip() for member in _COMMENT.sub("", body).split(",")]


def _bare(value: Any) -> Any:
    """The same without `internalType`: neither viem nor ethers needs Solidity's names."""
    if isinstance(value, dict):
        return {name: _bare(inner) for name, inner in value.items() if name != "internalType"}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def _lines(entries: Iterable[str]) -> str:
    return ",\n".join(f"  {entry}" for entry in entries)


def _numbered(members: list[str]) -> dict[str, int]:
    return {member: number for number, member in enumerate(members)}


def _members(members: list[str]) -> str:
    return f"Object.freeze({_literal(_numbered(members))})"


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
        + "}"
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

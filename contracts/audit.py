"""Slither and halmos over the contracts: what is found is explained in `findings.toml`, what is asked is proved.

Both have a virtual environment of their own (`audit.txt`): they want other versions of what the node uses. Slither gets
what the compiler says without code, which takes seconds: it cannot read Foundry's projects behind a compiler of npm's.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CONTRACTS: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(CONTRACTS.parent), str(CONTRACTS.parent / "node")]

from contracts.compile import SOLC_VERSION, abstract  # noqa: E402

FINDINGS: Final = CONTRACTS / "findings.toml"
CALLS: Final = "symbolic/Calls.sol"
BY_HAND: Final[Mapping[str, frozenset[str]]] = {
    "Answers": frozenset(),
    "Licenses": frozenset(("_begin", "_ask")),
    "Oracles": frozenset(("_fulfilling",)),
}
"""Libraries that call in assembly (ADR 41), each with what only such calls need."""
_FUNCTION: Final = re.compile(r"    function (\w+)\(([^)]*)\)[^{]*?( \{\n.*?\n    \}\n)", re.DOTALL)
_TOOLS: Final = CONTRACTS.parent / ".venv/audit/bin"
_NO_CODE: Final = {"object": "", "sourceMap": ""}
_FAKE_SOLC: Final = f"""#!/bin/sh
case "$*" in
  *--version*) echo "Version: {SOLC_VERSION}+commit.73712a01" ;;
  *) cat > /dev/null; cat output.json ;;
esac
"""
_FOUNDRY: Final = """[profile.default]
solc = "./solc-npm.js"
offline = true
ast = true
evm_version = "shanghai"
optimizer = true
remappings = ["solady/=node_modules/solady/src/"]
[lint]
lint_on_build = false
"""


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """What a check of Slither's has to say about one place."""

    check: str
    at: str
    """Contract, function and what is in it, with dots."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What `findings.toml` says: whole checks, and single findings, with why they are no fault."""

    checks: Mapping[str, str]
    findings: Mapping[Finding, str]

    @classmethod
    def read(cls, text: str) -> "Explained":
        said = tomllib.loads(text)
        return cls(said["everywhere"], {Finding(each["check"], each["at"]): each["why"] for each in said["finding"]})

    def problems(self, found: Iterable[Finding]) -> list[str]:
        """What is found and not explained, and what is explained and not found."""
        found = set(found)
        unexplained = {each for each in found if each.check not in self.checks and each not in self.findings}
        stale = set(self.findings) - found
        idle = set(self.checks) - {each.check for each in found}
        return [
            *(f"{each.check} at {each.at}: mend it, or explain it in {FINDINGS.name}" for each in sorted(unexplained)),
            *(f"{each.check} at {each.at} is explained and not found: take it out" for each in sorted(stale)),
            *(f"{each} is explained and found nowhere: take it out" for each in sorted(idle)),
        ]


def plain(library: str, source: str) -> str:
    """A library of `BY_HAND` with the compiler's calls in the place of its own: `Calls` makes them."""
    calls = (CONTRACTS / CALLS).read_text()
    for found in list(_FUNCTION.finditer(source))[::-1]:
        name = found[1]
        if f"function {name}(" in calls:
            said = ", ".join(each.split()[-1] for each in found[2].split(","))
            body = f" {{\n        return Calls.{name}({said});\n    }}\n"
            source = source[: found.start(3)] + body + source[found.end() :]
        elif name in BY_HAND[library]:
            source = source[: found.start()] + source[found.end() :]
    return source.replace("\nimport", f'\nimport {{Calls}} from "../../{CALLS}";\nimport', 1)


def slither() -> list[Finding]:
    """What Slither finds in what is deployed, with calls of `src/` that it can see."""
    names = {name: f"src/libraries/{name}.sol" for name in BY_HAND}
    changed = {place: plain(name, (CONTRACTS / place).read_text()) for name, place in names.items()}
    sources, said = abstract(changed)
    for contracts in said["contracts"].values():
        for contract in contracts.values():
            contract["evm"] = {"bytecode": _NO_CODE, "deployedBytecode": _NO_CODE, "methodIdentifiers": {}}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        for name, content in sources.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(content)
        asked = {"language": "Solidity", "sources": {name: {"urls": [name]} for name in sources}, "settings": {}}
        (place / "input.json").write_text(json.dumps(asked))
        (place / "output.json").write_text(json.dumps(said))
        (place / "solc").write_text(_FAKE_SOLC)
        (place / "solc").chmod(0o755)
        how = "--compile-force-framework solc-json --solc ./solc --filter-paths node_modules --json -"
        done = _run(["slither", "input.json", *how.split()], place)
    results = json.loads(done.stdout)
    if not results["success"]:
        raise SystemExit(f"slither failed: {results['error']}")
    return [Finding(each["check"], _place(each["elements"][0])) for each in results["results"].get("detectors", ())]


def _place(element: Mapping[str, Any] | None) -> str:
    names: list[str] = []
    while element:
        if element["type"] not in {"node", "file"}:
            names.insert(0, element["name"])
        element = element.get("type_specific_fields", {}).get("parent")
    return ".".join(names)


def halmos() -> list[str]:
    """Which of the symbolic tests do not hold, with what halmos says of them."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "foundry.toml").write_text(_FOUNDRY)
        for name in ("node_modules", "solc-npm.js"):
            (place / name).symlink_to(CONTRACTS / name)
        for name in ("src/types", "src/libraries", "src/interfaces", "dispute/src", "referee/src"):
            shutil.copytree(CONTRACTS / name, place / name)
        shutil.copytree(CONTRACTS / "symbolic", place / "test")
        line = ["halmos", "--root", ".", "--loop", "5", "--array-lengths", "siblings={0,1,2,3}"]
        done = _run(line, place)
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    print(said[said.find("Running") :], file=sys.stderr)
    asked = sum(file.read_text().count("function check_") for file in (CONTRACTS / "symbolic").glob("*.sol"))
    failed = re.findall(r"^\[(?!PASS).*$", said, re.MULTILINE)
    passed = len(re.findall(r"^\[PASS\]", said, re.MULTILINE))
    if passed < asked and not failed:
        failed.append(f"{passed} of {asked} were proved; halmos says: {done.stderr[-500:]}")
    return failed


def _run(line: Sequence[str], place: Path) -> subprocess.CompletedProcess[str]:
    """One of the two tools, found before anything else of its name; forge is ours."""
    path = os.pathsep.join((str(_TOOLS), str(CONTRACTS / "node_modules/.bin"), os.environ["PATH"]))
    return subprocess.run(
        [str(_TOOLS / line[0]), *line[1:]],
        cwd=place,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def main() -> int:
    """Run both, print what is not explained or not proved."""
    found = slither()
    problems = [*Explained.read(FINDINGS.read_text()).problems(found), *halmos()]
    print("\n".join(problems) or f"Slither's {len(found)} findings are explained, and what halmos was asked is proved")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

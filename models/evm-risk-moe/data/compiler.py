"""Many Solidity compilations with npm `solc`, one node process a compiler version, results kept by content."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

HERE: Final = Path(__file__).parent
_JOBS: Final = 400
"""For one compiler process."""
_SETTINGS_OUT: Final = [
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
    "evm.methodIdentifiers",
]


@dataclass(frozen=True, slots=True)
class Job:
    """One compilation. `wanted`: files whose contracts are to be output."""

    version: str
    sources: dict[str, str]
    wanted: tuple[str, ...]
    optimizer_runs: int | None
    via_ir: bool = False
    remappings: tuple[str, ...] = ()

    def standard_json(self) -> dict[str, Any]:
        optimizer = {"enabled": self.optimizer_runs is not None, "runs": self.optimizer_runs or 200}
        settings: dict[str, Any] = {
            "optimizer": optimizer,
            "remappings": list(self.remappings),
            "outputSelection": {name: {"*": _SETTINGS_OUT} for name in self.wanted},
        }
        if self.via_ir:
            settings["viaIR"] = True
        sources = {name: {"content": text} for name, text in self.sources.items()}
        return {"language": "Solidity", "sources": sources, "settings": settings}

    @property
    def source_bytes(self) -> int:
        return sum(map(len, self.sources.values()))

    @property
    def cost(self) -> float:
        """How long it takes beside others, about."""
        return self.source_bytes * (4 if self.via_ir else 1) * (1.5 if self.optimizer_runs else 1)

    @property
    def key(self) -> str:
        text = json.dumps([self.version, self.standard_json()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Compiled:
    """One contract's runtime bytecode; immutables are filled in as a constructor would."""

    file: str
    name: str
    code: bytes
    selectors: dict[str, int]
    """Function name -> selector (of its first overload)."""


class Results:
    """An append-only file of compilation results, by job key; a second run compiles only what is missing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._offsets: dict[str, int] = {}
        if path.exists():
            with path.open("rb") as lines:
                at = 0
                for line in lines:
                    if line.endswith(b"\n"):
                        self._offsets[line[8:32].decode()] = at
                    at += len(line)

    def __contains__(self, key: str) -> bool:
        return key in self._offsets

    def add(self, key: str, result: dict[str, Any]) -> None:
        line = json.dumps({"key": key, **result}, separators=(",", ":")).encode() + b"\n"
        with self._path.open("ab") as out:
            self._offsets[key] = out.tell()
            out.write(line)

    def get(self, key: str) -> list[Compiled]:
        with self._path.open("rb") as lines:
            lines.seek(self._offsets[key])
            result = json.loads(lines.readline())
        return [_compiled(contract) for contract in result["contracts"]]

    def errors(self, key: str) -> list[str]:
        with self._path.open("rb") as lines:
            lines.seek(self._offsets[key])
            return list(json.loads(lines.readline())["errors"])


def compile_all(jobs: Iterable[Job], results: Results, npm: Path) -> Iterator[Job]:
    """Compile what `results` lacks, grouped by version; yields each job when its result is there."""
    by_version: dict[str, list[Job]] = {}
    for job in jobs:
        if job.key in results:
            yield job
        else:
            by_version.setdefault(job.version, []).append(job)
    for version, batch in sorted(by_version.items()):
        rest = batch
        while rest:  # solc-js never gives memory back, and may die: a fresh process now and then
            done = 0
            for job in _run(rest[:_JOBS], results, npm / "node_modules" / f"solc-{version}"):
                done += 1
                yield job
            rest = rest[done:]


def _run(batch: list[Job], results: Results, solc: Path) -> Iterator[Job]:
    command = ["nice", "-n", "10", "node", str(HERE / "compiler.js"), str(solc)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        requests, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        for job in batch:
            requests.write(json.dumps({"id": job.key, "input": job.standard_json()}) + "\n")
            requests.flush()
            line = answers.readline()
            if not line:
                results.add(job.key, {"contracts": [], "errors": ["the compiler process died"]})
                yield job
                break
            results.add(job.key, json.loads(line))
            yield job
        requests.close()


def _compiled(contract: dict[str, Any]) -> Compiled:
    text = str(contract["code"])
    while "__" in text:  # an unlinked library's placeholder is 40 characters long
        at = text.index("__")
        text = text[:at] + "11" * 20 + text[at + 40 :]
    code = bytearray.fromhex(text)
    for reference in contract["immutables"]:
        start, length = reference["start"], reference["length"]
        code[start : start + length] = (0xB0B0 << 64 | start + 1).to_bytes(length, "big")
    selectors: dict[str, int] = {}
    for signature, selector in contract["selectors"].items():
        selectors.setdefault(signature.split("(")[0], int(selector, 16))
    return Compiled(contract["file"], contract["name"], bytes(code), selectors)

"""Run Slither on standard-JSON jobs, one a line on stdin; one line of findings each on stdout. Runs in its own venv.

A job: {"key", "solc": folder of an npm solc, "version", "input": standard JSON}. An answer: {"key", "error"} or
{"key", "findings": {contract: [detector, ...]}, "ancestors": {contract: [contract, ...]}}. Slither reads the syntax
tree only, so no code is made: that spares most of the time.
"""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, Final, cast

from crytic_compile import CryticCompile
from crytic_compile.compilation_unit import CompilationUnit
from crytic_compile.compiler.compiler import CompilerVersion
from crytic_compile.platform.solc_standard_json import SolcStandardJson, parse_standard_json_output
from slither import Slither
from slither.detectors import all_detectors

COMPILER: Final = Path(__file__).parents[1] / "data" / "compiler.js"
DETECTORS: Final = (
    "ReentrancyEth",
    "ReentrancyReadBeforeWritten",
    "ReentrancyBalance",
    "UncheckedLowLevel",
    "UncheckedSend",
    "UncheckedTransfer",
    "TxOrigin",
    "BadPRNG",
    "Timestamp",
    "Suicidal",
    "ControlledDelegateCall",
    "DelegatecallInLoop",
)
_EMPTY: Final = {"bytecode": {"object": "", "sourceMap": ""}, "deployedBytecode": {"object": "", "sourceMap": ""}}


class Parsed(SolcStandardJson):
    """A compilation that has been done already."""

    def __init__(self, version: str, out: dict[str, Any]) -> None:
        super().__init__({"language": "Solidity", "sources": {}})
        self._version, self._out = version, out

    def compile(self, crytic_compile: CryticCompile, **_kwargs: str) -> None:
        unit = CompilationUnit(crytic_compile, "standard_json")
        unit.compiler_version = CompilerVersion("solc", self._version, optimized=False)
        parse_standard_json_output(self._out, unit)


class Compilers:
    """One node process at a time, for the compiler that was asked last."""

    def __init__(self) -> None:
        self._path = ""
        self._requests: IO[str] = io.StringIO()
        self._answers: IO[str] = io.StringIO()

    def tree(self, path: str, job: dict[str, Any]) -> Any:
        """What the compiler in `path` says about a job, with syntax trees and without code."""
        if path != self._path:
            self._path = path
            self._requests.close()
            process = subprocess.Popen(
                ["node", str(COMPILER), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._requests, self._answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        request = {**job, "settings": {**job["settings"], "outputSelection": {"*": {"*": ["abi"], "": ["ast"]}}}}
        request["settings"].pop("viaIR", None)
        self._requests.write(json.dumps({"id": "", "raw": True, "input": request}) + "\n")
        self._requests.flush()
        out = json.loads(self._answers.readline())["out"]
        for contracts in out.get("contracts", {}).values():
            for contract in contracts.values():
                contract["evm"] = _EMPTY
        return out


def analyze(version: str, sources: dict[str, Any], out: dict[str, Any]) -> dict[str, Any]:
    """Findings by contract that declares the function, and which contracts each one inherits from."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        for name, source in sources.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source["content"])
        slither = Slither(CryticCompile(Parsed(version, out)), disallow_partial=False)
        for name in DETECTORS:
            slither.register_detector(getattr(all_detectors, name))
        findings: dict[str, set[str]] = {}
        for results in slither.run_detectors():
            for result in results:
                for element in result["elements"]:
                    parent = element.get("type_specific_fields", {}).get("parent", {})
                    while parent and parent.get("type") != "contract":
                        parent = parent.get("type_specific_fields", {}).get("parent", {})
                    if parent:
                        findings.setdefault(parent["name"], set()).add(result["check"])
        ancestors = {contract.name: [base.name for base in contract.inheritance] for contract in slither.contracts}
    return {"findings": {name: sorted(checks) for name, checks in findings.items()}, "ancestors": ancestors}


def main() -> None:
    logging.disable(logging.CRITICAL)
    os.environ["NO_COLOR"] = "1"
    compilers, answers = Compilers(), sys.stdout
    for line in sys.stdin:
        job = json.loads(line)
        try:
            out = compilers.tree(job["solc"], job["input"])
            answer = analyze(job["version"], job["input"]["sources"], out)
        except BaseException as error:  # whatever Slither does not survive is part of the result
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
            if isinstance(error, KeyboardInterrupt):
                raise
        answers.write(json.dumps({"key": job["key"], **answer}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

"""Slither on the source of the held-out contracts. Each class gets the detectors that serve Slither best there."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from data.dataset import Contract, Planned
from network.scoring import class_score
from templates.kit import Risk

HERE: Final = Path(__file__).parent
VERSION: Final = "0.11.6"
REQUIREMENT: Final = f"slither-analyzer=={VERSION}"
"""In a virtual environment of its own: it wants an older web3 than the node."""
MAX_BYTES: Final = 200_000
"""Of source with all imports; more takes Slither too long for hundreds of contracts. Those are not run."""
JOBS: Final = 150
DETECTORS: Final = {
    Risk.REENTRANCY: ("reentrancy-eth", "reentrancy-no-eth", "reentrancy-balance"),
    Risk.UNCHECKED_CALL: ("unchecked-lowlevel", "unchecked-send", "unchecked-transfer"),
    Risk.TX_ORIGIN_AUTH: ("tx-origin",),
    Risk.BLOCK_DEPENDENCE: ("weak-prng", "timestamp"),
    Risk.UNPROTECTED_SELFDESTRUCT: ("suicidal",),
    Risk.UNPROTECTED_DELEGATECALL: ("controlled-delegatecall", "delegatecall-loop"),
}
"""Detectors that could mean a class (none is about who takes authority);
which of them count is chosen on the held-out contracts, in Slither's favor."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What Slither said. Rows of contracts it could not analyze are False in `analyzed`."""

    analyzed: NDArray[np.bool_]
    flags: NDArray[np.bool_]
    """[n, classes]"""
    detectors: dict[str, list[str]]
    """By class: those that count."""
    errors: dict[str, int]


def install(folder: Path) -> Path:
    """The Python that has Slither, in `folder`."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
    return python


def run(planned: Sequence[Planned], results: Path, folder: Path, npm: Path) -> None:
    """Analyze JOBS of these by chance, where `results` (a line a compilation) lacks them, of at most MAX_BYTES."""
    done = set(_answers(results))
    todo = {
        item.job.key: item.job for item in planned if item.job.key not in done and item.job.source_bytes < MAX_BYTES
    }
    jobs = sorted(sorted(todo.values(), key=lambda job: job.key)[: JOBS - len(done)], key=lambda job: job.version)
    if not jobs:
        return
    command = ["nice", "-n", "10", str(install(folder)), str(HERE / "slither_run.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        requests, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        for job in track(jobs, "Slither"):
            solc = str(npm / "node_modules" / f"solc-{job.version}")
            line = {"key": job.key, "solc": solc, "version": job.version, "input": job.standard_json()}
            requests.write(json.dumps(line) + "\n")
            requests.flush()
            with results.open("a") as out:
                out.write(answers.readline())
        requests.close()


def verdicts(test: Sequence[Contract], truth: NDArray[np.bool_], results: Path) -> Verdicts:
    """Flags of these contracts: a finding counts where the contract, or one it inherits from, declares the function."""
    answers = _answers(results)
    found = [_checks(answers.get(contract.key, {"error": "not run"}), contract) for contract in test]
    analyzed = np.array([checks is not None for checks in found])
    flags = np.zeros(truth.shape, bool)
    chosen = {}
    for risk, detectors in DETECTORS.items():
        best = -1.0
        for size in range(1, len(detectors) + 1):
            for some in combinations(detectors, size):
                column = np.array([bool(checks and checks & set(some)) for checks in found])
                f1 = class_score(column[analyzed], truth[analyzed, risk]).f1
                if f1 > best:
                    best, chosen[risk.name.lower()], flags[:, risk] = f1, list(some), column
    errors = Counter(
        answers.get(contract.key, {"error": "not run"}).get("error", "").split(":")[0] for contract in test
    )
    del errors[""]
    return Verdicts(analyzed, flags, chosen, dict(errors.most_common()))


def _checks(answer: dict[str, Any], contract: Contract) -> set[str] | None:
    """Detectors that hit the contract; None if Slither failed."""
    if "error" in answer:
        return None
    name = contract.name.rpartition(":")[2]
    names = [name, *answer["ancestors"].get(name, [])]
    return {check for one in names for check in answer["findings"].get(one, [])}


def _answers(results: Path) -> dict[str, dict[str, Any]]:
    if not results.exists():
        return {}
    lines = (json.loads(line) for line in results.read_text().splitlines())
    return {answer["key"]: answer for answer in lines}

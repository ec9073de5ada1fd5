"""What docs/licensing.md tells works as it stands there: its commands in their order, its contract compiled."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo import chains
from demo.chains import RunningChain
from demo.programs import ROOT
from tests.doc_kit import compiler_said
from themis.chain.contracts import LENS, ORACLE, REGISTRY

DOC = (ROOT / "docs/licensing.md").read_text()
TIMEOUT_S = 300
LATER = "# fifteen days later\n"
DAYS_15_S = 15 * 86_400


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.DOTALL)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the commands print."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").symlink_to(ROOT / "models")
    for version in (1, 2):
        (home / f"ostara-terms-{version}.txt").write_text(f"Terms {version} of Ostara Lab, which does not exist.\n")
    with chains.start() as chain:
        script = "set -euo pipefail\n" + _set_up(chain, home) + "".join(_blocks("sh"))
        assert script.count(LATER) == 1
        environment = dict(os.environ) | {"HOME": str(home), "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"}
        before, after = script.split(LATER)
        printed = _run(before + "declare -p MODEL OPERATOR > names\n", home, environment)
        chain.rpc("evm_increaseTime", DAYS_15_S)
        chain.rpc("evm_mine")
        return printed + LATER + _run("set -euo pipefail\n. ./names\n" + after, home, environment)


def _set_up(chain: RunningChain, home: Path) -> str:
    """As in the README: each role has a home, the operator deploys the oracle."""
    lines = ["export THEMIS_HOME"]
    for name, account in zip(("operator", "lab", "customer"), chain.accounts, strict=False):
        key = home / f"{name}.key"
        key.touch(mode=0o600)
        key.write_text(account.private_key)
        lines += [
            f"THEMIS_HOME=~/{name}",
            f"themis init --rpc-url {chain.rpc_url} ${{ORACLE:+--oracle $ORACLE}} > /dev/null",
            f"themis keys import --private-key-file {name}.key > /dev/null",
        ]
        if name == "operator":
            lines.append("ORACLE=$(themis deploy | awk '$1 == \"oracle\" { print $2 }')")
            lines.append("OPERATOR=$(themis keys list | awk 'NR == 2 { print $2 }')")
    return "ORACLE=\n" + "\n".join(lines) + "\n"


def _run(script: str, home: Path, environment: dict[str, str]) -> str:
    line = ["bash", "-c", script]
    done = subprocess.run(
        line, cwd=home, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_tell_the_story(told: str) -> None:
    before, after = told.split(LATER)
    assert "pending" in before
    customers, lab = re.split(r"^activated +yes$", after, flags=re.MULTILINE)
    assert "AuthorizationRequired" in customers
    assert "Screening upgrades of our vaults" in customers
    assert re.search(r"^activated +no\nfile +for-operator.json$", lab, re.MULTILINE)
    assert [line.split()[1] for line in lab.splitlines() if line.startswith("allowed")] == ["no", "yes"]
    assert "revoked" in lab


def test_the_contract_compiles() -> None:
    (solidity,) = _blocks("solidity")
    built = compiler_said(solidity, "Licensed")
    assert "errors" not in built, json.dumps(built["errors"])


def test_errors_and_functions_it_names_exist() -> None:
    known = {each["name"] for contract in (ORACLE, REGISTRY, LENS) for each in contract.abi if "name" in each}
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", DOC))
    assert len(named) >= 10
    assert named <= known
    functions = {"requestAuthorization", "requestWithGrant", "actFor", "checkUse", "eip712Domain", "supportsInterface"}
    assert functions <= known
    assert all(f"`{name}" in DOC for name in functions)


def test_only_known_kinds_of_blocks() -> None:
    assert set(re.findall(r"^```(\w+)$", DOC, re.MULTILINE)) == {"sh", "solidity"}

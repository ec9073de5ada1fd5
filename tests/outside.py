"""Projects outside the repository that use the npm package: what they stand on, with the settings of their tools."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from contracts import compile as compiler
from demo.programs import ROOT

PACKAGE: Final = ROOT / "contracts/src"
MODULES: Final = ROOT / "contracts/node_modules"
HARDHAT: Final = ROOT / "demo/node_modules/hardhat"
TIMEOUT_S: Final = 300
_BUILD: Final = "commit.73712a01"
"""Of the compiler's version, as Hardhat's list of compilers has it."""


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    """What a command prints. Raises AssertionError with all of it where the command fails."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=dict(os.environ) | (environment or {}),
        text=True,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def packed(place: Path) -> Path:
    """The package as npm publishes it."""
    (made,) = json.loads(run("npm", "pack", "--json", "--pack-destination", place, cwd=PACKAGE))
    return place / str(made["filename"])


def checkout(place: Path) -> Path:
    """A git repository with the working tree's contracts as its one commit: what `git clone` gives, and no more."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", "-z", "contracts", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    run("git", "init", "--quiet", cwd=place)
    run("git", "add", "--all", cwd=place)
    run("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "all", cwd=place)
    return place


def tools(place: Path) -> dict[str, str]:
    """An environment in which both tools find the compiler that is here, and change nothing else.

    Where the official one cannot be downloaded that is npm's behind `solc-npm.js`: both give the same bytes.
    """
    solc = compiler.solc_binary()
    builds = place / "hardhat-nodejs/compilers-v2/linux-amd64"
    builds.mkdir(parents=True)
    (builds / "solc").symlink_to(solc)
    (builds / "list.json").write_text(json.dumps(_builds()))
    # not npm's wrappers in .bin: they end with 0 whatever forge ends with
    foundry = sorted(MODULES.glob("@foundry-rs/*-*/bin"))
    return {
        "PATH": os.pathsep.join(map(str, (*foundry, HARDHAT.parent / ".bin", os.environ["PATH"]))),
        "FOUNDRY_SOLC": str(solc),
        "FOUNDRY_OFFLINE": "true",
        "XDG_CACHE_HOME": str(place),
        "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true",
    }


def _builds() -> dict[str, Any]:
    """Hardhat's list of compilers, with the one in it."""
    version = compiler.SOLC_VERSION
    listed = {"path": "solc", "version": version, "build": _BUILD, "longVersion": f"{version}+{_BUILD}"}
    return {"builds": [listed], "releases": {version: "solc"}, "latestRelease": version}

"""What the README promises of the repository holds. tests/e2e/test_readme_commands.py executes its commands."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_it_says_what_themis_is_in_three_sentences() -> None:
    paragraph = README.split("\n\n")[1]
    assert len(re.findall(r"[.!?](?:\s|$)", paragraph)) == 3


def test_the_solidity_is_about_twenty_lines() -> None:
    (block,) = re.findall(r"```solidity\n(.*?)```", README, re.DOTALL)
    body = block[block.index("contract ") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20


def test_paths_it_names_exist() -> None:
    named = re.findall(r"`([a-z]+(?:/[\w.-]+)+/?)`", README)
    assert len(named) >= 3
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_make_targets_it_names_exist() -> None:
    targets = {word for word in re.findall(r"\bmake ([a-z-]+)\b", README) if word != "and"}
    manual = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"demo", "test", "bench"} <= targets
    assert [target for target in targets if f"\n  {target} " not in manual] == []


def test_the_manual_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: ([\w-]+)$", makefile, re.MULTILINE)
    documented = re.findall(r"^([\w-]+):.*## ", makefile, re.MULTILINE)
    assert phony == documented


def test_ci_runs_the_test_target_and_nothing_else() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    commands = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert commands[0] == "set -euo pipefail"
    assert commands[-1] == "exec make test"


def test_no_file_names_a_package_host() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    locks = [ROOT / name for name in tracked.split("\0") if name.endswith(("lock.json", ".npmrc", "constraints.txt"))]
    assert len(locks) >= 5
    assert [str(path) for path in locks if re.search(r'"resolved"|registry=|--index', path.read_text())] == []

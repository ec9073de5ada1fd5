"""What `make release` builds on: exact tools, all that the node stands on and nothing else, one version everywhere."""

import json
import tomllib
from pathlib import Path

from tests.homes import ROOT
from tests.release import different, pinned, pins_of
from themis import __version__


def test_the_tools_are_pinned() -> None:
    lines = (ROOT / "tests/release.txt").read_text().splitlines()
    assert {line.partition("==")[0] for line in lines} == {"build", "cyclonedx-bom", "hatchling"}
    assert all(line.partition("==")[2] for line in lines)


def test_requirements_are_all_that_a_node_stands_on_and_no_more() -> None:
    pins = pins_of((ROOT / "constraints.txt").read_text())
    found = pinned("themis-oracle", pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {line.split(">")[0] for line in project["dependencies"]}
    assert named <= set(found)
    assert "h11" in found, "what others need too"
    assert {"pytest", "psycopg", "mypy", "opentelemetry-sdk", "themis-oracle"} & set(found) == set()
    assert all(found[name] == pins[name] for name in found)


def test_one_version_is_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    package = json.loads((ROOT / "contracts/src/package.json").read_text())
    assert __version__ == project["version"] == package["version"]


def test_builds_that_differ_are_named(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / "same").write_bytes(b"1")
    assert different(one, other) == []
    (one / "changed").write_bytes(b"1")
    (other / "changed").write_bytes(b"2")
    (other / "more").write_bytes(b"")
    assert different(one, other) == ["changed", "more"]

"""docs/architecture.md says what is: the rooms in their order, paths that exist, what import-linter enforces."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
PACKAGE = ROOT / "node/themis"
ROOMS = [
    name.removesuffix("/").removesuffix(".py")
    for name in re.findall(r"^\| `([a-z]+(?:/|\.py))` \|", PAGE, re.MULTILINE)
]


def test_every_room_has_its_sentence() -> None:
    found = {entry.name for entry in PACKAGE.iterdir() if (entry / "__init__.py").exists()}
    assert set(ROOMS) - {"ports"} == found
    beside = {entry.stem for entry in PACKAGE.glob("*.py")} - {"__init__", "ports"}
    assert [name for name in beside if f"`{name}.py`" not in PAGE] == []


def test_the_order_is_what_import_linter_enforces() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in settings if contract["type"] == "layers"]
    enforced = [name.removeprefix("themis.") for layer in layers for name in layer.split(" | ")]
    assert enforced == ROOMS


def test_paths_it_names_exist() -> None:
    named = set(re.findall(r"`((?:node|contracts|tests|docs)/[\w./-]*)`", PAGE))
    named |= {f"node/themis/{name}" for name in re.findall(r"`((?:core|cli|daemon)/[\w./]*)`", PAGE)}
    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_loop_is_in_the_picture() -> None:
    assembled = (PACKAGE / "daemon/assemble.py").read_text()
    (loops,) = re.findall(r"loops\b[^=]*= \[(.*)\]", assembled)
    names = [name.lower() for name in re.findall(r"(\w+)\(node\)", loops)]
    picture = PAGE.split("```mermaid")[1].split("```")[0]
    assert len(names) >= 5
    assert [name for name in names if f"[{name}]" not in picture] == []


def test_it_fits_a_page() -> None:
    assert len(PAGE.splitlines()) <= 100


def test_what_a_contributor_is_told_exists() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:docs|benchmarks|tests)/[\w./-]+)", page)) - {"docs/adr/NNNN-a-few-words.md"}
    named |= set(re.findall(r"pytest (tests/[\w/.]+)", page)) | {
        f"node/themis/{n}" for n in re.findall(r"`(core/[\w.]+)`", page)
    }
    assert len(named) >= 3
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    (suite,) = re.findall(r"--match-contract (\w+)", page)
    assert any(f"contract {suite} " in each.read_text() for each in (ROOT / "contracts/test").glob("*.sol"))


def test_pre_commit_runs_what_make_lint_runs() -> None:
    assert re.findall(r"entry: (.*)", (ROOT / ".pre-commit-config.yaml").read_text()) == ["make lint"]

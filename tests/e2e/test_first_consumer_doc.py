"""What docs/first-consumer.md tells works as it stands: its files in their places, its commands in their order."""

import json
import os
import re
import subprocess
import sys

import pytest

from demo import chains
from demo.programs import ROOT
from tests.doc_kit import blocks
from tests.homes import RISK, register
from tests.outside import HARDHAT, TIMEOUT_S, checkout, tools
from tests.world import World
from themis.bundles import bundle
from themis.core.spelling import shown
from themis.core.types import Role

PAGE = (ROOT / "docs/first-consumer.md").read_text()
README = (ROOT / "README.md").read_text()
WATCHLIST = blocks(PAGE, "solidity")[0]
DOWNLOAD = re.compile(r"^npm install --save-dev (.*)$", re.MULTILINE)
STEP = re.compile(
    r"contract goes to `(?P<here>[\w./]+)`"
    r"|`(?P<file>[\w./]+)`:\n\n```\w+\n(?P<content>.*?)```"
    r"|```sh\n(?P<commands>.*?)```",
    re.DOTALL,
)


def written(path: str, content: str) -> str:
    return f"mkdir -p $(dirname {path})\ncat > {path} <<'END_OF_FILE'\n{content}END_OF_FILE\n"


def links(packages: str) -> str:
    """Stands for the one line that downloads: the same packages, as `make chains` has installed them."""
    names = [name.rpartition("@")[0] for name in packages.split()]
    lines = [
        f"mkdir -p $(dirname node_modules/{name}); ln -s {HARDHAT.parent}/{name} node_modules/{name}" for name in names
    ]
    return "\n".join(
        [*lines, f"mkdir -p node_modules/.bin; ln -s {HARDHAT.parent}/.bin/hardhat node_modules/.bin/hardhat"]
    )


def script() -> str:
    """All that a reader does, in the page's order."""
    parts = []
    for step in STEP.finditer(PAGE):
        if step["here"]:
            parts.append(written(step["here"], WATCHLIST))
        elif step["file"]:
            parts.append(written(step["file"], step["content"]))
        else:
            parts.append(DOWNLOAD.sub(lambda line: links(line[1]), step["commands"]))
    return "set -euo pipefail\n" + "".join(parts)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    home, themis = tmp_path_factory.mktemp("home"), checkout(tmp_path_factory.mktemp("themis"))
    (themis / "models").symlink_to(ROOT / "models")
    with chains.start() as chain:
        world = World.build(chain)
        model_id = register(world, RISK)
        world.grant(model_id, world.operator.address, Role.OPERATOR)
        known = {
            "THEMIS": str(themis),
            "RPC": chain.rpc_url,
            "ORACLE": shown(world.client.oracle),
            "MODEL": shown(model_id),
            "OPERATOR": shown(world.operator.address),
            "ME": shown(world.requester.address),
        }
        quiet = {f"npm_config_{name}": "false" for name in ("audit", "fund", "update_notifier")}
        environment = dict(os.environ) | tools(tmp_path_factory.mktemp("tools")) | known | quiet
        environment |= {"HOME": str(home), "npm_config_offline": "true"}
        environment["PATH"] = f"{sys.prefix}/bin:{environment['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script()],
            cwd=home,
            env=environment,
            text=True,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not world.client.logs("Requested", world.start_block), "the dry run sent nothing"
    assert not (home / "anyone/keys").exists()
    return done.stdout


def test_the_tests_pass_in_foundry(printed: str) -> None:
    assert "3 tests passed, 0 failed, 0 skipped" in printed


def test_the_tests_pass_in_hardhat(printed: str) -> None:
    assert re.search(r"^\s+2 passing", printed, re.MULTILINE)
    assert "failing" not in printed


def test_the_dry_run_ends_in_the_callback(printed: str) -> None:
    assert re.search(rf"^model +evm-risk-moe {bundle.load(RISK).version}$", printed, re.MULTILINE)
    assert re.search(r"^called_back +yes$", printed, re.MULTILINE)


def test_the_contract_is_the_readmes() -> None:
    assert blocks(README, "solidity") == [WATCHLIST]


def test_the_versions_are_those_that_are_tried() -> None:
    installed = json.loads((HARDHAT.parents[1] / "package.json").read_text())["devDependencies"]
    (packages,) = DOWNLOAD.findall(PAGE)
    named = dict(each.rsplit("@", 1) for each in packages.split())
    assert named == {name: installed[name] for name in named}
    assert len(named) == 3


def test_every_block_is_run() -> None:
    """None is left out by how it is introduced."""
    steps = list(STEP.finditer(PAGE))
    fences = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
    assert sum(not step["here"] for step in steps) == len(fences) - 1, "all but the contract, which has two places"
    assert sum(bool(step["here"]) for step in steps) == 2


def test_paths_it_names_exist() -> None:
    named = re.findall(r"`((?:docs|models|contracts/src)/[\w./-]+)`", PAGE)
    assert len(named) >= 2
    assert [path for path in named if not (ROOT / path).exists()] == []

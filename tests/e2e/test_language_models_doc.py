"""The commands of docs/language-models.md, on a small checkpoint in the place of the reader's."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests import checkpoints
from tests.forking import THEMIS
from tests.homes import ROOT

PAGE = (ROOT / "docs/language-models.md").read_text()
MAKE = "make llm"
HURRIED = [sys.executable, str(Path(__file__).with_name("doomed_optimizer.py")), "never"]
"""`themis` whose optimizer measures briefly."""
ROUNDS = "--rounds 40", "--rounds 2"


def serve(home: Path) -> None:
    """As `themis models serve` writes it; nobody asks the chain."""
    (home / "config.toml").write_text(
        f'[chain]\nrpc_url = "http://127.0.0.1:9"\nchain_id = 1\noracle = "0x{"0a" * 20}"\n'
        f'[[models]]\npath = "models/tiny-exact"\nmodel_id = "0x{"07" * 32}"\n'
    )


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def test_its_commands_do_what_it_says(tmp_path: Path) -> None:
    checkpoints.write(tmp_path / "tiny", "qwen3")
    (tmp_path / "test.txt").write_text("Is this contract safe? It moves ether before it writes its books.")
    (tmp_path / "chat.txt").write_text("<|end|>Question: {}<|end|>Answer:")
    said = commands()
    assert said.count(MAKE) == 1
    for line in said:
        if line != MAKE:
            program, *rest = shlex.split(line)
            known = [*THEMIS, "--home", "home"] if program == "themis" else [program]
            if rest[0] == "optimize":
                serve(tmp_path / "home")
                known, rest = [*HURRIED, *known[-2:]], shlex.split(line.replace(*ROUNDS))[1:]
            done = subprocess.run([*known, *rest], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}: {done.stderr}"
    assert (tmp_path / "tiny-exact/report.json").exists()
    journal = next((tmp_path / "home/optimize").glob("tiny-exact-*.jsonl")).read_text()
    assert [json.loads(record)["kind"] for record in journal.splitlines()] == ["Started", "Round", "Round"]
    assert "chat = [" in (tmp_path / "home/models/tiny-exact/manifest.toml").read_text()

"""The commands of docs/language-models.md, on a small checkpoint in the place of the reader's."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests import checkpoints
from tests.homes import ROOT

PAGE = (ROOT / "docs/language-models.md").read_text()
MAKE = "make llm"


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
            known = (
                [str(Path(sys.executable).with_name("themis")), "--home", "home"] if program == "themis" else [program]
            )
            done = subprocess.run([*known, *rest], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}: {done.stderr}"
    assert (tmp_path / "tiny-exact/report.json").exists()
    assert "chat = [" in (tmp_path / "home/models/tiny-exact/manifest.toml").read_text()

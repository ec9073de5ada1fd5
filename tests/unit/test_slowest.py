"""The files that take longest are named at the end of a run, in one process and in several."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("processes", ["0", "2"])
def test_the_five_slowest_files_are_named(tmp_path: Path, processes: str) -> None:
    for number in range(6):
        (tmp_path / f"test_{number}.py").write_text(
            "import subprocess, sys, time\n"
            f"def test_it():\n    time.sleep({number} / 10)\n"
            "    subprocess.run([sys.executable, '-c', 'sum(range(10**7))'])\n"
        )
    line = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-n", processes, "--rootdir", str(tmp_path)]
    done = subprocess.run([*line, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"slowest files of 6, which took \d+ s of processor time", done.stdout)
    shown = re.findall(r"^ +([\d.]+) s +([\d.]+) s of processor time  test_(\d)\.py$", done.stdout, re.MULTILINE)
    assert len(shown) == 5
    walls = [float(wall) for wall, _, _ in shown]
    assert walls == sorted(walls, reverse=True)
    assert all(float(cpu) > 0 for _, cpu, _ in shown)

"""What is forked is what `subprocess` starts: a child with its own streams, settings, signals and status."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.forking import INSTALLED, SCRIPT, THEMIS, is_themis
from tests.homes import ROOT
from tests.patience import PATIENCE_S

FAULTY = [sys.executable, str(ROOT / "tests/e2e/faulty_member.py"), "lie"]


def test_lines_of_themis_are_forked_and_no_others() -> None:
    ours = ([*THEMIS, "run"], FAULTY, [SCRIPT, "run"], [sys.executable, "-m", "demo.changed_weight"])
    assert all(map(is_themis, ours))
    others: list[object] = [
        INSTALLED,
        [sys.executable, "-c", "pass"],
        [sys.executable, "-m", "tests.chaos"],
        "themis",
        ["make"],
    ]
    assert not any(map(is_themis, others))


def test_it_says_the_same_and_ends_with_the_same_status(tmp_path: Path) -> None:
    for line in (["nonsense"], ["--home", "x", "jobs"]):
        done = [
            subprocess.run(
                [*program, *line],
                cwd=tmp_path,
                env=os.environ | {"THEMIS_HOME": "mine"},
                capture_output=True,
                check=False,
            )
            for program in (INSTALLED, [SCRIPT], THEMIS, FAULTY)
        ]
        assert len({(each.returncode, each.stdout, each.stderr) for each in done}) == 1, done


def test_it_is_a_child_with_streams_and_signals_of_its_own(tmp_path: Path) -> None:
    line = [*THEMIS, "--home", str(tmp_path), "keys", "import", "--private-key-file", "/dev/stdin"]
    for number in (signal.SIGTERM, signal.SIGKILL):
        pipe = subprocess.PIPE
        with subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            assert _parent(process.pid) == os.getpid()
            assert process.poll() is None, "it reads what nobody writes"
            process.send_signal(number)
            assert process.wait(PATIENCE_S) == -number
            assert process.communicate() == (b"", b"")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

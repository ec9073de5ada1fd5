"""`make commands`: what the commands of the README and of the command line cost. Prints and stores.

Processor seconds of commands, beside an interpreter that does nothing; seconds of the story; with `--test`, seconds of
`make test` by part, two side by side as it runs them, on a checkout that is set up.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from demo.actors import THEMIS
from themis.core.errors import Broken

ROOT: Final = Path(__file__).resolve().parents[1]
FILE: Final = Path(__file__).with_suffix(".json")
RUNS: Final = 7
COMMANDS: Final = ("version", "--help", "license --help", "models --help", "keys --help", "status --help")
PARTS: Final = ("python", "solidity", "lint")
"""Targets of `make test`, in its order."""
SIDE_BY_SIDE: Final = 2
"""So many of them run at once."""


def took(line: Sequence[str]) -> tuple[float, float]:
    """Seconds, and seconds of processor time with its children's, of a command that must succeed. Raises Broken."""
    before, start_s = os.times(), time.monotonic()
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    wall_s, after = time.monotonic() - start_s, os.times()
    if done.returncode != 0:
        raise Broken(f"`{shlex.join(line)}` ended with {done.returncode}: {(done.stdout + done.stderr)[-4_000:]}")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return wall_s, cpu_s


def commands() -> dict[str, float]:
    """Processor seconds: medians, each command in turn, so that a busy minute meets all of them."""
    lines = {"python -c pass": [sys.executable, "-c", "pass"]}
    lines |= {f"themis {words}": [str(THEMIS), *words.split()] for words in COMMANDS}
    found: dict[str, list[float]] = {name: [] for name in lines}
    for _ in range(RUNS):
        for name, line in lines.items():
            found[name].append(took(line)[1])
    return {name: round(statistics.median(each), 3) for name, each in found.items()}


def story() -> dict[str, float]:
    wall_s, cpu_s = took([sys.executable, "-m", "demo", "--json"])
    return {"seconds": round(wall_s, 1), "cpu_seconds": round(cpu_s, 1)}


def parts() -> dict[str, dict[str, float]]:
    """Each part of `make test`, beside another one, and all of it. Raises Broken."""
    start_s = time.monotonic()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = dict(zip(PARTS, pool.map(_part, PARTS), strict=True))
    cpu_s = sum(each["cpu_seconds"] for each in found.values())
    return found | {"test": {"seconds": round(time.monotonic() - start_s, 1), "cpu_seconds": round(cpu_s, 1)}}


def _part(target: str) -> dict[str, float]:
    start_s = time.monotonic()
    pid = os.posix_spawnp("make", ["make", target], {**os.environ, "MAKEFLAGS": ""})
    _, status, used = os.wait4(pid, 0)
    if status != 0:
        raise Broken(f"`make {target}` failed: see above")
    return {
        "seconds": round(time.monotonic() - start_s, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="make commands", description=__doc__)
    parser.add_argument("--test", action="store_true", help="`make test` by part as well: ten minutes")
    options = parser.parse_args()
    kept: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    kept["processors"] = os.cpu_count()
    kept["commands_cpu_s"] = commands()
    kept["story"] = story()
    if options.test:
        os.chdir(ROOT)
        kept["test"] = parts()
    text = json.dumps(kept, indent=2) + "\n"
    sys.stdout.write(text)
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

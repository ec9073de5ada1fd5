"""Loading a bundle takes memory for its graph a few times, not for each step of checking it."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from tests import foreign_models as foreign
from themis.adopt.adopt import Wishes, adopt
from themis.bundles import bundle
from themis.exact.emit import Emitter
from themis.exact.session import open_session

ROWS, COLUMNS = 16_384, 1_024
MEASURE = """
import re, sys
from pathlib import Path
from themis.bundles import bundle
def peak():
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1]) * 1_024
before = peak()
bundle.load(Path(sys.argv[1]))
print(peak() - before)
"""
"""Not `ru_maxrss`, which a process inherits from the one that started it."""


def test_a_large_weight_is_not_held_many_times(tmp_path: Path) -> None:
    emitter = Emitter("large", {"n": 2})
    x = emitter.input("x", np.uint8, ("n", ROWS), 0, 255)
    weight = np.random.default_rng(7).integers(122, 135, (ROWS, COLUMNS), dtype=np.uint8)
    emitter.output("y", emitter.project(emitter.linear(x, weight, 9), np.ones((COLUMNS, 8), np.uint8)))
    source = foreign.source(tmp_path / "source", emitter.build())
    (tmp_path / "made").mkdir()
    probe = (1).to_bytes(4, "big") + bytes(ROWS)
    adopt(source, tmp_path / "made", Wishes("it", "1.0", "A test.", "MIT", "It", None, (probe,), 8, 1))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "made")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 5 * ROWS * COLUMNS
    loaded = bundle.load(tmp_path / "made")
    assert loaded.rewritten is None
    (found,) = open_session(loaded.source).run(None, {"x": np.full((1, ROWS), 128, np.uint8)})
    assert not found.any()

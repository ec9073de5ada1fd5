"""What runs the models tells nobody about them: ONNX Runtime's official builds do by themselves, from 1.29 on."""

import os
import subprocess
import sys
from pathlib import Path


def test_nothing_is_gathered_for_the_maker_of_the_runtime(tmp_path: Path) -> None:
    """In CI it holds back anyway; elsewhere it keeps a database of what it will send below the user's home."""
    names = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in names} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", "import themis.engine.engine"], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []

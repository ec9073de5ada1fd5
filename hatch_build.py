"""Compiles the tracer into a wheel, where `HATCH_BUILD_HOOK_ENABLE_CUSTOM=true pip install .` asks for it (ADR 72)."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Compiled(BuildHookInterface[Any]):
    """Lays what is compiled beside the Python of the same name, before which it goes."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, but where the package is installed editable: there it would hide changes of the source."""
        self.folder = TemporaryDirectory(prefix="themis-evm-")
        if version == "editable":
            return
        place = Path(self.folder.name) / "compiled"
        subprocess.run([sys.executable, Path(self.root) / "node/compile.py", place], check=True)
        for file in place.rglob("*.so"):
            build_data["force_include"][str(file)] = str(file.relative_to(place))
        build_data.update(pure_python=False, infer_tag=True)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """The wheel is written."""
        self.folder.cleanup()

"""Compile the tracer, `themis.evm`, by mypyc: `python node/compile.py FOLDER`, where the package is copied to.

What it says is the same, sooner (ADR 72). Needs a C compiler, and half a minute of its time.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from mypyc.build import mypycify
from setuptools import setup

SOURCE: Final = Path(__file__).resolve().parent / "themis"


def main(place: Path, level: str = "2") -> None:
    """Into a new folder. Ends with an error where there is no C compiler. `level`: of the compiler's optimization."""
    shutil.copytree(SOURCE, place / "themis", ignore=shutil.ignore_patterns("__pycache__"))
    os.chdir(place)  # names of modules are their paths from here
    modules = [str(path) for path in sorted(Path("themis/evm").glob("*.py")) if path.name != "__init__.py"]
    libraries = mypycify(modules, opt_level=level, debug_level="0", group_name="evm")
    setup(name="evm", packages=[], ext_modules=libraries, script_args=["--quiet", "build_ext", "--inplace"])
    shutil.rmtree("build")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

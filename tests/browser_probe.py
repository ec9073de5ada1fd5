"""Tries what the tests of the pages need: `python -m tests.browser_probe` opens a page, or says what is missing.

Names on stdout are Debian's packages that would help, what to do is said on stderr.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import playwright
from playwright.sync_api import Error

from tests import browser
from themis.core.errors import Misconfigured

DRIVER: Final = Path(playwright.__file__).parent / "driver/node"
_PACKAGES: Final = {"libatomic.so.1": "libatomic1"}
"""Libraries of the driver that a small Debian lacks, and their packages."""
_PAGE: Final = "<title>Themis</title><h1>It opens</h1>"


@dataclass(frozen=True, slots=True)
class Missing:
    """What keeps the pages from being tested, and the Debian packages that bring it."""

    what: str
    packages: tuple[str, ...]


def missing(driver: Path = DRIVER) -> list[Missing]:
    """Nothing where Playwright starts, and a Chromium opens a page."""
    found = []
    if libraries := _libraries_missing(driver):
        names = " and ".join(libraries)
        packages = tuple(_PACKAGES[name] for name in libraries if name in _PACKAGES)
        found.append(Missing(f"Playwright's driver lacks {names}: `make browser` installs it, as root", packages))
    try:
        path = browser.chromium()
    except Misconfigured as error:
        found.append(Missing(str(error), ("chromium",)))
    return found or _not_opening(path)


def _not_opening(path: str) -> list[Missing]:
    try:
        with browser.started() as chromium:
            page = chromium.new_page()
            page.set_content(_PAGE)
            assert page.inner_text("h1") == "It opens"
    except Error as error:
        return [Missing(f"{path} opens no page: {error.message.splitlines()[0]}", ("chromium",))]
    return []


def _libraries_missing(driver: Path) -> list[str]:
    """Shared libraries without which the driver does not start."""
    try:
        tried = subprocess.run([driver, "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        return [f"{driver} ({error.strerror})"]
    if tried.returncode == 0:
        return []
    named = re.findall(r"loading shared libraries: ([\w.+-]+):", tried.stderr)
    return named or [f"what {driver} needs to start ({tried.stderr.strip() or f'exit status {tried.returncode}'})"]


def main() -> int:
    """Exit status 0 only if a page was opened."""
    found = missing()
    sys.stdout.write(" ".join(package for one in found for package in one.packages) + "\n")
    sys.stderr.writelines(f"{one.what}\n" for one in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""What the pages' tests need is tried, not looked for; what is missing is said by name."""

from pathlib import Path

import pytest

from tests import browser_probe

LACKS = (
    "error while loading shared libraries: libatomic.so.1: cannot open shared object file: No such file or directory"
)


def program(tmp_path: Path, script: str) -> Path:
    file = tmp_path / "program"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.mark.browser
def test_a_page_opens() -> None:
    assert browser_probe.missing() == []


def test_a_driver_that_cannot_start_is_named_with_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_CHROMIUM", "/bin/true")
    (lacking,) = browser_probe.missing(program(tmp_path, f'echo "node: {LACKS}" >&2; exit 127'))
    assert lacking.packages == ("libatomic1",)
    assert lacking.what == "Playwright's driver lacks libatomic.so.1: `make browser` installs it, as root"


def test_all_that_is_missing_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THEMIS_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    found = browser_probe.missing(program(tmp_path, f'echo "node: {LACKS}" >&2; exit 127'))
    assert [one.packages for one in found] == [("libatomic1",), ("chromium",)]


def test_another_fault_of_the_driver_is_said_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_CHROMIUM", "/bin/true")
    (lacking,) = browser_probe.missing(program(tmp_path, 'echo "wrong machine" >&2; exit 1'))
    assert lacking.packages == ()
    assert "wrong machine" in lacking.what
    (absent,) = browser_probe.missing(tmp_path / "absent")
    assert "No such file" in absent.what


@pytest.mark.browser
def test_a_chromium_that_only_has_the_name_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = program(tmp_path, "exit 1")
    monkeypatch.setenv("THEMIS_CHROMIUM", str(stub))
    (lacking,) = browser_probe.missing()
    assert lacking.what.startswith(f"{stub} opens no page: ")
    assert lacking.packages == ("chromium",)

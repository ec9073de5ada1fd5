"""Where there is no Chromium, the tests of the pages fail and say what to do; they are never skipped."""

import pytest

from tests import browser
from themis.core.errors import Misconfigured


def test_a_missing_browser_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THEMIS_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Misconfigured, match="`make browser` installs Debian's, as root; .* `pytest -m 'not browser'`"):
        browser.chromium()


def test_a_browser_elsewhere_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_CHROMIUM", "/opt/chromium/chrome")
    assert browser.chromium() == "/opt/chromium/chrome"

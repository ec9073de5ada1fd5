"""Passwords of key files: from a file, a descriptor or a prompt."""

import os
from pathlib import Path

import pytest

from tests.fakes import KEY, OPERATOR
from tests.homes import write_key
from themis.config import KeyConfig
from themis.core.errors import Misconfigured
from themis.keys import opened, password
from themis.keys.keystore import KeystoreSigner


def test_from_a_descriptor(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"of a test\n")
    os.close(writing)
    assert password.read(f"fd:{reading}", tmp_path / "none") == "of a test"


def test_a_descriptor_that_is_not_open_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"descriptor 987 of key\.password_from cannot be read .*`987< FILE`"):
        password.read("fd:987", tmp_path / "none")


def test_a_descriptor_without_password_is_said(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(Misconfigured, match="gave no password"):
        password.read(f"fd:{reading}", tmp_path / "none")


def test_from_a_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _: "typed")
    assert password.read("prompt", tmp_path / "none") == "typed"


def test_without_a_terminal_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(Misconfigured, match=r"no terminal .* set key\.password_from to file or fd:N"):
        password.read("prompt", tmp_path / "none")


def test_a_key_opens_by_any_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_key(tmp_path / "keys", KeystoreSigner(KEY.key))
    assert opened.opened(tmp_path, KeyConfig()).address == OPERATOR
    (tmp_path / "keys/default.password").unlink()
    monkeypatch.setattr(password, "ask", lambda _: "of a test")
    assert opened.opened(tmp_path, KeyConfig(password_from="prompt")).address == OPERATOR


def test_a_signer_elsewhere_needs_the_address(tmp_path: Path) -> None:
    config = KeyConfig(signer_url="http://127.0.0.1:9000")
    with pytest.raises(Misconfigured, match=r"key\.signer_url is set and key\.address is not"):
        opened.opened(tmp_path, config)
    assert opened.address(tmp_path, KeyConfig(signer_url="http://127.0.0.1:9000", address=OPERATOR)) == OPERATOR

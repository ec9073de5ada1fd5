"""What `make bare` takes along into its root: how packages are fetched, and none of this machine's programs."""

import os
import sys
from pathlib import Path

import pytest

from tests import bare
from themis.core.errors import Misconfigured


def test_the_mirror_is_the_machines_own() -> None:
    said = "http://one/debian-security/ bookworm-security\nhttp://two/debian/ bookworm\n"
    assert bare.mirror(said) == "http://two/debian/"
    with pytest.raises(Misconfigured, match="no mirror of bookworm"):
        bare.mirror("http://one/ubuntu/ noble\n")


def test_variables_that_fetch_packages_go_along_and_no_others() -> None:
    along = ("PIP_CERT", "PIP_FIND_LINKS", "npm_config_cafile", "https_proxy", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS")
    not_along = ("PATH", "HOME", "VIRTUAL_ENV", "PYTHONPATH", "THEMIS_HOME", "SECRET_TOKEN")
    environment = dict.fromkeys((*along, *not_along, "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"), "x")
    assert set(bare.settings(environment)) == {*along, "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"}


def test_folders_that_settings_name_are_seen(tmp_path: Path) -> None:
    for name in ("wheels", "index/simple", "index/files", "ssl"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "ssl/all.crt").touch()
    texts = [
        f"[global]\nfind-links = {tmp_path}/wheels\nextra-index-url = file://{tmp_path}/index/simple\n",
        f"{tmp_path}/ssl/all.crt",
        f"{tmp_path}/absent",
    ]
    assert bare.named_folders(texts) == [f"{tmp_path}/{name}" for name in ("index", "ssl", "wheels")]


def test_no_program_of_this_machine_gets_in() -> None:
    assert bare.named_folders(["nodedir=/usr", "/usr/bin/python3", "prefix = /usr/local", "cache=/tmp"]) == []


def test_only_root_can_do_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    monkeypatch.setattr(sys, "argv", ["bare"])
    assert bare.main() == 78
    assert "run `make bare` as root" in capsys.readouterr().out


def test_it_runs_the_readmes_commands() -> None:
    readme = (bare.ROOT / "README.md").read_text()
    assert "```sh\n" + "\n".join(bare.COMMANDS) + "\n```" in readme

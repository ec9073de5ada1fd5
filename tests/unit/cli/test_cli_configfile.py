"""Editing config.toml: the operator's own lines survive, and what was meant is what is read back."""

import stat
from pathlib import Path

import pytest

from themis import config
from themis.cli import configfile
from themis.core.errors import Misconfigured

ORACLE = "0x" + "ab" * 20
MODEL = "0x" + "cd" * 32


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    configfile.create(path, rpc_url='http://x/"quoted"', ws_url=None, chain_id=5, oracle=None, start_block=0)
    return path


def test_a_new_file_is_private_and_valid(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    loaded = config.load(file.parent)
    assert (loaded.chain.rpc_url, loaded.chain.chain_id, loaded.chain.oracle) == ('http://x/"quoted"', 5, None)


def test_a_file_is_not_overwritten(file: Path) -> None:
    with pytest.raises(Misconfigured, match="exists: edit it, or choose another --home"):
        configfile.create(file, rpc_url="http://x", ws_url=None, chain_id=6, oracle=None, start_block=0)


def test_the_oracle_is_set_and_comments_stay(file: Path) -> None:
    file.write_text("# mine\n" + file.read_text())
    configfile.set_oracle(file, ORACLE, 7)
    loaded = config.load(file.parent)
    assert (loaded.oracle(), loaded.chain.start_block) == (b"\xab" * 20, 7)
    assert file.read_text().startswith("# mine\n# Themis")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_sparse_chain_section_gets_new_lines(file: Path) -> None:
    file.write_text('[api]\nport = 1\n[chain]\nrpc_url = "http://x"\nchain_id = 5\n[fees]\nmin_fee_wei = 3\n')
    configfile.set_oracle(file, ORACLE, 7)
    loaded = config.load(file.parent)
    assert (loaded.oracle(), loaded.chain.start_block) == (b"\xab" * 20, 7)
    assert (loaded.api.port, loaded.fees.min_fee_wei) == (1, 3)


def test_a_committee_is_set_and_set_again(file: Path) -> None:
    configfile.set_address(file, "committee", "factory", ORACLE)
    configfile.set_address(file, "committee", "address", "0x" + "CD" * 20)
    configfile.set_address(file, "committee", "factory", "0x" + "ef" * 20)
    loaded = config.load(file.parent)
    assert (loaded.committee.factory, loaded.committee.address) == (b"\xef" * 20, b"\xcd" * 20)
    assert loaded.chain.chain_id == 5


@pytest.mark.parametrize("text", ['chain = { rpc_url = "http://x", chain_id = 5 }\n', "[chain"])
def test_another_style_is_left_alone(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(Misconfigured, match="cannot be edited"):
        configfile.set_oracle(file, ORACLE, 7)
    assert file.read_text() == text


def test_models_are_added_once_and_moved(file: Path) -> None:
    configfile.add_model(file, "a", MODEL)
    configfile.add_model(file, "b", "0x" + "ef" * 32)
    configfile.add_model(file, "a", MODEL)
    assert [str(model.path) for model in config.load(file.parent).models] == ["a", "b"]
    configfile.add_model(file, "c", MODEL)
    assert [str(model.path) for model in config.load(file.parent).models] == ["c", "b"]


def test_two_models_of_one_path_are_not_confused(file: Path) -> None:
    configfile.add_model(file, "a", MODEL)
    configfile.add_model(file, "a", "0x" + "ef" * 32)
    before = file.read_text()
    with pytest.raises(Misconfigured, match="cannot be edited: put model"):
        configfile.add_model(file, "c", MODEL)
    assert file.read_text() == before

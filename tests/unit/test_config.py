"""Configuration: where values come from, and what each mistake says."""

import re
from pathlib import Path

import pytest

from themis import config
from themis.core.errors import Misconfigured

CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
ADDRESS = "0x" + "ab" * 20
MINIMAL = '[chain]\nrpc_url = "http://127.0.0.1:8545"\nchain_id = 31337\n'


def write(home: Path, text: str) -> Path:
    (home / "config.toml").write_text(text)
    return home


def test_defaults(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path, MINIMAL))
    assert (loaded.chain.chain_id, loaded.chain.confirmations, loaded.api.port) == (31_337, 1, 8_553)
    assert loaded.api.host == "127.0.0.1"
    assert loaded.key.keystore == Path("keys/default.json")
    assert loaded.models == ()


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = write(tmp_path, MINIMAL + "[api]\nport = 1\n")
    assert config.load(home).api.port == 1
    monkeypatch.setenv("THEMIS_API__PORT", "2")
    assert config.load(home).api.port == 2
    loaded = config.load(home, api={"port": "3"})
    assert loaded.api.port == 3
    assert loaded.chain.rpc_url == "http://127.0.0.1:8545"


def test_what_stands_around_a_value_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = MINIMAL.replace("8545", "8545 ") + f'oracle = " 0X{CHECKSUMMED[2:]} "\n[api]\nhost = "::1 "\n'
    loaded = config.load(write(tmp_path, "\ufeff" + text.replace("\n", "\r\n")))
    assert (loaded.chain.rpc_url, loaded.api.host) == ("http://127.0.0.1:8545", "::1")
    assert loaded.oracle() == bytes.fromhex(CHECKSUMMED[2:])
    monkeypatch.setenv("THEMIS_CHAIN__RPC_URL", "http://127.0.0.1:1\r")
    assert config.load(tmp_path).chain.rpc_url == "http://127.0.0.1:1"


@pytest.mark.parametrize("empty", ["", " ", "\r"])
def test_an_empty_variable_is_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setenv("THEMIS_CHAIN__RPC_URL", empty)
    monkeypatch.setenv("THEMIS_API__PORT", empty)
    loaded = config.load(write(tmp_path, MINIMAL))
    assert (loaded.chain.rpc_url, loaded.api.port) == ("http://127.0.0.1:8545", 8_553)


def test_the_source_of_a_mistake_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = write(tmp_path, MINIMAL)
    monkeypatch.setenv("THEMIS_API__PORT", "70000")
    with pytest.raises(Misconfigured, match=r"^the variable THEMIS_API__PORT: api.port: Input should be less than"):
        config.load(home)
    with pytest.raises(Misconfigured, match=r"^--set api.port: Input should be a valid integer"):
        config.load(home, api={"port": "x"})
    monkeypatch.delenv("THEMIS_API__PORT")
    write(tmp_path, MINIMAL + "[log]\nlevel = 'loud'\n[api]\nport = -1\n")
    file = re.escape(str(tmp_path / "config.toml"))
    with pytest.raises(Misconfigured, match=rf"{file}: api.port: .*; {file}: log.level: Input should be 'debug'"):
        config.load(home)


def test_models_and_addresses(tmp_path: Path) -> None:
    text = MINIMAL + f'oracle = "{ADDRESS}"\n[[models]]\npath = "m"\nmodel_id = "0x{"cd" * 32}"\n'
    loaded = config.load(write(tmp_path, text))
    assert loaded.oracle() == b"\xab" * 20
    assert [(str(model.path), model.model_id) for model in loaded.models] == [("m", b"\xcd" * 32)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "chain is missing"),
        (MINIMAL + "[chian]\n", "chian: there is no such key; did you mean chain?"),
        (MINIMAL + "rpcurl = 1\n", "chain.rpcurl: there is no such key; did you mean rpc_url?"),
        (MINIMAL + "zzz = 1\n", "chain.zzz: there is no such key"),
        (MINIMAL + 'oracle = "0x12"\n', "chain.oracle: '0x12' must be 0x and 40 hex digits"),
        (MINIMAL + f'oracle = "0x{"zz" * 20}"\n', "is not hex: it must be 0x and 40 hex digits"),
        (MINIMAL + f'oracle = "{CHECKSUMMED.replace("aA", "Aa")}"\n', "has a wrong checksum: copy the address again"),
        (MINIMAL.replace("http:", "ws:"), "chain.rpc_url: must begin with http:// or https://"),
        (MINIMAL.replace("8545", "85 45"), "chain.rpc_url: has a space or another character in it that no URL has"),
        (MINIMAL.replace("8545", "port"), "chain.rpc_url: is no URL: its host or port cannot be read"),
        (MINIMAL.replace("127.0.0.1:8545", ""), "chain.rpc_url: names no host"),
        (MINIMAL.replace("31337", "0"), "chain.chain_id: Input should be greater than 0"),
        (MINIMAL + "[api]\nport = 70000\n", "api.port: Input should be less than or equal to 65535"),
        (MINIMAL + '[[models]]\npaht = "m"\n', "models.0.paht: there is no such key; did you mean path?"),
        (MINIMAL + '[[models]]\npath = "m"\n', "models.0.model_id is missing"),
        (MINIMAL + "[fees]\nmin_fee_wei = -1\n", "fees.min_fee_wei: Input should be greater than or equal to 0"),
        ("[chain", "is not TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        config.load(write(tmp_path, text))
    assert said in str(caught.value)
    assert str(tmp_path / "config.toml") in str(caught.value)


def test_an_unknown_key_in_the_environment_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_CHAIN__RPCURL", "http://127.0.0.1:1")
    with pytest.raises(Misconfigured, match=r"variable THEMIS_CHAIN__RPCURL: chain\.rpcurl: there is no"):
        config.load(write(tmp_path, MINIMAL))


def test_a_secret_in_a_bad_url_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        config.load(write(tmp_path, MINIMAL.replace("http://127.0.0.1:8545", "wss://x/s3cret")))
    assert "s3cret" not in str(caught.value)


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="init --rpc-url URL"):
        config.load(tmp_path)


def test_a_file_that_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    home = write(tmp_path, MINIMAL)
    monkeypatch.setattr(Path, "read_text", deny)
    with pytest.raises(Misconfigured, match=r"cannot be read \(Permission denied\): fix its type, owner or mode"):
        config.load(home)


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(MINIMAL.encode("utf-16"))
    with pytest.raises(Misconfigured, match="is not TOML: save it as UTF-8"):
        config.load(tmp_path)


def test_no_oracle_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="themis deploy"):
        config.load(write(tmp_path, MINIMAL)).oracle()


TWO = '[chain]\nrpc_urls = ["http://127.0.0.1:1", "http://127.0.0.1:2 "]\nchain_id = 1\n'


def test_several_endpoints_are_one_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = write(tmp_path, TWO + "quorum = 2\n")
    assert config.load(home).chain.urls == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert config.load(home).chain.rpc_url == "http://127.0.0.1:1"
    monkeypatch.setenv("THEMIS_CHAIN__RPC_URL", "http://127.0.0.1:2")
    assert config.load(home).chain.urls == ("http://127.0.0.1:2", "http://127.0.0.1:1")


def test_more_voices_than_endpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="quorum = 3 needs as many endpoints: 2 are configured"):
        config.load(write(tmp_path, TWO + "quorum = 3\n"))

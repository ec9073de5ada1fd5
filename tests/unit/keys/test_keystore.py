"""Keys: what is written can be opened again, and every way it cannot says what to do."""

import json
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from themis.core.errors import Misconfigured
from themis.core.fees import Fees
from themis.core.transaction import Transaction
from themis.core.types import Address
from themis.keys import keystore, v3
from themis.keys.keystore import KeystoreSigner

SECRET = b"\x11" * 32
OPERATOR = Address(b"\x01" * 20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One key under a password of our own making."""
    home = tmp_path_factory.mktemp("home")
    files = home / "keys/default.json", home / "keys/default.password"
    keystore.create(*files, SECRET)
    return files


def test_a_key_opens_with_its_password(made: tuple[Path, Path]) -> None:
    signer = keystore.unlock(*made)
    assert signer.account.key == SECRET
    assert signer.address == keystore.address_of(made[0])


def test_files_are_private_and_standard(made: tuple[Path, Path]) -> None:
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in made)
    stored = json.loads(made[0].read_text())
    assert stored["version"] == 3
    assert stored["crypto"]["kdf"] == "scrypt"
    assert SECRET.hex() not in made[0].read_text()


def test_only_a_password_that_a_person_chose_is_stretched_in_full(made: tuple[Path, Path], tmp_path: Path) -> None:
    """The one we make has 256 bits: no number of rounds adds to that."""
    chosen = tmp_path / "chosen.password"
    chosen.write_text("the oracle of Delphi\n")
    chosen.chmod(0o600)
    keystore.create(tmp_path / "key.json", chosen, SECRET)
    assert len(bytes.fromhex(made[1].read_text())) == 32
    rounds = [json.loads(file.read_text())["crypto"]["kdfparams"]["n"] for file in (made[0], tmp_path / "key.json")]
    assert rounds == [2**12, 2**18]
    assert keystore.unlock(tmp_path / "key.json", chosen).account.key == SECRET


def test_a_key_is_never_overwritten(made: tuple[Path, Path]) -> None:
    with pytest.raises(Misconfigured, match="never overwritten; choose another name"):
        keystore.create(*made)


def test_a_wrong_password_is_said(made: tuple[Path, Path], tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("wrong\n")
    password.chmod(0o600)
    with pytest.raises(Misconfigured, match=r"does not open .*: correct key\.password_file"):
        keystore.unlock(made[0], password)


def test_marks_of_editors_are_no_part_of_key_or_password(made: tuple[Path, Path], tmp_path: Path) -> None:
    marked = tmp_path / "marked.json", tmp_path / "marked.password"
    for plain, file in zip(made, marked, strict=True):
        file.touch(mode=0o600)
        file.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes().rstrip() + b"\r\n")
    assert keystore.unlock(*marked).account.key == SECRET
    assert keystore.address_of(marked[0]) == keystore.address_of(made[0])


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_loose_modes_are_refused(made: tuple[Path, Path], which: int, mode: int) -> None:
    made[which].chmod(mode)
    try:
        with pytest.raises(Misconfigured, match=f"run `chmod 600 {made[which]}`"):
            keystore.unlock(*made)
    finally:
        made[which].chmod(0o600)


def test_what_a_container_is_handed_has_the_mode_of_its_mount(
    made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker binds a secret's file as it is, Kubernetes mounts it with 644."""
    made[1].chmod(0o644)
    try:
        monkeypatch.setattr(keystore, "HANDED_IN", made[1].parent)
        assert keystore.read_password(made[1])
    finally:
        made[1].chmod(0o600)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"crypto": 1}', "not json"])
def test_a_broken_key_file_is_said(made: tuple[Path, Path], tmp_path: Path, text: str) -> None:
    broken = tmp_path / "key.json"
    broken.write_text(text)
    broken.chmod(0o600)
    with pytest.raises(Misconfigured, match="restore it from your backup"):
        keystore.unlock(broken, made[1])
    with pytest.raises(Misconfigured, match="restore it from your backup"):
        keystore.address_of(broken)


@pytest.mark.parametrize(
    ("kdf", "rounds"), [("scrypt", 2), ("scrypt", 2**12), ("scrypt", 2**18), ("pbkdf2", 1), ("pbkdf2", 1_000)]
)
def test_whatever_the_library_writes_opens(kdf: Any, rounds: int) -> None:
    """It reads files too, by which ours was written anew for its start-up alone."""
    password = "das Orakel, ὁ λόγος"
    stored = Account.encrypt(SECRET, password, kdf=kdf, iterations=rounds)
    assert v3.secret(stored, password.encode()) == SECRET == Account.decrypt(stored, password)
    spelled = {"Crypto": stored["crypto"], "version": 3}  # as some wallets write
    assert v3.secret(spelled, password.encode()) == SECRET


@given(
    st.lists(st.sampled_from(["version", "crypto", "cipher", "kdf", "kdfparams", "mac", "n", "salt", "iv"])), st.data()
)
def test_a_harmed_key_file_is_one_of_the_errors_that_are_told(harmed: list[str], data: st.DataObject) -> None:
    stored = Account.encrypt(SECRET, "x", iterations=2)
    for name in harmed:
        _set(stored, name, data.draw(st.none() | st.integers(-2, 9) | st.sampled_from(["", "00", "zz", "scrypt"])))
    with suppress(ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError):
        v3.secret(stored, b"x")


def _set(fields: dict[str, Any], name: str, value: object) -> None:
    for key, each in fields.items():
        if key == name:
            fields[key] = value
        elif isinstance(each, dict):
            _set(each, name, value)


def test_missing_files_say_how_to_make_them(made: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="themis keys new"):
        keystore.unlock(tmp_path / "none.json", made[1])
    with pytest.raises(Misconfigured, match="password_file"):
        keystore.unlock(made[0], tmp_path / "none")


def test_nonsense_is_no_private_key(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="not a private key"):
        keystore.create(tmp_path / "k.json", tmp_path / "k.password", bytes(31))


def test_the_same_transaction_gives_the_same_bytes() -> None:
    signer = KeystoreSigner(Account.from_key(SECRET).key)
    unsigned = Transaction(31_337, 5, OPERATOR, b"data", 21_000, Fees(10, 1))
    raw = signer.sign(unsigned)
    assert raw == signer.sign(unsigned)
    assert Account.recover_transaction(raw) == signer.account.address


_WEI = st.integers(0, 2**96)


@given(
    st.builds(
        Transaction,
        chain_id=st.integers(1, 2**40),
        nonce=st.integers(0, 2**32),
        to=st.none() | st.binary(min_size=20, max_size=20).map(Address),
        data=st.binary(max_size=200),
        gas=st.integers(0, 2**40),
        fees=st.builds(Fees, _WEI, _WEI) | _WEI.map(lambda price: Fees(price, price, typed=False)),
        value_wei=_WEI,
    )
)
def test_a_signature_is_the_one_that_eth_account_makes(unsigned: Transaction) -> None:
    """Its own encoder is slow and widely used; ours must give its bytes, for both types of transaction."""
    account = Account.from_key(SECRET)
    fees = unsigned.fees
    prices = (
        {"type": 2, "maxFeePerGas": fees.max_fee_wei, "maxPriorityFeePerGas": fees.priority_fee_wei}
        if fees.typed
        else {"gasPrice": fees.max_fee_wei}
    )
    fields = {
        "chainId": unsigned.chain_id,
        "nonce": unsigned.nonce,
        "to": "" if unsigned.to is None else to_checksum_address(unsigned.to),
        "data": unsigned.data,
        "gas": unsigned.gas,
        "value": unsigned.value_wei,
    }
    assert KeystoreSigner(account.key).sign(unsigned) == bytes(
        account.sign_transaction(fields | prices).raw_transaction
    )

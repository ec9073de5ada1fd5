"""Keys: Web3 Secret Storage v3 files with a password file beside them. Implements the `Signer` port."""

import json
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coincurve import PrivateKey

from themis.core import spelling
from themis.core.errors import Misconfigured
from themis.core.keccak import keccak
from themis.core.transaction import Transaction
from themis.core.types import Address
from themis.keys import raw, v3

if TYPE_CHECKING:  # it takes most of a second, and most commands sign transactions alone
    from eth_account.signers.local import LocalAccount

NO_KEY: Final = "run `themis keys new`, or set key.keystore"
_WORD: Final = 32
_LIGHT_ROUNDS: Final = 2**12
"""Of scrypt, as geth's light mode: stretching adds nothing to a password of 32 random bytes, and costs a second."""
_LOOSE: Final = stat.S_IRWXG | stat.S_IRWXO
HANDED_IN: Final = Path("/run/secrets")
"""Where Docker, Podman and Kubernetes put a container's secrets. All may read them there, and nobody else is there."""


class KeystoreSigner:
    """One unlocked key, kept in memory."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError where 32 bytes are no private key."""
        self._key = PrivateKey(key)
        self._address = Address(keccak(self._key.public_key.format(compressed=False)[1:])[12:])

    @cached_property
    def account(self) -> "LocalAccount":
        """The key as `eth_account` has it, for typed data and for whatever else it does."""
        from eth_account import Account

        account: LocalAccount = Account.from_key(self._key.secret)
        return account

    @property
    def address(self) -> Address:
        return self._address

    def sign(self, transaction: Transaction) -> bytes:
        """Straight by libsecp256k1: faster than by eth_account, and the same bytes (RFC 6979)."""
        signature = self._key.sign_recoverable(raw.digest(transaction), hasher=None)
        r, s, parity = signature[:_WORD], signature[_WORD : 2 * _WORD], signature[-1]
        return raw.signed(transaction, int.from_bytes(r), int.from_bytes(s), parity)

    def sign_typed(self, message: Mapping[str, Any]) -> bytes:
        """An EIP-712 signature: 65 bytes."""
        return bytes(self.account.sign_typed_data(full_message=dict(message)).signature)


def unlock(keystore: Path, password_file: Path, ask: Callable[[], str] | None = None) -> KeystoreSigner:
    """Decrypt a key: a second and 256 MiB (scrypt, n = 2^18) under a password of the user's own, else milliseconds.

    Nobody is asked, and no password read, for a key that is not there. Raises Misconfigured, saying what to do.
    """
    encrypted = read_private(keystore, NO_KEY)
    password = read_password(password_file) if ask is None else ask()
    try:
        return KeystoreSigner(v3.secret(json.loads(encrypted), password.encode()))
    except v3.WrongPassword as error:
        raise Misconfigured(
            f"the password in {password_file} does not open {keystore}: correct key.password_file"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError) as error:
        raise Misconfigured(
            f"{keystore} is not a Web3 Secret Storage v3 file ({error}): restore it from your backup"
        ) from error


def read_password(file: Path) -> str:
    """What is in a password file, without the end of its line. Raises Misconfigured."""
    return read_private(file, "write the key's password into it (mode 600), or set key.password_file").rstrip("\r\n")


def address_of(keystore: Path) -> Address:
    """The address a key file names, without its password. Raises Misconfigured."""
    text = read_private(keystore, NO_KEY)
    try:
        return spelling.address(json.loads(text)["address"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured(f"{keystore} is not a Web3 Secret Storage v3 file: restore it from your backup") from error


def create(keystore: Path, password_file: Path, private_key: bytes | None = None) -> Address:
    """Write a new (or the given) key, mode 600; a missing password file is made with 32 random bytes in it.

    Raises Misconfigured rather than overwrite a key.
    """
    if keystore.exists():
        raise Misconfigured(f"{keystore} exists: a key is never overwritten; choose another name")
    from eth_account import Account

    try:
        account: LocalAccount = Account.from_key(private_key) if private_key else Account.create()
    except ValueError as error:
        raise Misconfigured("that is not a private key: 32 bytes, below the order of secp256k1") from error
    rounds = None
    if not password_file.exists():
        _write_private(password_file, secrets.token_hex(32) + "\n")
        rounds = _LIGHT_ROUNDS
    password = read_private(password_file, "remove it, so that a new one is made").rstrip("\r\n")
    _write_private(keystore, json.dumps(account.encrypt(password, iterations=rounds)) + "\n")
    return Address(bytes.fromhex(account.address[2:]))


def read_private(path: Path, missing: str) -> str:
    """A secret's text, without the mark that some editors begin it with. Raises Misconfigured."""
    try:
        mode = path.stat().st_mode
        if mode & _LOOSE and not path.is_relative_to(HANDED_IN):
            raise Misconfigured(f"{path} can be read by others (mode {mode & 0o777:o}): run `chmod 600 {path}`")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise Misconfigured(f"there is no {path}: {missing}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read ({error}): fix its owner, mode or content") from error


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())

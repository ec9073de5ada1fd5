"""Opens a key file: Web3 Secret Storage, version 3.

`eth_keyfile` reads the same, but it imports BLS curves for another format: most of a second at the start of every
command, and another recursion limit for the whole process. Files are written by it (ADR 0037).
"""

import hmac
from collections.abc import Mapping
from hashlib import pbkdf2_hmac, scrypt
from typing import Any, Final

from Crypto.Cipher import AES

from themis.core.keccak import keccak

_BYTES: Final = 32
_AES_BYTES: Final = 16
_MOST_MEMORY: Final = 2**30


class WrongPassword(ValueError):  # noqa: N818
    """It does not open this file."""


def secret(stored: Any, password: bytes) -> bytes:
    """The private key, 32 bytes.

    Raises WrongPassword; ValueError, KeyError, TypeError or AttributeError where it is no such file.
    """
    file = _lowered(stored)
    if file["version"] != 3:  # noqa: PLR2004 (the format's number)
        raise ValueError(f"version {file['version']!r}")
    crypto = file["crypto"]
    if crypto["cipher"] != "aes-128-ctr":
        raise ValueError(f"cipher {crypto['cipher']!r}")
    derived, encrypted = _derived(crypto["kdf"], crypto["kdfparams"], password), bytes.fromhex(crypto["ciphertext"])
    if not hmac.compare_digest(keccak(derived[_AES_BYTES:] + encrypted), bytes.fromhex(crypto["mac"])):
        raise WrongPassword
    counter = bytes.fromhex(crypto["cipherparams"]["iv"]).rjust(_AES_BYTES, b"\0")
    return AES.new(derived[:_AES_BYTES], AES.MODE_CTR, nonce=b"", initial_value=counter).decrypt(encrypted)


def _derived(name: str, params: Mapping[str, Any], password: bytes) -> bytes:
    salt = bytes.fromhex(params["salt"])
    if params["dklen"] != _BYTES:
        raise ValueError(f"dklen {params['dklen']!r}")
    if name == "scrypt":
        rounds, block, lanes = params["n"], params["r"], params["p"]
        return scrypt(password, salt=salt, n=rounds, r=block, p=lanes, maxmem=_MOST_MEMORY, dklen=_BYTES)
    if (name, params["prf"]) == ("pbkdf2", "hmac-sha256"):
        return pbkdf2_hmac("sha256", password, salt, params["c"], _BYTES)
    raise ValueError(f"kdf {name!r}")


def _lowered(stored: Any) -> Any:
    """Some wallets spell `Crypto`."""
    if not isinstance(stored, dict):
        return stored
    return {key.lower(): _lowered(value) for key, value in stored.items()}

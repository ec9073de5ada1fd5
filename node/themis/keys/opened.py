"""The configured key, ready to sign: a key file that was unlocked, or a signer elsewhere."""

from pathlib import Path

from themis.config import KeyConfig
from themis.core.errors import Misconfigured
from themis.core.types import Address
from themis.keys import keystore, password
from themis.keys.external import ExternalSigner, Kind
from themis.ports import Signer


def opened(home: Path, config: KeyConfig) -> Signer:
    """Raises Misconfigured, saying what to do."""
    if config.signer_url is not None:
        return ExternalSigner(config.signer_url, Kind(config.signer), address(home, config))
    file, password_file = home / config.keystore, home / config.password_file
    return keystore.unlock(file, password_file, lambda: password.read(config.password_from, password_file))


def address(home: Path, config: KeyConfig) -> Address:
    """Whose key it is, without any password. Raises Misconfigured."""
    if config.signer_url is None:
        return keystore.address_of(home / config.keystore)
    if config.address is None:
        raise Misconfigured("key.signer_url is set and key.address is not: say which of its accounts signs")
    return config.address

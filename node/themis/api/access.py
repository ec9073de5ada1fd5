"""By which names the API may be called, and with which token. Needs nothing that serves it: commands read it too."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from themis.config import ApiConfig
from themis.core.errors import Misconfigured
from themis.keys import keystore

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_SHORTEST_TOKEN: Final = 16


def hosts_of(api: ApiConfig) -> frozenset[str] | None:
    """Names the API may be called by: on loopback only loopback's, else any."""
    return LOOPBACK_NAMES if is_loopback(api.host) else None


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_of(home: Path, api: ApiConfig) -> str | None:
    """The bearer token, where one is configured. Raises Misconfigured where one is needed and missing."""
    if api.token_file is None:
        if not is_loopback(api.host):
            raise Misconfigured(
                f"api.host {api.host} can be reached from outside: set api.token_file to a file of mode 600 with a "
                "long random token, or use 127.0.0.1"
            )
        return None
    token = keystore.read_private(home / api.token_file, "write a long random token into it (mode 600)").strip()
    if len(token) < _SHORTEST_TOKEN:
        raise Misconfigured(f"the token in {home / api.token_file} is short: use {_SHORTEST_TOKEN} characters or more")
    return token

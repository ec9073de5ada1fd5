"""Contracts that run code whose address is in storage, by kind, as short as they go."""

from typing import Final

_END: Final = "3d5f5f3e60{:02x}573d5ffd5b3d5ff3"
_LOGIC: Final = "7f360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc54"
_BEACON: Final = "7fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d5054"
_ASKED: Final = f"635c60da1b60e01b5f5260205f60046000{_BEACON}5afa50"
"""The beacon's implementation(), into memory."""


def _proxy(target: str, before: str = "") -> bytes:
    """Hand the call on to what `target` leaves on the stack, and its answer back."""
    begin = f"{before}5f5f365f{target}5af4"
    return bytes.fromhex(begin + _END.format(len(begin) // 2 + 10))


PROXIES: Final = {
    "EIP-1967": _proxy(_LOGIC),
    "beacon": _proxy("5f51", before=_ASKED),
    "Safe": _proxy("5f54" + "73" + "ff" * 20 + "16"),
}

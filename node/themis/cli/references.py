"""Models, requests and accounts as they are typed: a name, or the first digits of an id. Only the form is looked at."""

import re
from collections.abc import Sequence
from typing import Final

from themis.core.errors import Misconfigured
from themis.core.spelling import address, cleaned, shown

LEAST_DIGITS: Final = 6
ID_DIGITS: Final = 64
PREFIX: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]+)…?")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def reference(text: str) -> str:
    """A name, `name@licensor`, or the first digits of an id. What it means is found out where it is used."""
    said = cleaned(text)
    if said[:2] in {"0x", "0X"}:
        return prefix(said)
    name, at, licensor = said.partition("@")
    if not NAME.fullmatch(name) or (at and not PREFIX.fullmatch(licensor)):
        raise ValueError(
            f"{said!r} is no model: give its name, name@LICENSOR, or its id or {LEAST_DIGITS} digits of it"
        )
    return said


def prefix(text: str) -> str:
    """The first digits of an id, or all, as 0x and lower case."""
    said = cleaned(text)
    found = PREFIX.fullmatch(said)
    if found is None:
        raise ValueError(f"{said!r} is not hex: it must be 0x and {LEAST_DIGITS} to {ID_DIGITS} hex digits")
    if not LEAST_DIGITS <= len(found[1]) <= ID_DIGITS:
        raise ValueError(f"{said!r} must be 0x and {LEAST_DIGITS} to {ID_DIGITS} hex digits")
    return "0x" + found[1].lower()


def account(text: str) -> str:
    """An address, or its first digits where one account of a short list is meant."""
    said = cleaned(text)
    return prefix(said) if len(said) < len(shown(bytes(20))) else shown(address(said))


def only(said: str, what: str, found: Sequence[str], see: str) -> str:
    """The one that was meant. Raises Misconfigured, with the candidates where there are several."""
    if not found:
        raise Misconfigured(f"there is no {what} {said}: {see}")
    if len(found) > 1:
        raise Misconfigured(f"{said} is not the only {what} of that name: give more of one of " + ", ".join(found))
    return found[0]

"""Bytes, addresses, amounts, URLs and times: as people write them, and as they read them. Pure.

Everything that enters as text is read here, so that it is taken or refused in one way wherever it comes from. What is
wrong is a ValueError that says what would be right.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Final
from urllib.parse import urlsplit

from themis.core.keccak import keccak
from themis.core.types import Address, Hash32

_ADDRESS_BYTES: Final = 20
_HASH_BYTES: Final = 32
_UPPER: Final = 8
"""EIP-55: a letter is a capital where the hash of all has such a nibble or more."""
_WEI_PER_ETHER: Final = 10**18
_WEI_PER_GWEI: Final = 10**9
_DIGITS: Final = 6
_LEAST_IN_ETHER: Final = 10**9
"""Wei below which an amount reads better in wei."""
_LONGEST: Final = 14
_AROUND: Final = "\ufeff \t\r\n\v\f"
"""What editors, other systems and copying put around a value: a byte order mark, spaces, line ends."""
_UNFIT: Final = re.compile(r"[^!-~]")
"""No URL has such a character: spaces, controls, what is not ASCII."""


def cleaned(text: str) -> str:
    """The value without what stands around it."""
    return text.strip(_AROUND)


def hex_bytes(text: str, length: int | None = None) -> bytes:
    """Hex digits, behind 0x or 0X or nothing."""
    said = cleaned(text)
    digits = said[2:] if said[:2] in {"0x", "0X"} else said
    if re.fullmatch("([0-9a-fA-F]{2})*", digits) is None:
        raise ValueError(f"{said!r} is not hex: it must be 0x and {_digits(length)}")
    if length is not None and len(digits) != 2 * length:
        raise ValueError(f"{said!r} must be 0x and {_digits(length)}")
    return bytes.fromhex(digits)


def address(text: str) -> Address:
    """20 bytes; one in mixed case must carry the right EIP-55 checksum."""
    parsed = hex_bytes(text, _ADDRESS_BYTES)
    written = "0x" + cleaned(text)[-2 * _ADDRESS_BYTES :]
    digits = written[2:]
    if digits not in {digits.lower(), digits.upper()} and written != shown(parsed):
        raise ValueError(f"{written} has a wrong checksum: copy the address again")
    return Address(parsed)


def hash32(text: str) -> Hash32:
    return Hash32(hex_bytes(text, _HASH_BYTES))


def endpoint(text: str) -> str:
    """An http or https URL. Errors do not repeat it: its path and query carry API keys."""
    return _url(text, "http", "https")


def websocket(text: str) -> str:
    """As `endpoint`, for a ws or wss URL."""
    return _url(text, "ws", "wss")


def database(text: str) -> str:
    """A URL of PostgreSQL as libpq reads it; its host may be missing, or be a directory in the query."""
    return _url(text, "postgresql", "postgres", needs_host=False)


def cluster(text: str) -> str:
    """`ray://HOST[:PORT]`, or several hosts with commas between them."""
    url = cleaned(text)
    scheme, _, hosts = url.partition("://")
    for host in hosts.rstrip("/").split(","):
        _url(f"{scheme}://{host}", "ray")
        if set(host) & set("/?#@"):
            raise ValueError("names hosts and ports alone: ray://HOST or ray://HOST:PORT,HOST:PORT")
    return url.rstrip("/")


def _url(text: str, *schemes: str, needs_host: bool = True) -> str:
    url = cleaned(text)
    if _UNFIT.search(url):
        raise ValueError("has a space or another character in it that no URL has: copy it again")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no URL: its host or port cannot be read") from None
    if parts.scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if needs_host and not host:
        raise ValueError("names no host")
    return url


def shown(value: bytes) -> str:
    """Hex with 0x; addresses with their EIP-55 checksum."""
    digits = value.hex()
    if len(value) == _ADDRESS_BYTES:
        nibbles = keccak(digits.encode()).hex()
        digits = "".join(
            digit.upper() if int(nibble, 16) >= _UPPER else digit
            for digit, nibble in zip(digits, nibbles, strict=False)
        )
    return "0x" + digits


def ether(amount_wei: int) -> str:
    """An amount of ether for a person: exact where that is short, else 6 digits with a ~ before it."""
    if 0 < amount_wei < _LEAST_IN_ETHER:
        return f"{amount_wei:,} wei"
    with localcontext(prec=80):
        exact = _plain(Decimal(amount_wei) / _WEI_PER_ETHER)
    if len(exact) <= _LONGEST:
        return f"{exact} ether"
    with localcontext(prec=_DIGITS):
        return f"~{_plain(Decimal(amount_wei) / _WEI_PER_ETHER)} ether"


def gwei(price_wei: int) -> str:
    """A price of gas for a person, 4 digits of it, in the unit of `fees.max_fee_gwei`."""
    with localcontext(prec=4):
        return f"{_plain(Decimal(price_wei) / _WEI_PER_GWEI)} gwei"


def reads_as_text(data: bytes) -> bool:
    """Whether bytes are words of a person's: UTF-8, all of it printable, with a letter in it.

    Deployed code never is: it has control characters (STOP is 0, ADD is 1), or bytes that are no UTF-8.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return "".join(text.split()).isprintable() and any(char.isalpha() for char in text)


def instant(at_s: int) -> str:
    """ISO 8601, UTC, where the calendar reaches; the contract's times reach further."""
    try:
        return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"second {at_s}"


def _digits(length: int | None) -> str:
    return "hex digits, two for each byte" if length is None else f"{2 * length} hex digits"


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

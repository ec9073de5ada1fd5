"""What enters as text: taken or refused in one way, and a refusal says what would be right."""

import pytest

from themis.core import spelling

CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
PARSED = bytes.fromhex(CHECKSUMMED[2:])


@pytest.mark.parametrize(
    "text",
    [
        CHECKSUMMED,
        CHECKSUMMED.lower(),
        "0x" + CHECKSUMMED[2:].upper(),
        CHECKSUMMED.replace("0x", "0X"),
        CHECKSUMMED[2:],
        f"\ufeff {CHECKSUMMED}\r\n",
    ],
)
def test_an_address_is_an_address_however_it_came(text: str) -> None:
    assert spelling.address(text) == PARSED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CHECKSUMMED.replace("aA", "Aa"), "wrong checksum: copy the address again"),
        (CHECKSUMMED.replace("0xaA", "0XAa").replace("0x5a", "0X5A"), "wrong checksum"),
        ("0x12", "must be 0x and 40 hex digits"),
        ("", "must be 0x and 40 hex digits"),
        ("0x" + "zz" * 20, "is not hex"),
        ("0x" + "1 " * 20, "is not hex"),
        ("0x0x" + "11" * 19, "is not hex"),
        ("0x" + "\u0661" * 40, "is not hex"),
    ],
)
def test_what_is_no_address_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spelling.address(text)


def test_hashes_and_bytes() -> None:
    assert spelling.hash32(f" 0X{'aB' * 32}\n") == b"\xab" * 32
    assert spelling.hex_bytes("0x") == b""
    with pytest.raises(ValueError, match="'0x0' is not hex: it must be 0x and hex digits, two for each byte"):
        spelling.hex_bytes("0x0")


@pytest.mark.parametrize("text", ["http://h:1/p?q=1", "HTTPS://h", "http://[::1]:8545"])
def test_a_url_loses_what_stands_around_it(text: str) -> None:
    assert spelling.endpoint(f"\ufeff{text} \r\n") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h",
        "ws://h/s3cret",
        "http://",
        "http://:1",
        "http://h:x/s3cret",
        "http://h:99999",
        "http://[",
        "http://a b/s3cret",
        "http://h\n/",
    ],
)
def test_what_is_no_endpoint_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="must begin|names no host|is no URL|no URL has") as caught:
        spelling.endpoint(text)
    assert "s3cret" not in str(caught.value)

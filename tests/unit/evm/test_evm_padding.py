"""Padding hides nothing: what is behind it is given to the network, or the report says that it was not."""

import pytest

from themis.evm.encode import MAX_CODE_BYTES, encode
from themis.evm.limits import MAX_ROWS, NotKnown
from themis.evm.vocabulary import ID

KILL = ID["SELFDESTRUCT.caller.open"]


@pytest.mark.parametrize(
    "padding",
    ["4250" * 200, "425032504350" * 100, "60015f55" * 220, "425f5560015450" * 300],
    ids=["clock", "three sources", "writes", "clock and writes"],
)
def test_a_token_behind_many_others_is_given(padding: str) -> None:
    encoded = encode(bytes.fromhex(padding + "33ff"))
    assert KILL in encoded.tokens
    assert (encoded.coverage_bps, encoded.not_known) == (10_000, NotKnown(0))


def test_a_hundred_functions_are_all_given() -> None:
    entries = b"".join(bytes.fromhex(f"8063{number:08x}14610400") + b"\x57" for number in range(100))
    code = (bytes.fromhex("5f3560e01c") + entries).ljust(0x400, b"\0") + bytes.fromhex("5b33ff")
    many = encode(code)
    assert KILL in many.tokens
    assert many.not_known == NotKnown(0)


def test_what_is_too_much_is_told() -> None:
    encoded = encode((bytes.fromhex("425032504350") * MAX_CODE_BYTES)[: MAX_CODE_BYTES - 2] + bytes.fromhex("33ff"))
    assert KILL in encoded.tokens or encoded.not_known & (NotKnown.TRUNCATED | NotKnown.STEPS_SPENT)
    varied = bytes.fromhex("42503250435030503150455033545f5533545060015560025f5560035f5f205f55")
    full = encode((varied * MAX_CODE_BYTES)[: MAX_CODE_BYTES - 2] + bytes.fromhex("33ff"))
    assert len(full.tokens) <= MAX_ROWS
    assert KILL in full.tokens or full.not_known & (NotKnown.TRUNCATED | NotKnown.STEPS_SPENT)

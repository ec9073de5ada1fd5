"""Calls as people write them."""

import pytest
from eth_abi.abi import encode as reference
from eth_utils.crypto import keccak

from themis.cli.request.calldata import encoded
from themis.core.errors import Misconfigured

WHO = "0x" + "ab" * 20


@pytest.mark.parametrize(
    ("call", "arguments", "types", "values"),
    [
        ("ask()", (), (), ()),
        ("ask(address)", (WHO,), ("address",), (WHO,)),
        (" ask ( address, uint256 ) ", (WHO, "7"), ("address", "uint256"), (WHO, 7)),
        ("ask(uint64,bytes)", ("0x10", "0x1234"), ("uint64", "bytes"), (16, b"\x12\x34")),
        ("ask(bytes4,bool,string)", ("0x12345678", "true", "Grüße"), ("bytes4", "bool", "string"), None),
        ("ask(uint8[],address[2])", ("[1, 2]", f'["{WHO}", "{WHO}"]'), ("uint8[]", "address[2]"), ([1, 2], [WHO] * 2)),
    ],
)
def test_a_function_with_its_arguments(
    call: str, arguments: tuple[str, ...], types: tuple[str, ...], values: object
) -> None:
    told = values if isinstance(values, tuple) else (bytes.fromhex("12345678"), True, "Grüße")
    selector = keccak(text=f"ask({','.join(types)})")[:4]
    assert encoded(call, arguments) == selector + reference(types, told)


def test_uint_is_uint256() -> None:
    assert encoded("ask(uint)", ("1",)) == encoded("ask(uint256)", ("1",))
    assert encoded("ask(uint[2])", ("[1, 2]",)) == encoded("ask(uint256[2])", ("[1, 2]",))


def test_hex_stands_as_it_is() -> None:
    assert encoded("0x12345678", ()) == bytes.fromhex("12345678")


@pytest.mark.parametrize(
    ("call", "arguments", "said"),
    [
        ("0x123", (), "is not hex"),
        ("0x1234", ("7",), "takes no arguments"),
        ("ask", (), "is no call: write a function with its types"),
        ("ask(address", (), "is no call"),
        ("ask(address)", (), "takes 1 arguments, and there are 0"),
        ("ask()", ("1",), "takes 0 arguments, and there are 1"),
        ("ask(address)", ("0x12",), "'0x12' is no address"),
        ("ask(uint8)", ("256",), "Cannot be encoded in 8 bits"),
        ("ask(uint8)", ("-1",), "Cannot be encoded in 8 bits"),
        ("ask(uint8)", ("many",), "'many' is no uint8"),
        ("ask(bool)", ("1",), "it is true or false"),
        ("ask(bytes4)", ("0x1234",), "must be 0x and 8 hex digits"),
        ("ask(uint8[])", ("1",), "write it as a list"),
        ("ask(uint8[])", ("[1",), "is no uint8[]"),
        ("ask(uint8[2])", ("[1]",), "1 items when 2 were expected"),
        ("ask(int256)", ("1",), "give the calldata as 0x"),
        ("ask((uint8,uint8))", ("1",), "takes a struct"),
        ("ask(bytesX)", ("0x12",), "give the calldata as 0x"),
        ("ask(bytes33)", ("0x" + "00" * 33,), "give the calldata as 0x"),
        ("ask(uint7)", ("1",), "give the calldata as 0x"),
    ],
)
def test_what_is_wrong_says_what_would_be_right(call: str, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        encoded(call, arguments)
    assert said in str(raised.value)

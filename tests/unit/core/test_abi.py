"""The ABI and RLP as others write them (eth-abi, rlp), and refused where no contract would have written it so."""

from typing import Any

import pytest
import rlp as reference_rlp
from eth_abi.abi import decode as reference_decode
from eth_abi.abi import encode as reference_encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak as reference_keccak
from hypothesis import example, given
from hypothesis import strategies as st

from themis.chain.contracts import REGISTRY
from themis.core import abi, rlp
from themis.core.keccak import keccak
from themis.core.spelling import address, shown

_UINTS = st.integers(1, 32).map(lambda size: f"uint{8 * size}")
_WORDS = st.one_of(_UINTS, st.integers(1, 32).map(lambda size: f"bytes{size}"), st.sampled_from(["address", "bool"]))
_KINDS = st.recursive(
    st.one_of(_WORDS, st.sampled_from(["bytes", "string"])),
    lambda inner: st.one_of(
        inner.map(lambda kind: f"{kind}[]"),
        st.tuples(inner, st.integers(1, 3)).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        st.lists(inner, min_size=1, max_size=3).map(lambda kinds: f"({','.join(kinds)})"),
    ),
    max_leaves=5,
)
_ITEMS = st.recursive(
    st.one_of(st.binary(max_size=80), st.just(bytes(300))), lambda inner: st.lists(inner, max_size=4), max_leaves=20
)


def _values(kind: str) -> st.SearchStrategy[Any]:  # noqa: PLR0911 (one for each kind of type)
    """What a parameter of that type can be."""
    if kind.endswith("]"):
        item, _, count = kind.removesuffix("]").rpartition("[")
        least, most = (int(count), int(count)) if count else (0, 3)
        return st.lists(_values(item), min_size=least, max_size=most).map(tuple)
    if kind.startswith("("):
        return st.tuples(*(_values(member) for member in abi._members(kind) or ()))
    if kind.startswith("uint"):
        return st.integers(0, 2 ** int(kind.removeprefix("uint")) - 1)
    match kind:
        case "bytes":
            return st.binary(max_size=70)
        case "string":
            return st.text(max_size=40)
        case "bool":
            return st.booleans()
        case "address":
            return st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
        case _:
            size = int(kind.removeprefix("bytes"))
            return st.binary(min_size=size, max_size=size)


@st.composite
def typed(draw: st.DrawFn) -> tuple[list[str], list[Any]]:
    kinds = draw(st.lists(_KINDS, max_size=4))
    return kinds, [draw(_values(kind)) for kind in kinds]


@given(each=typed())
def test_values_are_written_and_read_as_others_do(each: tuple[list[str], list[Any]]) -> None:
    kinds, values = each
    data = abi.encode(kinds, values)
    assert data == reference_encode(kinds, values)
    assert abi.decode(kinds, data) == reference_decode(kinds, data) == tuple(values)


@given(
    each=typed(),
    spoil=st.lists(st.tuples(st.integers(0, 2**12), st.integers(0, 255)), max_size=2),
    cut=st.integers(0, 40),
)
def test_what_no_contract_writes_is_refused_as_others_refuse_it(
    each: tuple[list[str], list[Any]], spoil: list[tuple[int, int]], cut: int
) -> None:
    kinds, values = each
    data = bytearray(abi.encode(kinds, values))
    for at, byte in spoil:
        if data:
            data[at % len(data)] = byte
    spoiled = bytes(data[: max(0, len(data) - cut)])
    try:
        expected = reference_decode(kinds, spoiled)
    except (DecodingError, ValueError, OverflowError):
        with pytest.raises(ValueError, match="."):
            abi.decode(kinds, spoiled)
    else:
        assert abi.decode(kinds, spoiled) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("uint8", True),
        ("uint8", "1"),
        ("bool", 1),
        ("bytes4", b"12345"),
        ("address", b"\x01" * 19),
        ("address", "0x" + "01" * 21),
        ("uint8[2]", [1]),
        ("(uint8,bool)", [1]),
        ("int8", 1),
    ],
)
def test_what_does_not_fit_is_not_written(kind: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="."):
        abi.encode([kind], [value])


def test_a_length_beyond_the_data_takes_no_memory() -> None:
    with pytest.raises(ValueError, match="longer than its data"):
        abi.decode(["uint256[]"], (32).to_bytes(32) + (2**200).to_bytes(32))


def test_selectors_and_topics_name_tuples_by_their_members() -> None:
    pairs = {"type": "tuple[]", "name": "pairs", "components": [{"type": "uint8", "name": "a"}, {"type": "bytes"}]}
    assert abi.signature({"name": "f", "inputs": [{"type": "address"}, pairs]}) == "f(address,(uint8,bytes)[])"
    assert REGISTRY.selector("licensorOf") == reference_keccak(text="licensorOf(bytes32)")[:4]


@given(item=_ITEMS)
@example(item=bytes(70_000))
@example(item=[b"\x7f", b"\x80", b"", [], [b"x" * 55], b"x" * 56])
def test_transactions_are_written_and_read_as_others_do(item: Any) -> None:
    data = rlp.encode(item)
    assert data == reference_rlp.encode(item)
    assert rlp.decode(data) == item


@given(number=st.integers(0, 2**256 - 1))
def test_numbers_have_no_leading_zeros(number: int) -> None:
    assert rlp.encode([number]) == reference_rlp.encode([number])


@pytest.mark.parametrize(
    "data", ["", "81", "8100", "b800", "b90001ff", "c281", "c3c100", "00ff", "bf" + "ff" * 8, "f800"]
)
def test_another_form_is_no_transaction(data: str) -> None:
    with pytest.raises(ValueError, match="RLP"):
        rlp.decode(bytes.fromhex(data))


@given(data=st.binary(max_size=300))
def test_the_hash_is_ethereums(data: bytes) -> None:
    assert keccak(data) == reference_keccak(data)


@given(raw=st.binary(min_size=20, max_size=20))
def test_addresses_carry_their_checksum(raw: bytes) -> None:
    assert shown(raw) == to_checksum_address(raw)
    assert address(shown(raw)) == raw
    wrong = shown(raw).swapcase().replace("X", "x")
    if wrong not in {shown(raw), wrong.lower(), "0x" + wrong[2:].upper()}:
        with pytest.raises(ValueError, match="checksum"):
            address(wrong)

"""The contract ABI: eth-abi's encoding, with ValueError for what does not fit, and what an ABI as JSON spells."""

from collections.abc import Mapping, Sequence
from typing import Any

# eth-abi takes longer to load than the help of a command may take: it is loaded by whoever writes or reads


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """`abi.encode`. Addresses are 20 bytes or hex with 0x. Raises ValueError or TypeError for what does not fit."""
    from eth_abi.abi import encode as written  # noqa: PLC0415
    from eth_abi.exceptions import EncodingError  # noqa: PLC0415

    try:
        return written(types, values)
    except EncodingError as error:
        raise ValueError(str(error)) from error


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """`abi.decode`: int, bool, bytes, str, tuples; addresses as lower-case hex with 0x. Raises ValueError."""
    from eth_abi.abi import decode as read  # noqa: PLC0415
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415

    try:
        return read(types, data)
    except DecodingError as error:
        raise ValueError(str(error)) from error


def signature(entry: Mapping[str, Any]) -> str:
    """`name(types)` of a function, event or error as the JSON of an ABI has it: what selectors and topics hash."""
    return f"{entry['name']}({','.join(type_of(item) for item in entry['inputs'])})"


def type_of(item: Mapping[str, Any]) -> str:
    """The type of a parameter as the JSON of an ABI has it, a tuple by its members' types."""
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(type_of(member) for member in item['components'])}){kind.removeprefix('tuple')}"

"""Packaged contracts: bytecode, and encoding and decoding by ABI."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from importlib import resources
from typing import Any

from themis.core.abi import decode, encode, signature, type_of
from themis.core.keccak import keccak
from themis.core.types import Address, Denial, Hash32, Role, UseClass

Entry = Mapping[str, Any]

_BUILT_IN_ERRORS: tuple[Entry, ...] = (
    {"type": "error", "name": "Error", "inputs": [{"name": "reason", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
)
_ENUMS: Mapping[str, type[IntEnum]] = {"enum Role": Role, "enum UseClass": UseClass}
"""What people read by name."""


@dataclass(frozen=True, slots=True)
class Log:
    """A decoded event. Values as `core.abi` gives them: bytes, int, lower-case 0x addresses, tuples."""

    event: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How an event is written: types of its topics and of its data, and the names of both in that order."""

    name: str
    indexed: list[str]
    plain: list[str]
    fields: list[str]


class Artifact:
    """One packaged contract."""

    def __init__(self, name: str) -> None:
        text = resources.files("themis.chain.artifacts").joinpath(f"{name}.json").read_text()
        packaged = json.loads(text)
        self.abi: list[Entry] = packaged["abi"]
        self.creation_code = bytes.fromhex(packaged["bytecode"][2:])

    def call(self, function: str, *arguments: Any) -> bytes:
        """Calldata of a call."""
        selector, inputs, _ = self._functions[function]
        return selector + encode(inputs, arguments)

    def has(self, function: str) -> bool:
        """Whether the contract has such a function."""
        return function in self._functions

    def logs(self, event: str) -> bool:
        """Whether the contract has such an event."""
        return any(shape.name == event for shape in self._events.values())

    def selector(self, function: str) -> bytes:
        """The first four bytes of a call."""
        return self._functions[function][0]

    def arguments(self, function: str, data: bytes) -> tuple[Any, ...]:
        """Decode the calldata of a call."""
        return decode(self._functions[function][1], data[4:])

    def named(self, name: str, function: str, arguments: Sequence[Any]) -> Any:
        """The argument of a call that has this name, or the member of a struct that has it; None: there is none."""
        entry = next(each for each in self.abi if each["type"] == "function" and each["name"] == function)
        pairs = list(zip(entry["inputs"], arguments, strict=True))
        for item, value in pairs:
            if item["type"] == "tuple":
                pairs += zip(item["components"], value, strict=True)
        return next((value for item, value in pairs if item["name"] == name), None)

    def creation(self, *arguments: Any) -> bytes:
        """Data of the transaction that creates the contract."""
        inputs = next((entry["inputs"] for entry in self.abi if entry["type"] == "constructor"), ())
        return self.creation_code + encode(_types(inputs), arguments)

    def result(self, function: str, data: bytes) -> tuple[Any, ...]:
        """Decode what a call returned. Raises ValueError for anything else."""
        try:
            return decode(self._functions[function][2], data)
        except ValueError as error:
            raise ValueError(f"{function} did not return what its ABI says") from error

    def topic(self, event: str) -> Hash32:
        """topic0 of an event."""
        return next(topic for topic, shape in self._events.items() if shape.name == event)

    def log(self, topics: Sequence[bytes], data: bytes) -> Log | None:
        """Decode a log; None where the event is not this contract's."""
        shape = self._events.get(Hash32(topics[0])) if topics else None
        if shape is None:
            return None
        if len(topics) != 1 + len(shape.indexed):
            raise ValueError(f"{shape.name} has {len(shape.indexed)} indexed parameters, not {len(topics) - 1}")
        values = (*decode(shape.indexed, b"".join(topics[1:])), *decode(shape.plain, data))
        return Log(shape.name, dict(zip(shape.fields, values, strict=True)))

    def denial(self, data: bytes) -> Denial:
        """Name a custom error (EIP-838) and its arguments; unknown data is shown as hex."""
        entry = self._errors.get(data[:4])
        if entry is None:
            return Denial("UnknownError", "0x" + data.hex())
        try:
            values = decode(_types(entry["inputs"]), data[4:])
            named = [
                f"{item['name']}={_text(value, item)}" for item, value in zip(entry["inputs"], values, strict=True)
            ]
        except ValueError:
            return Denial(entry["name"], "0x" + data[4:].hex())
        return Denial(entry["name"], ", ".join(named))

    def knows_error(self, data: bytes) -> bool:
        """Whether revert data is an error that this contract declares."""
        entry = self._errors.get(data[:4])
        return entry is not None and entry not in _BUILT_IN_ERRORS

    @cached_property
    def _functions(self) -> dict[str, tuple[bytes, list[str], list[str]]]:
        """Selector, and the types of what goes in and comes out: worked out once, not for each call."""
        functions = (entry for entry in self.abi if entry["type"] == "function")
        return {
            entry["name"]: (
                _selector(entry),
                _types(entry["inputs"]),
                _types(entry["outputs"]),
            )
            for entry in functions
        }

    @cached_property
    def _events(self) -> dict[Hash32, _Shape]:
        events = (entry for entry in self.abi if entry["type"] == "event")
        return {Hash32(keccak(signature(entry).encode())): _shape(entry) for entry in events}

    @cached_property
    def _errors(self) -> dict[bytes, Entry]:
        errors = [*_BUILT_IN_ERRORS, *(entry for entry in self.abi if entry["type"] == "error")]
        return {_selector(entry): entry for entry in errors}


def address(text: str) -> Address:
    """`0x…` as `core.abi` decodes it, to bytes."""
    return Address(bytes.fromhex(text[2:]))


def _selector(entry: Entry) -> bytes:
    return keccak(signature(entry).encode())[:4]


def _shape(entry: Entry) -> _Shape:
    indexed = [item for item in entry["inputs"] if item["indexed"]]
    plain = [item for item in entry["inputs"] if not item["indexed"]]
    return _Shape(entry["name"], _types(indexed), _types(plain), _names([*indexed, *plain]))


def _types(inputs: Sequence[Entry]) -> list[str]:
    return [type_of(item) for item in inputs]


def _names(inputs: Sequence[Entry]) -> list[str]:
    return [item["name"] for item in inputs]


def _text(value: Any, item: Entry) -> str:
    if (names := _ENUMS.get(item.get("internalType", ""))) is not None:
        return names(value).name.lower()
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)

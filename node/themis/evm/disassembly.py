"""Runtime bytecode as instructions, and where the compiler's metadata begins: code hidden there runs, too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from themis.evm.opcodes import JUMPDEST, PUSH0, PUSH32

_CBOR_MAPS: Final = (0xA1, 0xA2, 0xA3, 0xA4)
_CBOR_KEYS: Final = (b"bzzr", b"ipfs", b"solc", b"experimental")
_MAX_METADATA_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class Program:
    """Instructions in code order, as parallel sequences."""

    pcs: tuple[int, ...]
    """Program counter of each instruction."""
    ops: tuple[int, ...]
    """Opcode of each instruction."""
    values: tuple[int, ...]
    """What a PUSH pushes; 0 elsewhere."""
    jumpdests: Mapping[int, int]
    """Program counter of each JUMPDEST -> index of its instruction."""
    end: int
    """Where the compiler's metadata begins, or the code ends."""


def strip_metadata(code: bytes) -> bytes:
    """Cut the CBOR map solc appends: its length is in the last two bytes (Solidity docs, Contract Metadata)."""
    length = int.from_bytes(code[-2:], "big")
    start = len(code) - 2 - length
    if not 0 < length <= _MAX_METADATA_BYTES or start <= 0 or code[start] not in _CBOR_MAPS:
        return code
    return code[:start] if any(key in code[start:] for key in _CBOR_KEYS) else code


def disassemble(code: bytes) -> Program:
    """Every byte string is a program; a PUSH cut off by the end is padded with zeros, as the EVM does."""
    pcs: list[int] = []
    ops: list[int] = []
    values: list[int] = []
    jumpdests: dict[int, int] = {}
    pc = 0
    while pc < len(code):
        op = code[pc]
        value = 0
        width = op - PUSH0 if PUSH0 <= op <= PUSH32 else 0
        if width:
            value = int.from_bytes(code[pc + 1 : pc + 1 + width].ljust(width, b"\0"), "big")
        elif op == JUMPDEST:
            jumpdests[pc] = len(pcs)
        pcs.append(pc)
        ops.append(op)
        values.append(value)
        pc += 1 + width
    return Program(tuple(pcs), tuple(ops), tuple(values), jumpdests, len(strip_metadata(code)))

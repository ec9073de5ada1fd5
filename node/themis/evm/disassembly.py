"""Runtime bytecode as instructions, and where the compiler's metadata begins: code hidden there runs, too."""

from typing import Final, final

from themis.evm.opcodes import JUMPDEST, PUSH0, PUSH1, PUSH2, PUSH32

_CBOR_MAPS: Final = (0xA1, 0xA2, 0xA3, 0xA4)
_CBOR_KEYS: Final = (b"bzzr", b"ipfs", b"solc", b"experimental")
_MAX_METADATA_BYTES: Final = 256


@final
class Program:
    """Instructions in code order, as parallel sequences."""

    __slots__ = ("end", "jumpdests", "ops", "pcs", "values")

    def __init__(
        self, pcs: tuple[int, ...], ops: bytes, values: tuple[int, ...], jumpdests: dict[int, int], end: int
    ) -> None:
        self.pcs = pcs
        """Program counter of each instruction."""
        self.ops = ops
        """Opcode of each instruction."""
        self.values = values
        """What a PUSH pushes; 0 elsewhere."""
        self.jumpdests = jumpdests
        """Program counter of each JUMPDEST -> index of its instruction."""
        self.end = end
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
    values: list[int] = []
    jumpdests: dict[int, int] = {}
    pc, padded = 0, code + bytes(PUSH32 - PUSH0)
    while pc < len(code):
        op = code[pc]
        pcs.append(pc)
        pc += 1
        if PUSH0 < op <= PUSH32:
            if op == PUSH1:
                values.append(padded[pc])
            elif op == PUSH2:
                values.append(padded[pc] << 8 | padded[pc + 1])
            else:
                values.append(int.from_bytes(padded[pc : pc + op - PUSH0], "big"))
            pc += op - PUSH0
        else:
            values.append(0)
            if op == JUMPDEST:
                jumpdests[pc - 1] = len(pcs) - 1
    return Program(tuple(pcs), bytes([code[pc] for pc in pcs]), tuple(values), jumpdests, len(strip_metadata(code)))

"""Stack effects of the EVM's opcodes up to Osaka (Yellow Paper, appendix H; EIPs 1153, 3855, 4399, 5656, 7939)."""

from typing import Final

STOP: Final = 0x00
ADD: Final = 0x01
MUL: Final = 0x02
SUB: Final = 0x03
DIV: Final = 0x04
SDIV: Final = 0x05
MOD: Final = 0x06
SMOD: Final = 0x07
ADDMOD: Final = 0x08
MULMOD: Final = 0x09
EXP: Final = 0x0A
LT: Final = 0x10
GT: Final = 0x11
SLT: Final = 0x12
SGT: Final = 0x13
EQ: Final = 0x14
ISZERO: Final = 0x15
AND: Final = 0x16
OR: Final = 0x17
XOR: Final = 0x18
NOT: Final = 0x19
BYTE: Final = 0x1A
SHL: Final = 0x1B
SHR: Final = 0x1C
SAR: Final = 0x1D
KECCAK256: Final = 0x20
ADDRESS: Final = 0x30
BALANCE: Final = 0x31
ORIGIN: Final = 0x32
CALLER: Final = 0x33
CALLVALUE: Final = 0x34
CALLDATALOAD: Final = 0x35
CALLDATASIZE: Final = 0x36
CALLDATACOPY: Final = 0x37
CODECOPY: Final = 0x39
EXTCODESIZE: Final = 0x3B
RETURNDATACOPY: Final = 0x3E
EXTCODEHASH: Final = 0x3F
BLOCKHASH: Final = 0x40
COINBASE: Final = 0x41
TIMESTAMP: Final = 0x42
NUMBER: Final = 0x43
PREVRANDAO: Final = 0x44
GASLIMIT: Final = 0x45
SELFBALANCE: Final = 0x47
POP: Final = 0x50
MLOAD: Final = 0x51
MSTORE: Final = 0x52
MSTORE8: Final = 0x53
SLOAD: Final = 0x54
SSTORE: Final = 0x55
JUMP: Final = 0x56
JUMPI: Final = 0x57
JUMPDEST: Final = 0x5B
TLOAD: Final = 0x5C
TSTORE: Final = 0x5D
MCOPY: Final = 0x5E
PUSH0: Final = 0x5F
PUSH1: Final = 0x60
PUSH2: Final = 0x61
PUSH4: Final = 0x63
PUSH32: Final = 0x7F
DUP16: Final = 0x8F
SWAP16: Final = 0x9F
LOG0: Final = 0xA0
CREATE: Final = 0xF0
CALL: Final = 0xF1
CALLCODE: Final = 0xF2
RETURN: Final = 0xF3
DELEGATECALL: Final = 0xF4
CREATE2: Final = 0xF5
STATICCALL: Final = 0xFA
REVERT: Final = 0xFD
INVALID: Final = 0xFE
SELFDESTRUCT: Final = 0xFF

_EFFECTS: Final = (
    (1, 1, "15 19 1e 31 35 3b 3f 40 49 51 54 5c"),
    (2, 1, "01 02 03 04 05 06 07 0a 0b 10 11 12 13 14 16 17 18 1a 1b 1c 1d 20"),
    (3, 1, "08 09 f0"),
    (4, 1, "f5"),
    (0, 1, "30 32 33 34 36 38 3a 3d 41 42 43 44 45 46 47 48 4a 58 59 5a"),
    (1, 0, "50 56 ff"),
    (2, 0, "52 53 55 57 5d f3 fd a0"),
    (3, 0, "37 39 3e 5e a1"),
    (4, 0, "3c a2"),
    (5, 0, "a3"),
    (6, 0, "a4"),
    (6, 1, "f4 fa"),
    (7, 1, "f1 f2"),
    (0, 0, "00 5b fe"),
)


def _table() -> tuple[tuple[int, int] | None, ...]:
    table: list[tuple[int, int] | None] = [None] * 256
    for pops, pushes, ops in _EFFECTS:
        for op in bytes.fromhex(ops):
            table[op] = (pops, pushes)
    return tuple(table)


EFFECTS: Final = _table()
"""(words popped, words pushed) by opcode; None for PUSH, DUP, SWAP (handled apart) and undefined opcodes."""

ENDING: Final = frozenset(
    code
    for code in range(256)
    if code in (STOP, RETURN, REVERT, INVALID, SELFDESTRUCT) or (EFFECTS[code] is None and not PUSH0 <= code <= SWAP16)
)
"""After these, and after undefined opcodes, nothing on the path runs."""

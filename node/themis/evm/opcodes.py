"""Stack effects of the EVM's opcodes up to Osaka (Yellow Paper, appendix H; EIPs 1153, 3855, 4399, 5656, 7939)."""

from typing import Final

STOP: Final = 0x00
ADD, MUL, SUB, DIV, SDIV, MOD, SMOD, ADDMOD, MULMOD, EXP = range(0x01, 0x0B)
LT, GT, SLT, SGT, EQ, ISZERO, AND, OR, XOR, NOT, BYTE, SHL, SHR, SAR = range(0x10, 0x1E)
KECCAK256: Final = 0x20
ADDRESS, BALANCE, ORIGIN, CALLER, CALLVALUE, CALLDATALOAD, CALLDATASIZE, CALLDATACOPY = range(0x30, 0x38)
CODECOPY: Final = 0x39
EXTCODESIZE: Final = 0x3B
RETURNDATACOPY: Final = 0x3E
EXTCODEHASH: Final = 0x3F
BLOCKHASH, COINBASE, TIMESTAMP, NUMBER, PREVRANDAO, GASLIMIT = range(0x40, 0x46)
SELFBALANCE: Final = 0x47
POP, MLOAD, MSTORE, MSTORE8, SLOAD, SSTORE, JUMP, JUMPI = range(0x50, 0x58)
JUMPDEST: Final = 0x5B
TLOAD: Final = 0x5C
TSTORE: Final = 0x5D
MCOPY: Final = 0x5E
PUSH0: Final = 0x5F
PUSH1: Final = 0x60
PUSH4: Final = 0x63
PUSH32: Final = 0x7F
DUP16: Final = 0x8F
SWAP16: Final = 0x9F
LOG0: Final = 0xA0
CREATE, CALL, CALLCODE, RETURN, DELEGATECALL, CREATE2 = range(0xF0, 0xF6)
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

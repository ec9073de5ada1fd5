// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Which instructions give which tokens of `evm-trace-5`
/// @dev Sets of opcodes are bits of a word. The specification is `KINDS` in `node/themis/dispute/adaptors/traced.py`.
library Opcodes {
    /// @dev Three bytes and a set: the first token, the last one, how many opcodes follow. Tokens that are not here are entries.
    bytes private constant KINDS =
        (hex"03030357fdfe" // REVERT: by itself, INVALID, or a branch both sides of which revert
        hex"040401f3" // RETURN
        hex"05050100" // STOP
        hex"0606015b" // JOIN
        hex"070705a0a1a2a3a4" // LOG
        hex"0808024243" // CLOCK
        hex"09090440414445" // ENTROPY
        hex"0a0a0132" // ORIGIN
        hex"0b0d03031418" // EQ.*: EQ, SUB or XOR
        hex"0e0e023147" // BALANCE
        hex"0f0f023b3f" // EXTCODE
        hex"101001f0" // CREATE
        hex"111101f5" // CREATE2
        hex"1212015c" // TLOAD
        hex"1313015d" // TSTORE
        hex"1414035000f3" // DROPPED: by POP, or at the end
        hex"15150120" // HASH.random
        hex"1618020607" // MOD
        hex"19190101" // ADD.stored
        hex"1a1a0103" // SUB.stored
        hex"1b1b0102" // MUL.stored
        hex"1c1c0104" // DIV.stored
        hex"1d550157" // GUARD.*, IF.*
        hex"56580154" // SLOAD.*
        hex"598e0155" // SSTORE.*
        hex"8f9601fa" // STATICCALL.*
        hex"97be01f1" // CALL.*
        hex"bfd602f4f2" // DELEGATECALL.*
        hex"d7ee01ff" // SELFDESTRUCT.*
        hex"eff20155" // TAKE.*
    );

    /// @notice One of these is where the token came from. All of them for an entry.
    function giving(uint256 token) internal pure returns (uint256 set) {
        bytes memory kinds = KINDS;
        for (uint256 i; i < kinds.length; i += 3 + uint8(kinds[i + 2])) {
            if (token < uint8(kinds[i]) || token > uint8(kinds[i + 1])) continue;
            for (uint256 k; k < uint8(kinds[i + 2]); ++k) {
                set |= 1 << uint8(kinds[i + 3 + k]);
            }
            return set;
        }
        return type(uint256).max;
    }

    /// @notice Whether the code has an instruction of the set.
    function occur(bytes memory code, uint256 set) internal pure returns (bool found) {
        assembly ("memory-safe") {
            let end := add(add(code, 32), mload(code))
            for { let at := add(code, 32) } lt(at, end) { at := add(at, 1) } {
                let op := byte(0, mload(at))
                if and(shr(op, set), 1) {
                    found := 1
                    break
                }
                if and(gt(op, 0x5f), lt(op, 0x80)) { at := add(at, sub(op, 0x5f)) }
            }
        }
    }

    /// @notice Whether there is an instruction of the set at a program counter.
    function isAt(bytes memory code, uint256 counter, uint256 set) internal pure returns (bool found) {
        if (counter >= code.length) return false;
        assembly ("memory-safe") {
            let at := add(code, 32)
            let place := add(at, counter)
            for {} lt(at, place) { at := add(at, 1) } {
                let op := byte(0, mload(at))
                if and(gt(op, 0x5f), lt(op, 0x80)) { at := add(at, sub(op, 0x5f)) }
            }
            if eq(at, place) { found := and(shr(byte(0, mload(at)), set), 1) }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What `evm-risk-moe` says about a contract. Scores and coverage in basis points.
struct Report {
    uint16[7] scoresBps; // by `RiskClass`
    uint16 coverageBps; // of the code that can be reached, the share that the model was given
    uint16 programCounter; // where to look first
    uint16 notKnown; // why this is not the whole truth: bits of `NotKnown`
    address implementation; // the code to ask about instead, where this code is only a pointer to it: then there is no score
}

/// @notice What a score is about, in the order of the report's lanes.
enum RiskClass {
    REENTRANCY,
    UNCHECKED_CALL,
    TX_ORIGIN_AUTH,
    BLOCK_DEPENDENCE,
    UNPROTECTED_SELFDESTRUCT,
    UNPROTECTED_DELEGATECALL,
    UNPROTECTED_AUTHORITY
}

/// @notice What the bits of `Report.notKnown` mean, from the lowest.
enum NotKnown {
    TRUNCATED, // a function is longer than what the model reads
    LEFT_OUT, // whole functions were left out
    STEPS_SPENT, // there are more paths than were walked
    UNKNOWN_JUMP, // a jump goes where only running it would tell
    UNKNOWN_DISPATCHER, // how functions are chosen was not understood
    PROXY, // calls go on to other code, which was not read
    DELEGATION, // the account has delegated to other code (EIP-7702), which was not read
    NAMED // the code is only a pointer, and not scored
}

/// @title Decoding the 32-byte answer of `evm-risk-moe`
/// @dev Sixteen big-endian uint16: lanes 0-6 scores, 7 coverage, 8 program counter, 9-14 zero, 15 what is not known. With the bit
/// of `NotKnown.NAMED`: 20 bytes of an address, 10 of zero, and lane 15.
library RiskReport {
    /// @notice Not 32 bytes, a value above 10,000 basis points, or a reserved lane or bit in use.
    error InvalidReport();

    uint256 private constant SCORES = 7;
    uint16 private constant MAX_BPS = 10_000;
    uint16 private constant MEANT = 0xff;

    using RiskReport for Report;

    /// @notice Reverts for anything that is not a report.
    function decode(bytes calldata output) internal pure returns (Report memory report) {
        if (output.length != 32) revert InvalidReport();
        uint256 word = uint256(bytes32(output));
        report.notKnown = uint16(word);
        if (report.notKnown > MEANT) revert InvalidReport();
        if (report.isPointer()) {
            if (uint96(word) >> 16 != 0) revert InvalidReport();
            report.implementation = address(uint160(word >> 96));
            return report;
        }
        if (uint112(word) >> 16 != 0) revert InvalidReport();
        for (uint256 i; i < SCORES; ++i) {
            report.scoresBps[i] = _bps(word, i);
        }
        report.coverageBps = _bps(word, SCORES);
        report.programCounter = _lane(word, SCORES + 1);
    }

    /// @notice The highest of the seven scores.
    function worst(Report memory report) internal pure returns (uint16 scoreBps) {
        for (uint256 i; i < SCORES; ++i) {
            if (report.scoresBps[i] > scoreBps) scoreBps = report.scoresBps[i];
        }
    }

    /// @notice True if the code points to other code, says where, and was not scored.
    function isPointer(Report memory report) internal pure returns (bool) {
        return report.notKnown >> uint8(NotKnown.NAMED) & 1 != 0;
    }

    /// @notice True if the report is the whole truth, as far as the model can tell: no bit of `NotKnown` is set.
    function isWhole(Report memory report) internal pure returns (bool) {
        return report.notKnown == 0;
    }

    function _bps(uint256 word, uint256 index) private pure returns (uint16 value) {
        value = _lane(word, index);
        if (value > MAX_BPS) revert InvalidReport();
    }

    function _lane(uint256 word, uint256 index) private pure returns (uint16) {
        return uint16(word >> (240 - 16 * index));
    }
}

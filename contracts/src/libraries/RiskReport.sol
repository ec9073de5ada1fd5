// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What `evm-risk-moe` says about a contract. Scores and coverage in basis points.
struct Report {
    uint16[6] scoresBps; // by `RiskClass`
    uint16 coverageBps; // share of the code the traces reached
    uint16 programCounter; // where to look first
}

/// @notice What a score is about, in the order of the report's lanes.
enum RiskClass {
    REENTRANCY,
    UNCHECKED_CALL,
    TX_ORIGIN_AUTH,
    BLOCK_DEPENDENCE,
    UNPROTECTED_SELFDESTRUCT,
    UNPROTECTED_DELEGATECALL
}

/// @title Decoding the 32-byte answer of `evm-risk-moe`
/// @dev Sixteen big-endian uint16: lanes 0-5 scores, 6 coverage, 7 program counter, 8-15 zero.
library RiskReport {
    /// @notice Not 32 bytes, a value above 10,000 basis points, or a reserved lane in use.
    error InvalidReport();

    uint256 private constant SCORES = 6;
    uint16 private constant MAX_BPS = 10_000;

    /// @notice Reverts for anything that is not a report.
    function decode(bytes calldata output) internal pure returns (Report memory report) {
        if (output.length != 32) revert InvalidReport();
        uint256 word = uint256(bytes32(output));
        if (uint128(word) != 0) revert InvalidReport();
        for (uint256 i; i < SCORES; ++i) {
            report.scoresBps[i] = _bps(word, i);
        }
        report.coverageBps = _bps(word, SCORES);
        report.programCounter = _lane(word, SCORES + 1);
    }

    /// @notice The highest of the six scores.
    function worst(Report memory report) internal pure returns (uint16 scoreBps) {
        for (uint256 i; i < SCORES; ++i) {
            if (report.scoresBps[i] > scoreBps) scoreBps = report.scoresBps[i];
        }
    }

    function _bps(uint256 word, uint256 index) private pure returns (uint16 value) {
        value = _lane(word, index);
        if (value > MAX_BPS) revert InvalidReport();
    }

    function _lane(uint256 word, uint256 index) private pure returns (uint16) {
        return uint16(word >> (240 - 16 * index));
    }
}

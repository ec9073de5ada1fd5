// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NotKnown, Report, RiskClass, RiskReport} from "../libraries/RiskReport.sol";

/// @title Answers of `evm-risk-moe`, for tests
/// @dev What `RiskReport.decode` reads, the other way round.
library RiskReports {
    using RiskReport for Report;

    /// @notice The 32 bytes of a report. Reverts with `RiskReport.InvalidReport` for one that the model cannot give.
    function encode(Report memory report) internal pure returns (bytes memory output) {
        if (report.notKnown > 0xff) revert RiskReport.InvalidReport();
        if (report.isPointer()) {
            Report memory expected;
            (expected.notKnown, expected.implementation) = (report.notKnown, report.implementation);
            if (keccak256(abi.encode(report)) != keccak256(abi.encode(expected))) revert RiskReport.InvalidReport();
            return abi.encodePacked(report.implementation, bytes10(0), report.notKnown);
        }
        if (report.implementation != address(0) || report.coverageBps > 10_000 || report.worst() > 10_000) {
            revert RiskReport.InvalidReport();
        }
        uint256 word;
        for (uint256 i; i < 7; ++i) {
            word = word << 16 | report.scoresBps[i];
        }
        word = word << 16 | report.coverageBps;
        word = word << 16 | report.programCounter;
        return abi.encode(word << 112 | report.notKnown);
    }

    /// @notice All of the code was read, and nothing found.
    function clean() internal pure returns (bytes memory) {
        return scored(RiskClass.REENTRANCY, 0);
    }

    /// @notice All of the code was read, and one score is above zero.
    function scored(RiskClass risk, uint16 bps) internal pure returns (bytes memory) {
        Report memory report;
        report.scoresBps[uint8(risk)] = bps;
        report.coverageBps = 10_000;
        return encode(report);
    }

    /// @notice The code is a pointer to other code.
    function pointer(address implementation) internal pure returns (bytes memory) {
        Report memory report;
        report.notKnown = uint16(1 << uint8(NotKnown.NAMED));
        report.implementation = implementation;
        return encode(report);
    }
}

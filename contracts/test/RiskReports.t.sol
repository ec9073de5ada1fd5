// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {NotKnown, Report, RiskClass, RiskReport} from "../src/libraries/RiskReport.sol";
import {RiskReports} from "../src/testing/RiskReports.sol";
import {VM, bound} from "./support/Vm.sol";

contract RiskReportsTest {
    using RiskReport for Report;

    function decode(bytes calldata output) external pure returns (Report memory) {
        return RiskReport.decode(output);
    }

    function encode(Report calldata report) external pure returns (bytes memory) {
        return RiskReports.encode(report);
    }

    function testFuzz_encode(uint16[7] memory scores, uint16 coverage, uint16 pc, uint8 bits) public view {
        for (uint256 i; i < 7; ++i) {
            scores[i] = uint16(bound(scores[i], 0, 10_000));
        }
        _same(Report(scores, uint16(bound(coverage, 0, 10_000)), pc, bits & 0x7f, address(0)));
    }

    function testFuzz_encode_pointer(address implementation, uint8 bits) public view {
        uint16[7] memory scores;
        _same(Report(scores, 0, 0, bits | 0x80, implementation));
    }

    /// @dev What no report can say is not written.
    function testFuzz_encode_reverts(Report memory report, uint8 wrong, uint256 seed) public {
        for (uint256 i; i < 7; ++i) {
            report.scoresBps[i] = uint16(bound(report.scoresBps[i], 0, 10_000));
        }
        report.coverageBps = uint16(bound(report.coverageBps, 0, 10_000));
        report.notKnown &= 0x7f;
        report.implementation = address(0);
        wrong = wrong % 7;
        if (wrong == 0) report.scoresBps[seed % 7] = uint16(bound(seed, 10_001, type(uint16).max));
        if (wrong == 1) report.coverageBps = uint16(bound(seed, 10_001, type(uint16).max));
        if (wrong == 2) report.notKnown = uint16(bound(seed, 0x100, type(uint16).max));
        if (wrong == 3) report.implementation = address(uint160(bound(seed, 1, type(uint160).max)));
        if (wrong > 3) {
            uint16[7] memory scores;
            report = Report(scores, 0, 0, 0x80, address(1));
        }
        if (wrong == 4) report.scoresBps[seed % 7] = 1;
        if (wrong == 5) report.coverageBps = 1;
        if (wrong == 6) report.programCounter = 1;
        VM.expectRevert(abi.encodeWithSelector(RiskReport.InvalidReport.selector));
        this.encode(report);
    }

    function test_words() public view {
        Report memory clean = this.decode(RiskReports.clean());
        VM.assertEq(clean.worst(), 0);
        VM.assertEq(clean.coverageBps, 10_000);
        VM.assertTrue(clean.isWhole());
        Report memory flagged = this.decode(RiskReports.scored(RiskClass.TX_ORIGIN_AUTH, 9000));
        VM.assertEq(flagged.scoresBps[uint8(RiskClass.TX_ORIGIN_AUTH)], 9000);
        VM.assertEq(flagged.worst(), 9000);
        VM.assertTrue(flagged.isWhole());
        Report memory pointer = this.decode(RiskReports.pointer(address(this)));
        VM.assertEq(pointer.implementation, address(this));
        VM.assertEq(pointer.notKnown, uint16(1) << uint8(NotKnown.NAMED));
    }

    function _same(Report memory report) private view {
        VM.assertEq(abi.encode(this.decode(RiskReports.encode(report))), abi.encode(report));
    }
}

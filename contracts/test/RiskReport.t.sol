// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Report, RiskReport} from "../src/libraries/RiskReport.sol";
import {VM, bound} from "./support/Vm.sol";

contract RiskReportTest {
    using RiskReport for Report;

    function decode(bytes calldata output) external pure returns (Report memory) {
        return RiskReport.decode(output);
    }

    function testFuzz_decode(uint16[7] memory scores, uint16 coverage, uint16 pc, uint8 bits) public view {
        bits &= 0x7f;
        uint16 worst;
        for (uint256 i; i < 7; ++i) {
            scores[i] = uint16(bound(scores[i], 0, 10_000));
            if (scores[i] > worst) worst = scores[i];
        }
        coverage = uint16(bound(coverage, 0, 10_000));

        Report memory report = this.decode(_pack(scores, coverage, pc, bits));

        VM.assertEq(report.notKnown, bits);
        VM.assertEq(report.isWhole(), bits == 0);
        VM.assertEq(report.implementation, address(0));
        VM.assertEq(abi.encode(report.scoresBps), abi.encode(scores));
        VM.assertEq(report.coverageBps, coverage);
        VM.assertEq(report.programCounter, pc);
        VM.assertEq(report.worst(), worst);
    }

    function testFuzz_decode_pointer(address implementation, uint8 bits) public view {
        bits |= 0x80;

        Report memory report = this.decode(abi.encodePacked(implementation, bytes10(0), uint16(bits)));

        VM.assertEq(report.implementation, implementation);
        VM.assertEq(report.notKnown, bits);
        VM.assertEq(report.worst(), 0);
        VM.assertEq(report.isWhole(), false);
    }

    function testFuzz_decode_reverts_pointerReserved(address implementation, uint80 reserved) public {
        VM.assume(reserved != 0);
        _refused(abi.encodePacked(implementation, reserved, uint16(0x80)));
    }

    function testFuzz_decode_reverts_unknownBits(uint16 bits) public {
        VM.assume(bits > 0xff);
        uint16[7] memory scores;
        _refused(_pack(scores, 0, 0, bits));
    }

    function testFuzz_decode_reverts_length(bytes calldata output) public {
        VM.assume(output.length != 32);
        _refused(output);
    }

    function testFuzz_decode_reverts_aboveOne(uint8 lane, uint16 value) public {
        value = uint16(bound(value, 10_001, type(uint16).max));
        uint16[7] memory scores;
        uint16 coverage;
        if (lane % 8 < 7) scores[lane % 8] = value;
        else coverage = value;
        _refused(_pack(scores, coverage, 0, 0));
    }

    function testFuzz_decode_reverts_reservedLanes(uint96 reserved) public {
        VM.assume(reserved != 0);
        uint16[7] memory scores;
        _refused(_pack(scores, 0, 0, uint112(reserved) << 16));
    }

    function _refused(bytes memory output) private {
        VM.expectRevert(abi.encodeWithSelector(RiskReport.InvalidReport.selector));
        this.decode(output);
    }

    function _pack(uint16[7] memory s, uint16 coverage, uint16 pc, uint112 reserved)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(s[0], s[1], s[2], s[3], s[4], s[5], s[6], coverage, pc, reserved);
    }
}

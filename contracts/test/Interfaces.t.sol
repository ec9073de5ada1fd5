// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC165} from "../src/interfaces/IERC165.sol";
import {IInferenceOracle} from "../src/interfaces/IInferenceOracle.sol";
import {ILicenseRegistry} from "../src/interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IPayments} from "../src/interfaces/IPayments.sol";
import {ITermsRegistry} from "../src/interfaces/ITermsRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM} from "./support/Vm.sol";

contract InterfacesTest is Fixture {
    function _supported() private pure returns (bytes4[7] memory) {
        return [
            bytes4(0x01ffc9a7), // ERC-165
            bytes4(0x84b0196e), // ERC-5267
            type(IInferenceOracle).interfaceId,
            type(ILicenseRegistry).interfaceId,
            type(ITermsRegistry).interfaceId,
            type(IModelRegistry).interfaceId,
            type(IPayments).interfaceId
        ];
    }

    function testFuzz_supportsInterface_noOther(bytes4 interfaceId) public view {
        bytes4[7] memory supported = _supported();
        bool expected;
        for (uint256 i; i < supported.length; ++i) {
            if (supported[i] == interfaceId) expected = true;
        }
        VM.assertEq(oracle.supportsInterface(interfaceId), expected);
    }

    function test_supportsInterface() public view {
        bytes4[7] memory supported = _supported();
        for (uint256 i; i < supported.length; ++i) {
            VM.assertTrue(IERC165(oracle).supportsInterface(supported[i]));
        }
        VM.assertFalse(oracle.supportsInterface(0xffffffff));
    }
}

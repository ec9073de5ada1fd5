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
    bytes4 private constant ERC165 = 0x01ffc9a7;
    bytes4 private constant ERC5267 = 0x84b0196e;

    function testFuzz_supportsInterface_noOther(bytes4 interfaceId) public view {
        VM.assertEq(oracle.supportsInterface(interfaceId), _isIn(_oracles(), interfaceId));
        VM.assertEq(registry.supportsInterface(interfaceId), _isIn(_registrys(), interfaceId));
    }

    function test_supportsInterface() public view {
        bytes4[] memory supported = _oracles();
        for (uint256 i; i < supported.length; ++i) {
            VM.assertTrue(IERC165(oracle).supportsInterface(supported[i]));
        }
        VM.assertFalse(oracle.supportsInterface(0xffffffff));
        supported = _registrys();
        for (uint256 i; i < supported.length; ++i) {
            VM.assertTrue(IERC165(registry).supportsInterface(supported[i]));
        }
        VM.assertFalse(registry.supportsInterface(0xffffffff));
    }

    /// @dev A market names its registry and its lens, and that its market.
    function test_whoKnowsWhom() public view {
        VM.assertEq(address(oracle.REGISTRY()), address(registry));
        VM.assertEq(address(lens.ORACLE()), address(oracle));
        VM.assertEq(oracle.LENS(), address(lens));
    }

    function _oracles() private pure returns (bytes4[] memory ids) {
        ids = new bytes4[](4);
        (ids[0], ids[1]) = (ERC165, ERC5267);
        (ids[2], ids[3]) = (type(IInferenceOracle).interfaceId, type(IPayments).interfaceId);
    }

    function _registrys() private pure returns (bytes4[] memory ids) {
        ids = new bytes4[](5);
        (ids[0], ids[1], ids[2]) = (ERC165, ERC5267, type(ILicenseRegistry).interfaceId);
        (ids[3], ids[4]) = (type(ITermsRegistry).interfaceId, type(IModelRegistry).interfaceId);
    }

    function _isIn(bytes4[] memory ids, bytes4 id) private pure returns (bool found) {
        for (uint256 i; i < ids.length; ++i) {
            if (ids[i] == id) found = true;
        }
    }
}

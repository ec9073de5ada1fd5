// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {VM} from "../../test/support/Vm.sol";
import {EvmTraceAdaptor} from "../src/EvmTraceAdaptor.sol";
import {TensorAdaptor} from "../src/TensorAdaptor.sol";
import {Stage} from "./support/Stage.sol";

/// @notice What is tested is what is packaged, and fits a chain. (The warranty and the dispute contract are deployed as packaged.)
contract PackagedTest is Stage {
    function test_whatIsTestedIsWhatIsPackaged() public view {
        VM.assertEq(VM.getCode("dispute/src/Stakes.sol:Stakes"), _packaged("Stakes"));
        VM.assertEq(VM.getCode("dispute/src/BytesAdaptor.sol:BytesAdaptor"), _packaged("BytesAdaptor"));
        VM.assertEq(VM.getCode("dispute/src/TensorAdaptor.sol:TensorAdaptor"), _packaged("TensorAdaptor"));
        VM.assertEq(VM.getCode("dispute/src/EvmTraceAdaptor.sol:EvmTraceAdaptor"), _packaged("EvmTraceAdaptor"));
        VM.assertEq(VM.getCode("referee/src/Moves.sol:Moves"), _packaged("Moves"));
        VM.assertEq(VM.getCode("referee/src/Pointwise.sol:Pointwise"), _packaged("Pointwise"));
        VM.assertEq(VM.getCode("referee/src/Reductions.sol:Reductions"), _packaged("Reductions"));
        VM.assertEq(VM.getCode("referee/src/Products.sol:Products"), _packaged("Products"));
        VM.assertEq(VM.getCode("referee/src/Orders.sol:Orders"), _packaged("Orders"));
        VM.assertEq(VM.getCode("referee/src/Shapes.sol:Shapes"), _packaged("Shapes"));
        VM.assertEq(VM.getCode("referee/src/Integrity.sol:Integrity"), _packaged("Integrity"));
    }

    function test_eachFitsAChain() public view {
        VM.assertTrue(address(warranty).code.length < 21_500);
        VM.assertTrue(address(dispute).code.length < 21_500);
        VM.assertTrue(address(adaptor).code.length < 21_500);
        VM.assertTrue(type(TensorAdaptor).runtimeCode.length < 21_500);
        VM.assertTrue(type(EvmTraceAdaptor).runtimeCode.length < 21_500);
    }

    function _packaged(string memory name) private view returns (bytes memory) {
        string memory file = string.concat("../node/themis/chain/artifacts/", name, ".json");
        return VM.parseJsonBytes(VM.readFile(file), ".bytecode");
    }
}

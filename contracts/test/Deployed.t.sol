// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {InferenceOracle} from "../src/InferenceOracle.sol";
import {VM} from "./support/Vm.sol";

/// @notice Tests may be compiled in whatever way is quick: what they deploy is the bytecode that is packaged.
contract DeployedTest {
    function test_whatIsTestedIsWhatIsPackaged() public {
        bytes memory code = _packaged("InferenceOracle");
        VM.assertEq(VM.getCode("src/InferenceOracle.sol:InferenceOracle"), code);
        VM.assertEq(address(new InferenceOracle()).code.length, _created(code).code.length);
        VM.assertEq(VM.getCode("src/consumers/TimelockGuard.sol:TimelockGuard"), _packaged("TimelockGuard"));
    }

    function _packaged(string memory name) private view returns (bytes memory) {
        string memory file = string.concat("../node/themis/chain/artifacts/", name, ".json");
        return VM.parseJsonBytes(VM.readFile(file), ".bytecode");
    }

    function _created(bytes memory code) private returns (address made) {
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
    }
}

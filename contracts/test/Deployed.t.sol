// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {InferenceOracle} from "../src/InferenceOracle.sol";
import {VM} from "./support/Vm.sol";

/// @notice Tests may be compiled in whatever way is quick: what they deploy is the bytecode that is packaged.
contract DeployedTest {
    function test_whatIsTestedIsWhatIsPackaged() public {
        string memory packaged = VM.readFile("../node/themis/chain/artifacts/InferenceOracle.json");
        bytes memory code = VM.parseJsonBytes(packaged, ".bytecode");
        VM.assertEq(VM.getCode("src/InferenceOracle.sol:InferenceOracle"), code);
        address packagedOne;
        assembly ("memory-safe") {
            packagedOne := create(0, add(code, 0x20), mload(code))
        }
        VM.assertEq(address(new InferenceOracle()).code.length, packagedOne.code.length);
    }
}

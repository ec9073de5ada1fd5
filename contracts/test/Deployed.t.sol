// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {InferenceOracle} from "../src/InferenceOracle.sol";
import {Registry} from "../src/Registry.sol";
import {VM} from "./support/Vm.sol";

/// @notice Tests may be compiled in whatever way is quick: what they deploy is the bytecode that is packaged.
contract DeployedTest {
    function test_whatIsTestedIsWhatIsPackaged() public {
        bytes memory code = _packaged("InferenceOracle");
        VM.assertEq(VM.getCode("src/InferenceOracle.sol:InferenceOracle"), code);
        VM.assertEq(VM.getCode("src/Registry.sol:Registry"), _packaged("Registry"));
        VM.assertEq(VM.getCode("src/Lens.sol:Lens"), _packaged("Lens"));
        VM.assertEq(VM.getCode("src/committee/Committee.sol:Committee"), _packaged("Committee"));
        VM.assertEq(VM.getCode("src/committee/CommitteeFactory.sol:CommitteeFactory"), _packaged("CommitteeFactory"));
        VM.assertEq(VM.getCode("src/consumers/TimelockGuard.sol:TimelockGuard"), _packaged("TimelockGuard"));
        VM.assertEq(VM.getCode("src/periphery/SignedDeposits.sol:SignedDeposits"), _packaged("SignedDeposits"));
        Registry registry = new Registry();
        address oracle = _created(bytes.concat(code, abi.encode(registry)));
        VM.assertEq(address(new InferenceOracle(registry)).code.length, oracle.code.length);
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

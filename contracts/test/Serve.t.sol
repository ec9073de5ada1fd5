// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceOracle} from "../src/interfaces/IInferenceOracle.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM} from "./support/Vm.sol";

contract ServeTest is Fixture {
    function test_serve_reverts_unknownModel() public {
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        oracle.serve("?", address(0), 0, 0);
    }

    function testFuzz_serve(address from, uint96 minFee, uint32 maxCallbackGas) public {
        _assertOffer(from, false, 0, 0);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Served(modelId, from, address(0), true, minFee, maxCallbackGas);
        VM.prank(from);
        oracle.serve(modelId, address(0), minFee, maxCallbackGas);
        _assertOffer(from, true, minFee, maxCallbackGas);

        VM.prank(from);
        oracle.serve(modelId, address(0), 1, 2);
        _assertOffer(from, true, 1, 2);
    }

    function testFuzz_stopServing(address from) public {
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.OperatorNotServing.selector, modelId, from, address(0)));
        oracle.stopServing(modelId, address(0));

        VM.prank(from);
        oracle.serve(modelId, address(0), 5, 6);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Served(modelId, from, address(0), false, 0, 0);
        VM.prank(from);
        oracle.stopServing(modelId, address(0));
        _assertOffer(from, false, 0, 0);
    }

    function _assertOffer(address from, bool serving, uint96 minFee, uint32 maxCallbackGas) private view {
        (bool gotServing, uint96 gotFee, uint32 gotGas) = oracle.offerOf(modelId, from, address(0));
        VM.assertEq(gotServing, serving);
        VM.assertEq(gotFee, minFee);
        VM.assertEq(gotGas, maxCallbackGas);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM} from "./support/Vm.sol";

contract ModelRegistryTest is Fixture {
    function test_registerModel_reverts_emptyCommitment() public {
        bytes32 root = "x";
        _expect(IModelRegistry.EmptyCommitment.selector);
        registry.registerModel(0, root, root, "");
        _expect(IModelRegistry.EmptyCommitment.selector);
        registry.registerModel(root, 0, root, "");
        _expect(IModelRegistry.EmptyCommitment.selector);
        registry.registerModel(root, root, 0, "");
    }

    function test_registerModel_reverts_existing() public {
        VM.prank(licensor);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelExists.selector, modelId));
        registry.registerModel("program", "weights", "manifest", "ipfs://elsewhere");
    }

    function testFuzz_registerModel(
        address from,
        bytes32 program,
        bytes32 weights,
        bytes32 manifest,
        string calldata uri
    ) public {
        VM.assume(program != 0 && weights != 0 && manifest != 0 && from != address(0));
        bytes32 expected = keccak256(
            abi.encode(registry.MODEL_TYPEHASH(), block.chainid, address(registry), from, program, weights, manifest)
        );
        VM.assertEq(registry.licensorOf(expected), address(0));

        VM.expectEmit(address(registry));
        emit IModelRegistry.ModelRegistered(expected, from, program, weights, manifest, uri);
        VM.prank(from);
        bytes32 id = registry.registerModel(program, weights, manifest, uri);

        VM.assertEq(id, expected);
        VM.assertEq(id, registry.modelIdOf(from, program, weights, manifest));
        VM.assertEq(registry.licensorOf(id), from);
        VM.assertEq(registry.licensorOf(modelId), licensor);
    }

    function test_modelId_isBoundToLicensorChainAndContract() public {
        bytes32 here = registry.modelIdOf(licensor, "program", "weights", "manifest");
        VM.assertEq(here, modelId);
        VM.assertTrue(here != registry.modelIdOf(stranger, "program", "weights", "manifest"));
        VM.chainId(block.chainid + 1);
        VM.assertTrue(here != registry.modelIdOf(licensor, "program", "weights", "manifest"));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {Grant, ILicenseRegistry, Role} from "../src/interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, bound} from "./support/Vm.sol";

/// @notice The licensor's role: asked, answering, and handed on in two steps.
contract LicensorTest is Fixture {
    uint256 private constant HEIR_KEY = 0x4E14;

    address private heir = VM.addr(HEIR_KEY);

    function testFuzz_requestAuthorization_reverts(uint8 classes) public {
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        registry.requestAuthorization("?", Role.REQUESTER, 1, "", "");
        classes = classes == 0 ? 0 : uint8(bound(classes, 8, 255));
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidClasses.selector, classes));
        registry.requestAuthorization(modelId, Role.REQUESTER, classes, "", "");
    }

    /// @dev Anybody may ask. An ask changes nothing but the log.
    function testFuzz_requestAuthorization(
        address from,
        uint8 role,
        uint8 classes,
        string calldata purpose,
        string calldata uri
    ) public {
        classes = uint8(bound(classes, 1, 7));
        VM.expectEmit(address(registry));
        emit ILicenseRegistry.AuthorizationRequested(modelId, from, Role(role % 2), classes, purpose, uri);
        VM.record();
        VM.prank(from);
        registry.requestAuthorization(modelId, Role(role % 2), classes, purpose, uri);
        (, bytes32[] memory writes) = VM.accesses(address(registry));
        VM.assertEq(writes.length, 0);
    }

    function testFuzz_refuseAuthorization(address from, uint8 role, string calldata reason) public {
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        registry.refuseAuthorization("?", requester, Role.REQUESTER, reason);
        if (from != licensor) {
            VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, from, licensor));
            VM.prank(from);
            registry.refuseAuthorization(modelId, requester, Role(role % 2), reason);
        }
        VM.expectEmit(address(registry));
        emit ILicenseRegistry.AuthorizationRefused(modelId, requester, Role(role % 2), reason);
        VM.record();
        VM.prank(licensor);
        registry.refuseAuthorization(modelId, requester, Role(role % 2), reason);
        (, bytes32[] memory writes) = VM.accesses(address(registry));
        VM.assertEq(writes.length, 0);
    }

    function testFuzz_transferLicensor_reverts(address from) public {
        VM.assume(from != licensor);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        registry.transferLicensor("?", heir);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, from, licensor));
        VM.prank(from);
        registry.transferLicensor(modelId, heir);
    }

    function testFuzz_acceptLicensor_reverts(address from, bool named) public {
        VM.assume(from != heir && from != address(0));
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        registry.acceptLicensor("?");
        if (named) _name(heir);
        VM.expectRevert(
            abi.encodeWithSelector(IModelRegistry.NotSuccessor.selector, modelId, from, named ? heir : address(0))
        );
        VM.prank(from);
        registry.acceptLicensor(modelId);
        VM.assertEq(registry.licensorOf(modelId), licensor);
    }

    /// @dev Until it is accepted a transfer can be taken back.
    function test_transferLicensor_takenBack() public {
        _name(heir);
        _name(address(0));
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotSuccessor.selector, modelId, heir, address(0)));
        VM.prank(heir);
        registry.acceptLicensor(modelId);
    }

    function test_transfer() public {
        VM.expectEmit(address(registry));
        emit IModelRegistry.LicensorTransferStarted(modelId, licensor, heir);
        _name(heir);
        VM.assertEq(registry.successorOf(modelId), heir);
        VM.assertEq(registry.licensorOf(modelId), licensor);

        VM.expectEmit(address(registry));
        emit IModelRegistry.LicensorTransferred(modelId, licensor, heir);
        VM.prank(heir);
        registry.acceptLicensor(modelId);

        VM.assertEq(registry.licensorOf(modelId), heir);
        VM.assertEq(registry.successorOf(modelId), address(0));
        VM.assertEq(registry.registrantOf(modelId), licensor);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotSuccessor.selector, modelId, heir, address(0)));
        VM.prank(heir);
        registry.acceptLicensor(modelId);
    }

    /// @dev Terms, grants in force and open requests stand; vouchers and rights of the old licensor end.
    function test_transfer_whatStands() public {
        _ready(ALL_GRANT);
        _activate(requester, Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
        _request(_ask(), 10_000);
        Plain memory open = _made(_ask(), requester, 1, 10_000, ROYALTY_BPS);
        Grant memory unused = _grant(stranger, Role.REQUESTER, 1);
        bytes memory signature = _sign(LICENSOR_KEY, unused);
        address before = licensor;
        _name(heir);
        VM.prank(heir);
        registry.acceptLicensor(modelId);

        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, before, heir));
        registry.activate(unused, signature);
        bytes memory notLicensor = abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, before, heir);
        VM.prank(before);
        VM.expectRevert(notLicensor);
        registry.revoke(modelId, requester, Role.REQUESTER, 1);
        VM.prank(before);
        VM.expectRevert(notLicensor);
        registry.publishTerms(modelId, "t", ALL_OPEN, 0, "", "");
        unused.licensor = heir;
        registry.activate(unused, _sign(HEIR_KEY, unused));

        _fulfill(open);
        // royalties are the model's: whoever is its licensor when they are collected has them
        _assertTill(7500, 2500);
        oracle.collect(address(0), modelId, operator);
        VM.assertEq(oracle.credits(address(0), before), 0);
        VM.assertEq(oracle.credits(address(0), heir), 2500);
        _request(_ask(), 10_000);
        open.seq = 2;
        _fulfill(open);
        oracle.collect(address(0), modelId, operator);
        VM.assertEq(oracle.credits(address(0), heir), 5000);
        VM.assertEq(oracle.credits(address(0), operator), 15_000);
    }

    /// @dev What was collected before the model changed hands stays with the old licensor.
    function test_transfer_collectedBefore() public {
        _ready(ALL_GRANT);
        _activate(requester, Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
        _request(_ask(), 10_000);
        _fulfill(_made(_ask(), requester, 1, 10_000, ROYALTY_BPS));
        oracle.collect(address(0), modelId, operator);
        address before = licensor;
        _name(heir);
        VM.prank(heir);
        registry.acceptLicensor(modelId);
        oracle.collect(address(0), modelId, operator);
        VM.assertEq(oracle.credits(address(0), before), 2500);
        VM.assertEq(oracle.credits(address(0), heir), 0);
    }

    function _name(address successor) private {
        VM.prank(licensor);
        registry.transferLicensor(modelId, successor);
    }
}

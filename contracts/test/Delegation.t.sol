// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {Ask, State} from "../src/interfaces/IInferenceOracle.sol";
import {ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, account} from "./support/Vm.sol";

/// @notice A cold key holds the grant, a hot key uses it, once both have said so.
contract DelegationTest is Fixture {
    address private hotKey = account("hot key");

    function setUp() public override {
        super.setUp();
        _ready(ALL_GRANT);
        _activate(_metered(requester, Role.REQUESTER, 1, 2, type(uint32).max));
    }

    /// @dev Nobody else can spend a licensee's uses: neither by claiming to act for it, nor by being named alone.
    function testFuzz_use_reverts_withoutBoth(address from, bool claims, bool named) public {
        VM.assume(from != requester && from != address(0) && !(claims && named));
        if (claims) _actFor(from, requester);
        if (named) _delegate(from, true);
        VM.assertEq(registry.principalOf(from), from);
        VM.expectRevert(_required(from));
        VM.prank(from);
        oracle.request(_ask(), INPUT);
        _assertUses(requester, Role.REQUESTER, 2, 0);
    }

    function testFuzz_use(address from) public {
        VM.assume(from != requester && from != address(0));
        VM.expectEmit(address(registry));
        emit ILicenseRegistry.Delegated(requester, from, true);
        _delegate(from, true);
        VM.expectEmit(address(registry));
        emit ILicenseRegistry.ActingFor(from, requester);
        _actFor(from, requester);

        VM.assertEq(registry.principalOf(from), requester);
        VM.prank(from);
        bytes32 id = oracle.request(_ask(), INPUT);
        Plain memory made = _made(_ask(), from, 1, 0, ROYALTY_BPS);
        made.licensee = requester;
        VM.assertEq(id, oracle.idOf(made.wire()));
        _assertLane(from, 7, State.OPEN, 1, id);
        _assertUses(requester, Role.REQUESTER, 1, 1);
        VM.assertEq(lens.grantOf(modelId, from, Role.REQUESTER).seq, 0);
        // the use comes back to the licensee, even after the delegation
        _delegate(from, false);
        VM.warp(made.deadline + 1);
        oracle.refund(made.wire());
        _assertUses(requester, Role.REQUESTER, 2, 1);
    }

    function testFuzz_use_reverts_afterwards(bool byHotKey) public {
        _delegate(hotKey, true);
        _actFor(hotKey, requester);
        if (byHotKey) _actFor(hotKey, address(0));
        else _delegate(hotKey, false);
        VM.expectRevert(_required(hotKey));
        VM.prank(hotKey);
        oracle.request(_ask(), INPUT);
    }

    /// @dev Delegation is not passed on.
    function test_use_reverts_secondHand() public {
        _delegate(hotKey, true);
        _actFor(hotKey, requester);
        VM.prank(hotKey);
        registry.delegate(stranger, true);
        _actFor(stranger, hotKey);
        VM.expectRevert(_required(stranger));
        VM.prank(stranger);
        oracle.request(_ask(), INPUT);
    }

    /// @dev A hot key's own grant comes first, whatever became of it.
    function test_use_ownGrantFirst() public {
        _delegate(hotKey, true);
        _actFor(hotKey, requester);
        _activate(hotKey, Role.REQUESTER);
        VM.prank(hotKey);
        bytes32 id = oracle.request(_ask(), INPUT);
        VM.assertEq(id, oracle.idOf(_made(_ask(), hotKey, 1, 0, ROYALTY_BPS).wire()));
        VM.prank(licensor);
        registry.revoke(modelId, hotKey, Role.REQUESTER, 1);
        Ask memory next = _ask();
        next.lane = 8;
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.GrantIsRevoked.selector, hotKey, Role.REQUESTER, 1));
        VM.prank(hotKey);
        oracle.request(next, INPUT);
    }

    /// @dev An operator answers with a hot key and is licensed by its cold one.
    function test_use_byOperator() public {
        VM.prank(requester);
        bytes32 id = oracle.request(_ask(), INPUT);
        address cold = account("cold operator");
        _activate(cold, Role.OPERATOR);
        Plain memory made = _made(_ask(), requester, 1, 0, ROYALTY_BPS);
        VM.assertEq(id, oracle.idOf(made.wire()));
        bytes4 selector = ILicenseRegistry.AuthorizationRequired.selector;
        VM.expectRevert(abi.encodeWithSelector(selector, operator, Role.OPERATOR, UseClass.PERSONAL));
        _fulfill(made);
        VM.prank(cold);
        registry.delegate(operator, true);
        _actFor(operator, cold);
        _fulfill(made);
        VM.assertTrue(oracle.finalized(made.wire(), OUTPUT));
    }

    function _required(address from) private view returns (bytes memory) {
        return abi.encodeWithSelector(
            ILicenseRegistry.AuthorizationRequired.selector, from, Role.REQUESTER, UseClass.PERSONAL
        );
    }

    function _delegate(address to, bool allowed) private {
        VM.prank(requester);
        registry.delegate(to, allowed);
    }

    function _actFor(address from, address licensee) private {
        VM.prank(from);
        registry.actFor(licensee);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {InferenceOracle} from "../src/InferenceOracle.sol";
import {Lens} from "../src/Lens.sol";
import {Ask, State} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UNLIMITED, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {Plain} from "./support/Plain.sol";
import {VM} from "./support/Vm.sol";

/// @notice Two markets on one registry: what a licensor has granted holds at both, what is counted is counted at one.
contract MarketsTest is Fixture {
    InferenceOracle private other;

    function setUp() public override {
        super.setUp();
        _ready(ALL_GRANT);
        other = new InferenceOracle(registry);
        VM.prank(operator);
        other.serve(modelId, address(0), 0, MAX_CALLBACK_GAS);
    }

    /// @dev One registration, one history of terms, one voucher each.
    function test_grants_holdAtBoth() public {
        _activate(requester, Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
        bytes32 here = _request(_ask(), 10_000);
        bytes32 there = _requestThere(10_000);
        VM.assertTrue(here != there);
        Plain memory made = _made(_ask(), requester, 1, 10_000, ROYALTY_BPS);
        VM.assertEq(there, other.idOf(made.wire()));
        _fulfill(made);
        VM.prank(operator);
        other.fulfill(made.wire(), OUTPUT, 0);
        _assertTill(7500, 2500);
        (uint256 operators, uint256 models) = other.tillOf(address(0), modelId, operator);
        VM.assertEq(operators, 7500);
        VM.assertEq(models, 2500);
        VM.assertEq(address(oracle).balance, address(other).balance);
    }

    /// @dev And end at both.
    function test_grants_endAtBoth() public {
        _activate(requester, Role.REQUESTER);
        VM.prank(licensor);
        registry.revoke(modelId, requester, Role.REQUESTER, 1);
        bytes memory revoked =
            abi.encodeWithSelector(ILicenseRegistry.GrantIsRevoked.selector, requester, Role.REQUESTER, 1);
        VM.expectRevert(revoked);
        _request(_ask(), 0);
        VM.expectRevert(revoked);
        _requestThere(0);
    }

    /// @dev Uses that are limited are good at the market that counts them, and at no other: there would be as many as there are
    /// markets.
    function testFuzz_metered_reverts_elsewhere(uint32 quota, uint32 dailyRate) public {
        VM.assume(quota != UNLIMITED || dailyRate != UNLIMITED);
        (quota, dailyRate) = (quota == 0 ? 1 : quota, dailyRate == 0 ? 1 : dailyRate);
        Grant memory grant = _metered(requester, Role.REQUESTER, 1, quota, dailyRate);
        _activate(grant);
        bytes memory reason = _forOther(requester, Role.REQUESTER);
        VM.expectRevert(reason);
        _requestThere(0);
        Lens lensThere = Lens(other.LENS());
        VM.expectRevert(reason);
        lensThere.checkUse(modelId, requester, Role.REQUESTER, UseClass.PERSONAL, address(0), 0);
        _request(_ask(), 0);
        bytes32 grantHash = registry.hashGrant(grant);
        VM.assertEq(oracle.usesOf(grantHash).total, 1);
        VM.assertEq(oracle.usesOf(grantHash).today, 1);
        VM.assertEq(other.usesOf(grantHash).total, 0);
        VM.assertEq(lens.grantOf(modelId, requester, Role.REQUESTER).used, 1);
        VM.assertEq(lensThere.grantOf(modelId, requester, Role.REQUESTER).used, 0);
        VM.assertEq(lensThere.grantOf(modelId, requester, Role.REQUESTER).market, address(oracle));
    }

    /// @dev The same for an operator: what it may not answer there stays open and refundable.
    function test_metered_reverts_elsewhere_operator() public {
        _activate(requester, Role.REQUESTER);
        _activate(_metered(operator, Role.OPERATOR, 1, 5, UNLIMITED));
        _requestThere(10_000);
        Plain memory made = _made(_ask(), requester, 1, 10_000, ROYALTY_BPS);
        VM.expectRevert(_forOther(operator, Role.OPERATOR));
        VM.prank(operator);
        other.fulfill(made.wire(), OUTPUT, 0);
        VM.warp(made.deadline + 1);
        other.refund(made.wire());
        (State state,,) = other.stateOf(requester, made.lane);
        VM.assertTrue(state == State.REFUNDED);
        VM.assertEq(other.credits(address(0), requester), 10_000);
    }

    /// @dev A floor limits nothing that has to be counted: it holds everywhere.
    function test_priceFloor_holdsAtBoth() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.priceFloor = 100;
        _activate(grant);
        bytes memory below =
            abi.encodeWithSelector(ILicenseRegistry.PriceBelowFloor.selector, requester, address(0), 100);
        VM.expectRevert(below);
        _request(_ask(), 99);
        VM.expectRevert(below);
        _requestThere(99);
        _request(_ask(), 100);
        _requestThere(100);
    }

    function _requestThere(uint96 fee) private returns (bytes32) {
        Ask memory ask = _ask();
        VM.prank(requester);
        return other.request{value: fee}(ask, INPUT);
    }

    function _forOther(address licensee, Role role) private view returns (bytes memory) {
        return abi.encodeWithSelector(ILicenseRegistry.GrantForOtherMarket.selector, licensee, role, address(oracle));
    }
}

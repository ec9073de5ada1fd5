// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ask, IInferenceOracle, State} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {Plain} from "./support/Plain.sol";
import {VM, bound} from "./support/Vm.sol";

/// @notice An operator is paid what it answers for, or does not answer.
contract PayTest is Fixture {
    uint96 private constant FEE = 1 ether;
    uint96 private constant AGREED = FEE - FEE / 100;

    Plain private made;

    /// @dev One per cent is the royalty of the operator's grant.
    function setUp() public override {
        super.setUp();
        _ready(NON_COMMERCIAL_FREE);
        Grant memory grant = _grant(operator, Role.OPERATOR, 1);
        grant.royaltyBps = 100;
        _activate(grant);
        _request(_ask(), FEE);
        made = _made(_ask(), requester, 1, FEE, 0);
    }

    /// @dev The licensor's voucher for half of the fee, put into force in front of the answer: that does not come, and the request
    /// stays open until its operator takes less, or its deadline.
    function test_fulfill_reverts_royaltyRaisedInFront() public {
        _raise(5000);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.PayTooLow.selector, FEE / 2, AGREED));
        _fulfillFor(AGREED);
        _assertTill(0, 0);
        _assertLane(requester, made.lane, State.OPEN, 1, oracle.idOf(made.wire()));
        _fulfillFor(FEE / 2);
        _assertTill(FEE / 2, FEE / 2);
    }

    function test_fulfill_forWhatWasAgreed() public {
        _fulfillFor(AGREED);
        _assertTill(AGREED, FEE - AGREED);
    }

    /// @dev To the smallest unit, whatever both grants take.
    function testFuzz_fulfill_minPay(uint96 fee, uint16 requesters, uint16 operators, uint96 minPay) public {
        fee = uint96(bound(fee, 1, type(uint96).max));
        (requesters, operators) = (uint16(bound(requesters, 0, 5000)), uint16(bound(operators, 0, 5000)));
        _raise(operators);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.royaltyBps = requesters;
        _activate(grant);
        Ask memory ask = _ask();
        (ask.lane, ask.useClass) = (8, UseClass.COMMERCIAL);
        VM.deal(requester, fee);
        bytes32 id = _request(ask, fee);
        made = _made(ask, requester, 1, fee, requesters);
        (made.licensee, made.grantSeq) = (requester, 1);
        VM.assertEq(id, oracle.idOf(made.wire()));
        uint256 one = uint256(fee) * requesters / 10_000;
        uint256 two = uint256(fee) * operators / 10_000;
        uint256 pay = fee - one - two;
        if (minPay > pay) {
            VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.PayTooLow.selector, pay, minPay));
        }
        _fulfillFor(minPay);
        if (minPay > pay) _assertTill(0, 0);
        else _assertTill(pay, one + two);
    }

    /// @dev A free answer is for nothing, and says so.
    function test_fulfill_free_reverts_minPay() public {
        Ask memory ask = _ask();
        ask.lane = 8;
        _request(ask, 0);
        made = _made(ask, requester, 1, 0, 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.PayTooLow.selector, 0, 1));
        _fulfillFor(1);
        _fulfillFor(0);
        VM.assertTrue(oracle.finalized(made.wire(), OUTPUT));
    }

    /// @dev What an offer asks is after the requester's royalty: half of the fee is not enough where all of it is asked.
    function test_serve_minFeeIsAfterRoyalty() public {
        _serve(FEE);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.royaltyBps = 5000;
        _activate(grant);
        Ask memory ask = _ask();
        (ask.lane, ask.useClass) = (8, UseClass.COMMERCIAL);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.FeeTooLow.selector, FEE / 2, FEE));
        _request(ask, FEE);
        _request(ask, 2 * FEE);
        made = _made(ask, requester, 1, 2 * FEE, 5000);
        _fulfillFor(FEE - FEE / 50); // less its own, two of a hundred of what it asked
        _assertTill(FEE - FEE / 50, FEE + FEE / 50);
    }

    function _raise(uint16 royaltyBps) private {
        Grant memory grant = _grant(operator, Role.OPERATOR, 2);
        grant.royaltyBps = royaltyBps;
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.prank(stranger);
        registry.activate(grant, signature);
    }

    function _fulfillFor(uint96 minPay) private {
        VM.prank(operator);
        oracle.fulfill(made.wire(), OUTPUT, minPay);
    }
}

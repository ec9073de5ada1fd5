// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCastLib} from "solady/utils/SafeCastLib.sol";

import {Plain} from "./support/Plain.sol";
import {ITermsRegistry} from "../src/interfaces/ITermsRegistry.sol";
import {Ask, IInferenceOracle, State} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Policy} from "../src/types/Policy.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, bound} from "./support/Vm.sol";

contract RequestTest is Fixture {
    function setUp() public override {
        super.setUp();
        _publish(NON_COMMERCIAL_FREE);
        _serve(MIN_FEE);
    }

    function testFuzz_request_reverts_inputTooLarge(uint256 size) public {
        size = bound(size, 24_641, 60_000);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.InputTooLarge.selector, size, 24_640));
        VM.prank(requester);
        oracle.request{value: MIN_FEE}(_ask(), new bytes(size));
    }

    function testFuzz_request_reverts_deadlinePassed(uint40 deadline) public {
        Ask memory ask = _ask();
        ask.deadline = uint40(bound(deadline, 0, START));
        _refused(ask, MIN_FEE, abi.encodeWithSelector(IInferenceOracle.DeadlinePassed.selector, ask.deadline));
    }

    /// @dev Milliseconds instead of seconds, say.
    function testFuzz_request_reverts_deadlineTooFar(uint40 deadline) public {
        Ask memory ask = _ask();
        ask.deadline = uint40(bound(deadline, START + 30 days + 1, type(uint40).max));
        _refused(
            ask,
            MIN_FEE,
            abi.encodeWithSelector(IInferenceOracle.DeadlineTooFar.selector, ask.deadline, START + 30 days)
        );
    }

    function testFuzz_request_reverts_notServing(address other) public {
        VM.assume(other != operator);
        Ask memory ask = _ask();
        ask.operator = other;
        _refused(
            ask,
            MIN_FEE,
            abi.encodeWithSelector(IInferenceOracle.OperatorNotServing.selector, modelId, other, address(0))
        );
    }

    function testFuzz_request_reverts_feeTooLow(uint256 fee) public {
        fee = bound(fee, 0, MIN_FEE - 1);
        _refused(_ask(), fee, abi.encodeWithSelector(IInferenceOracle.FeeTooLow.selector, fee, MIN_FEE));
    }

    function testFuzz_request_reverts_callbackGasTooHigh(uint32 callbackGas) public {
        Ask memory ask = _ask();
        ask.callbackGas = uint32(bound(callbackGas, MAX_CALLBACK_GAS + 1, type(uint32).max));
        bytes4 selector = IInferenceOracle.CallbackGasTooHigh.selector;
        _refused(ask, MIN_FEE, abi.encodeWithSelector(selector, ask.callbackGas, MAX_CALLBACK_GAS));
    }

    function test_request_reverts_laneBusy() public {
        _activate(operator, Role.OPERATOR);
        _request(_ask(), MIN_FEE);
        _refused(_ask(), MIN_FEE, abi.encodeWithSelector(IInferenceOracle.LaneBusy.selector, requester, 7));
    }

    function test_request_reverts_unknownModel() public {
        Ask memory ask = _ask();
        ask.modelId = "?";
        // nobody can serve it, so that is what is said
        _refused(
            ask,
            MIN_FEE,
            abi.encodeWithSelector(IInferenceOracle.OperatorNotServing.selector, bytes32("?"), operator, address(0))
        );
    }

    function test_request_reverts_withoutTerms() public {
        VM.prank(licensor);
        modelId = registry.registerModel("other", "weights", "manifest", "");
        _serve(0);
        _refused(_ask(), 0, abi.encodeWithSelector(ITermsRegistry.TermsNotInForce.selector, modelId));
    }

    function test_request_reverts_withoutAuthorization() public {
        Ask memory ask = _ask();
        ask.useClass = UseClass.COMMERCIAL;
        bytes4 selector = ILicenseRegistry.AuthorizationRequired.selector;
        _refused(ask, MIN_FEE, abi.encodeWithSelector(selector, requester, Role.REQUESTER, UseClass.COMMERCIAL));
        _activate(requester, Role.REQUESTER);
        _request(ask, 2 * MIN_FEE);
    }

    /// @dev What the operator asks is what is left after the royalty of the requester's grant, to the smallest unit.
    function testFuzz_request_reverts_netFeeTooLow(uint96 minFee, uint16 bps, uint96 fee) public {
        minFee = uint96(bound(minFee, 1, type(uint96).max / 4));
        _serve(minFee);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.royaltyBps = uint16(bound(bps, 0, 5000));
        _activate(grant);
        Ask memory ask = _ask();
        ask.useClass = UseClass.COMMERCIAL;
        fee = uint96(bound(fee, minFee - 1, 2 * uint256(minFee)));
        uint256 net = fee - uint256(fee) * grant.royaltyBps / 10_000;
        VM.deal(requester, fee);
        if (net < minFee) {
            _refused(ask, fee, abi.encodeWithSelector(IInferenceOracle.FeeTooLow.selector, net, minFee));
        } else {
            bytes32 id = _request(ask, fee);
            _assertLane(requester, ask.lane, State.OPEN, 1, id);
        }
    }

    /// @dev The requester's side open, the operator's closed: refused at once, not stuck until the deadline.
    function testFuzz_request_reverts_closed(bool requesterClosed, uint8 classSeed) public {
        UseClass useClass = UseClass(classSeed % 3);
        VM.prank(licensor);
        modelId = registry.registerModel("other", "weights", "manifest", "");
        _ready(Policy.wrap(requesterClosed ? 0x0540 : 0x0015));
        Ask memory ask = _ask();
        ask.useClass = useClass;
        bytes4 selector = ILicenseRegistry.UseClosed.selector;
        Role closed = requesterClosed ? Role.REQUESTER : Role.OPERATOR;
        _refused(ask, 0, abi.encodeWithSelector(selector, closed, useClass));
        UseClass operatorsUse = requesterClosed ? useClass : UseClass.COMMERCIAL;
        _refused(ask, 1, abi.encodeWithSelector(selector, closed, operatorsUse));
    }

    function test_request_reverts_feeBeyondItsWidth() public {
        uint256 fee = uint256(type(uint96).max) + 1;
        VM.deal(requester, fee);
        VM.prank(requester);
        _expect(SafeCastLib.Overflow.selector);
        oracle.request{value: fee}(_ask(), INPUT);
    }

    function testFuzz_request(uint96 fee, uint64 lane, uint40 deadline, uint32 callbackGas, bytes calldata input)
        public
    {
        fee = uint96(bound(fee, MIN_FEE, type(uint96).max));
        Ask memory ask = _ask();
        ask.useClass = UseClass.RESEARCH;
        ask.lane = lane;
        ask.deadline = uint40(bound(deadline, START + 1, START + 30 days));
        ask.callbackGas = uint32(bound(callbackGas, 0, MAX_CALLBACK_GAS));
        VM.deal(requester, fee);
        Plain memory made = _made(ask, requester, 1, fee, 0);
        made.inputHash = keccak256(input);
        bytes32 expected = keccak256(abi.encode(oracle.REQUEST_TYPEHASH(), block.chainid, address(oracle), made.wire()));
        VM.assertEq(oracle.idOf(made.wire()), expected);

        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Requested(expected, operator, made.wire(), input);
        VM.prank(requester);
        bytes32 id = oracle.request{value: fee}(ask, input);

        VM.assertEq(id, expected);
        _assertLane(requester, lane, State.OPEN, 1, id);
        VM.assertEq(requester.balance, 0);
        VM.assertEq(address(oracle).balance, fee);
        VM.assertEq(oracle.credits(address(0), requester), 0);
        VM.assertEq(oracle.credits(address(0), operator), 0);
    }

    /// @dev The grant that permits the use sets the royalty.
    function test_request_takesRoyaltyFromGrant() public {
        _activate(requester, Role.REQUESTER);
        Ask memory ask = _ask();
        ask.useClass = UseClass.COMMERCIAL;
        bytes32 id = _request(ask, 2 * MIN_FEE);
        VM.assertEq(id, oracle.idOf(_made(ask, requester, 1, 2 * MIN_FEE, ROYALTY_BPS).wire()));
        // the same account's free use owes none
        ask.useClass = UseClass.PERSONAL;
        ask.lane = 8;
        id = _request(ask, MIN_FEE);
        VM.assertEq(id, oracle.idOf(_made(ask, requester, 1, MIN_FEE, 0).wire()));
    }

    /// @dev The largest input is a contract's code and two words.
    function test_request_largestInput() public {
        VM.prank(requester);
        oracle.request{value: MIN_FEE}(_ask(), new bytes(24_640));
    }

    /// @dev Every field is bound: no two different requests have one id, on one chain or two.
    function testFuzz_idOf_bindsEveryField(uint64 lane, uint32 seq, uint96 fee, uint8 field) public {
        Ask memory ask = _ask();
        ask.lane = lane;
        Plain memory made = _made(ask, requester, seq, fee, ROYALTY_BPS);
        bytes32 before = oracle.idOf(made.wire());
        field = field % 18;
        unchecked {
            if (field == 0) made.requester = address(uint160(made.requester) + 1);
            if (field == 1) made.lane += 1;
            if (field == 2) made.seq += 1;
            if (field == 3) made.modelId = ~made.modelId;
            if (field == 4) made.inputHash = ~made.inputHash;
            if (field == 5) made.operator = address(uint160(made.operator) + 1);
            if (field == 6) made.fee += 1;
            if (field == 7) made.payTo = address(uint160(made.payTo) + 1);
            if (field == 8) made.royaltyBps += 1;
            if (field == 9) made.termsVersion += 1;
            if (field == 10) made.useClass = UseClass.COMMERCIAL;
            if (field == 11) made.deadline += 1;
            if (field == 12) made.callbackGas += 1;
            if (field == 13) VM.chainId(block.chainid + 1);
            if (field == 14) made.token = address(uint160(made.token) + 1);
            if (field == 15) made.licensee = address(uint160(made.licensee) + 1);
            if (field == 16) made.grantSeq += 1;
            if (field == 17) {
                VM.etch(address(0xdead), address(oracle).code);
                VM.assertTrue(before != IInferenceOracle(address(0xdead)).idOf(made.wire()));
                return;
            }
        }
        VM.assertTrue(before != oracle.idOf(made.wire()));
    }

    function _refused(Ask memory ask, uint256 fee, bytes memory reason) private {
        (State state, uint32 seq, uint200 digest) = oracle.stateOf(requester, ask.lane);
        VM.expectRevert(reason);
        VM.prank(requester);
        oracle.request{value: fee}(ask, INPUT);
        (State stateAfter, uint32 seqAfter, uint200 digestAfter) = oracle.stateOf(requester, ask.lane);
        VM.assertEq(abi.encode(state, seq, digest), abi.encode(stateAfter, seqAfter, digestAfter));
    }
}

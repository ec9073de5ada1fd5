// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceOracle} from "../src/interfaces/IInferenceOracle.sol";
import {ILicenseRegistry} from "../src/interfaces/ILicenseRegistry.sol";
import {MockInferenceOracle} from "../src/testing/MockInferenceOracle.sol";
import {Fixture} from "./support/Fixture.sol";
import {OrderingWallet} from "./support/OrderingWallet.sol";
import {Plain} from "./support/Plain.sol";
import {VM, bound} from "./support/Vm.sol";

/// @dev The same is done with orders at the mock and at the oracle, and the same must come of it: values, errors to the byte, money.
contract MockOrdersTest is Fixture {
    uint32 private constant CALLBACK_GAS = 250_000;
    uint96 private constant FEE = 1 ether;
    uint256 private constant KEY = 0xA5C;
    address private immutable SIGNER = VM.addr(KEY);

    MockInferenceOracle private mock;
    IInferenceOracle[2] private both;

    function setUp() public override {
        super.setUp();
        _publish(ALL_OPEN);
        _serve(MIN_FEE);
        mock = new MockInferenceOracle();
        mock.offer(modelId, operator, address(0), MIN_FEE, MAX_CALLBACK_GAS);
        mock.publish(registry.termsOf(modelId, 1));
        both = [IInferenceOracle(oracle), IInferenceOracle(address(mock))];
        for (uint256 i; i < 2; ++i) {
            both[i].deposit{value: FEE}(address(0), SIGNER, FEE);
        }
        VM.deal(SIGNER, 2 * FEE);
    }

    function testFuzz_order(uint96 fee, bytes memory output) public {
        if (output.length > 1024) output = "";
        Plain memory made = _order(uint96(bound(fee, 1, FEE)));
        VM.assertEq(_refusal(made, output), "");
        for (uint256 i; i < 2; ++i) {
            VM.assertTrue(both[i].finalized(made.wire(), output));
            VM.assertEq(both[i].deposits(address(0), SIGNER), FEE - made.fee);
            (uint256 earned,) = both[i].tillOf(address(0), modelId, operator);
            VM.assertEq(earned, made.fee);
            VM.prank(SIGNER);
            VM.assertEq(both[i].withdrawDeposit(address(0), FEE - made.fee, stranger), FEE - made.fee);
        }
        VM.assertEq(stranger.balance, 2 * uint256(FEE - made.fee));
    }

    /// @dev One thing is wrong with an order, each in its turn.
    function test_order_reverts() public {
        Plain memory made = _order(FEE);
        (made.seq, made.fee) = (2, FEE);
        _refusedWith(made, OUTPUT, IInferenceOracle.NotNext.selector);
        made = _order(FEE + 1);
        VM.assertTrue(_refusal(made, OUTPUT).length > 0);
        made = _order(FEE);
        made.termsVersion = 2;
        _refusedWith(made, OUTPUT, IInferenceOracle.OrderForOtherTerms.selector);
        made = _order(FEE);
        made.payTo = stranger;
        _refusedWith(made, OUTPUT, IInferenceOracle.NotAnOrder.selector);
        made = _order(FEE);
        made.royaltyBps = 1;
        _refusedWith(made, OUTPUT, IInferenceOracle.NotAnOrder.selector);
        made = _order(FEE);
        made.deadline = uint40(START - 1);
        _refusedWith(made, OUTPUT, IInferenceOracle.DeadlinePassed.selector);
        _refusedWith(_order(FEE), new bytes(1025), IInferenceOracle.OutputTooLarge.selector);
        _refusedWith(_order(FEE), OUTPUT, bytes4(0)); // nothing
        _refusedWith(_order(FEE), OUTPUT, IInferenceOracle.NotNext.selector);
    }

    function test_order_reverts_laneTaken() public {
        for (uint256 i; i < 2; ++i) {
            VM.prank(SIGNER);
            both[i].request{value: MIN_FEE}(_ask(), INPUT);
        }
        Plain memory made = _order(FEE);
        made.seq = 2;
        _refusedWith(made, OUTPUT, IInferenceOracle.LaneBusy.selector);
    }

    function test_cancelOrder() public {
        Plain memory made = _order(FEE);
        for (uint256 i; i < 2; ++i) {
            VM.expectEmit(address(both[i]));
            emit IInferenceOracle.OrderCanceled(SIGNER, made.lane, 1);
            VM.prank(SIGNER);
            both[i].cancelOrder(made.lane, 1);
        }
        _refusedWith(made, OUTPUT, IInferenceOracle.NotNext.selector);
    }

    /// @dev Whatever a test is about: the mock refuses an order as it refuses a request.
    function test_refuse() public {
        bytes memory reason = abi.encodeWithSelector(ILicenseRegistry.WrongMarket.selector, SIGNER);
        mock.refuse(reason);
        Plain memory made = _order(FEE);
        bytes memory signature = _signedFor(1, made, KEY);
        VM.expectRevert(reason);
        mock.answerOrder(made.wire(), signature, OUTPUT);
    }

    /// @dev A wallet's order, by ERC-1271, and its callback; and one that somebody else signed.
    function test_order_wallet() public {
        OrderingWallet wallet = new OrderingWallet(SIGNER);
        mock.deposit{value: FEE}(address(0), address(wallet), FEE);
        Plain memory made = _order(FEE);
        (made.requester, made.licensee, made.callbackGas) = (address(wallet), address(wallet), CALLBACK_GAS);
        bytes memory signature = _signedFor(1, made, 0xBAD);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, address(wallet)));
        mock.answerOrder(made.wire(), signature, OUTPUT);
        signature = _signedFor(1, made, KEY);
        (bool called,) = mock.answerOrder(made.wire(), signature, OUTPUT);
        VM.assertTrue(called);
        VM.assertEq(wallet.answered(), both[1].idOf(made.wire()));
        VM.assertEq(wallet.output(), OUTPUT);
    }

    function _order(uint96 fee) private view returns (Plain memory) {
        return _made(_ask(), SIGNER, 1, fee, 0);
    }

    function _refusedWith(Plain memory made, bytes memory output, bytes4 selector) private {
        VM.assertEq(bytes32(bytes4(_refusal(made, output))), bytes32(selector));
    }

    /// @dev With what both refuse an order; nothing where they answer it.
    function _refusal(Plain memory made, bytes memory output) private returns (bytes memory) {
        bytes[2] memory said;
        for (uint256 i; i < 2; ++i) {
            bytes memory signature = _signedFor(i, made, KEY);
            bytes memory call = i == 0
                ? abi.encodeCall(oracle.fulfillOrder, (made.wire(), signature, output, 0))
                : abi.encodeCall(mock.answerOrder, (made.wire(), signature, output));
            VM.prank(operator);
            (bool done, bytes memory reason) = address(both[i]).call(call);
            said[i] = done ? bytes("") : reason;
        }
        VM.assertEq(said[0], said[1]);
        return said[0];
    }

    function _signedFor(uint256 i, Plain memory made, uint256 key) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, both[i].hashOrder(made.wire()));
        return abi.encodePacked(r, s, v);
    }
}

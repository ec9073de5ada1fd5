// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {InferenceRequester} from "../src/consumers/InferenceConsumer.sol";
import {Ask, IInferenceOracle, State} from "../src/interfaces/IInferenceOracle.sol";
import {Callbacks} from "./support/Callbacks.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, account, bound} from "./support/Vm.sol";

contract CallbackTest is Fixture {
    uint32 private constant CALLBACK_GAS = 250_000;
    uint96 private constant FEE = 1 ether;

    Callbacks private consumer;
    Ask private ask;
    Plain private made;
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        _ready(ALL_OPEN);
        consumer = new Callbacks(oracle);
        ask = _ask();
        ask.callbackGas = CALLBACK_GAS;
        id = consumer.ask{value: FEE}(ask, INPUT);
        made = _made(ask, address(consumer), 1, FEE, 0);
        VM.assertEq(id, oracle.idOf(made.wire()));
    }

    function testFuzz_onInference_reverts_notOracle(address from) public {
        VM.assume(from != address(oracle));
        VM.expectRevert(abi.encodeWithSelector(InferenceRequester.NotOracle.selector, from));
        VM.prank(from);
        consumer.onInference(id, made.lane, OUTPUT);
    }

    function test_codeInput() public {
        address bare = account("bare");
        VM.expectRevert(abi.encodeWithSelector(InferenceRequester.TargetWithoutCode.selector, bare));
        consumer.codeInput(bare);
        VM.assertEq(consumer.codeInput(address(oracle)), abi.encode(address(oracle), keccak256(address(oracle).code)));
    }

    function test_callback_delivers() public {
        _fulfill(made);
        VM.assertEq(consumer.answered(), id);
        VM.assertEq(consumer.lane(), ask.lane);
        VM.assertEq(consumer.output(), OUTPUT);
        _assertSettled();
    }

    function test_callback_zeroGasMeansNone() public {
        ask.callbackGas = 0;
        ask.lane = 8;
        consumer.ask(ask, INPUT);
        Plain memory silent = _made(ask, address(consumer), 1, 0, 0);
        _fulfill(silent);
        VM.assertEq(consumer.answered(), bytes32(0));
        VM.assertTrue(oracle.finalized(silent.wire(), OUTPUT));
    }

    /// @dev Reverting, looping and returning a megabyte: the answer is final and paid all the same.
    function testFuzz_callback_failureChangesNothing(uint8 kind) public {
        Callbacks.Reaction reaction = Callbacks.Reaction(1 + kind % 3);
        consumer.react(reaction, ask, made);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Fulfilled(id, operator, oracle.resultHashOf(id, modelId, OUTPUT), 1, 0, OUTPUT);
        if (reaction != Callbacks.Reaction.BOMB) {
            VM.expectEmit(address(oracle));
            emit IInferenceOracle.CallbackFailed(id);
        }
        uint256 before = gasleft();
        _fulfill(made);
        VM.assertTrue(before - gasleft() < CALLBACK_GAS + 150_000);
        VM.assertEq(consumer.answered(), bytes32(0));
        _assertSettled();
    }

    /// @dev A requester without code: the call succeeds and does nothing.
    function test_callback_toAccountWithoutCode() public {
        _request(ask, 0);
        Plain memory plain = _made(ask, requester, 1, 0, 0);
        _fulfill(plain);
        VM.assertTrue(oracle.finalized(plain.wire(), OUTPUT));
    }

    /// @dev Whatever gas the operator sends: the callback starts with all of its gas, or nothing happens at all.
    function testFuzz_callback_cannotBeStarved(uint256 gas_) public {
        gas_ = bound(gas_, 20_000, 450_000);
        VM.prank(operator);
        try oracle.fulfill{gas: gas_}(made.wire(), OUTPUT, 0) {
            // at entry a few hundred gas went to dispatching and to the check of the caller
            VM.assertTrue(consumer.gasAtEntry() > CALLBACK_GAS - 1000);
            VM.assertTrue(consumer.gasAtEntry() < CALLBACK_GAS);
            _assertSettled();
        } catch {
            VM.assertEq(consumer.answered(), bytes32(0));
            _assertLane(address(consumer), ask.lane, State.OPEN, 1, id);
        }
    }

    /// @dev Just below what is needed the operator is told so.
    function test_callback_reverts_insufficientGas() public {
        VM.prank(operator);
        (bool done, bytes memory reason) =
            address(oracle).call{gas: CALLBACK_GAS + 40_000}(abi.encodeCall(oracle.fulfill, (made.wire(), OUTPUT, 0)));
        VM.assertFalse(done);
        VM.assertTrue(bytes4(reason) == IInferenceOracle.InsufficientGas.selector);
    }

    function test_callback_cannotFulfillAgain() public {
        // the consumer is its own operator here, so that only the state can stop it
        consumer.serve(modelId, MAX_CALLBACK_GAS);
        (ask.operator, ask.lane) = (address(consumer), 9);
        consumer.ask{value: FEE}(ask, INPUT);
        made = _made(ask, address(consumer), 1, FEE, 0);
        consumer.react(Callbacks.Reaction.FULFILL_AGAIN, ask, made);
        consumer.fulfillAsOperator(made, OUTPUT);
        VM.assertFalse(consumer.inner());
        VM.assertTrue(oracle.finalized(made.wire(), OUTPUT));
        (uint256 pay,) = oracle.tillOf(address(0), modelId, address(consumer));
        VM.assertEq(pay, FEE);
    }

    function test_callback_cannotRefund() public {
        consumer.react(Callbacks.Reaction.REFUND, ask, made);
        VM.warp(made.deadline);
        _fulfill(made);
        VM.assertFalse(consumer.inner());
        _assertSettled();
    }

    /// @dev Collecting and withdrawing for the operator inside the callback pays the operator, once.
    function test_callback_mayWithdraw() public {
        consumer.react(Callbacks.Reaction.WITHDRAW, ask, made);
        _fulfill(made);
        VM.assertTrue(consumer.inner());
        VM.assertEq(operator.balance, FEE);
        VM.assertEq(oracle.credits(address(0), operator), 0);
        _assertTill(0, 0);
        VM.assertEq(address(oracle).balance, 0);
    }

    /// @dev The lane is free by then: the next question can be asked from the answer.
    function test_callback_mayAskAgain() public {
        consumer.react(Callbacks.Reaction.ASK_AGAIN, ask, made);
        _fulfill(made);
        VM.assertTrue(consumer.inner());
        (State state, uint32 seq,) = oracle.stateOf(address(consumer), ask.lane);
        VM.assertEq(uint256(state), uint256(State.OPEN));
        VM.assertEq(seq, 2);
        _assertTill(FEE, 0);
    }

    function _assertSettled() private view {
        VM.assertTrue(oracle.finalized(made.wire(), OUTPUT));
        _assertTill(FEE, 0);
        VM.assertEq(address(oracle).balance, FEE);
    }
}

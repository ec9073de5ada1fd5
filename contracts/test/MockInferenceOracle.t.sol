// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {Ask, IInferenceOracle, Request, State} from "../src/interfaces/IInferenceOracle.sol";
import {ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Terms} from "../src/interfaces/ITermsRegistry.sol";
import {Policy} from "../src/types/Policy.sol";
import {MockInferenceOracle} from "../src/testing/MockInferenceOracle.sol";
import {Callbacks} from "./support/Callbacks.sol";
import {Fixture} from "./support/Fixture.sol";
import {HookedToken, SilentToken, StandardToken} from "./support/Tokens.sol";
import {VM, bound} from "./support/Vm.sol";

/// @dev The same is done to the mock and to the oracle, and the same must come of it: values, errors to the byte, money.
contract MockInferenceOracleTest is Fixture {
    uint32 private constant CALLBACK_GAS = 250_000;
    uint96 private constant FEE = 1 ether;

    MockInferenceOracle private mock;
    IInferenceOracle[2] private both;
    Callbacks[2] private consumers;

    function setUp() public override {
        super.setUp();
        _publish(ALL_OPEN);
        _serve(MIN_FEE);
        mock = new MockInferenceOracle();
        mock.offer(modelId, operator, address(0), MIN_FEE, MAX_CALLBACK_GAS);
        mock.publish(registry.termsOf(modelId, 1));
        both = [IInferenceOracle(oracle), IInferenceOracle(address(mock))];
        consumers = [new Callbacks(both[0]), new Callbacks(both[1])];
    }

    /// @dev One thing is wrong, or nothing.
    function testFuzz_request(uint8 wrong, uint256 seed, uint64 lane, uint8 useClass) public {
        Ask memory ask = _ask();
        (ask.lane, ask.useClass) = (lane, UseClass(useClass % 3));
        uint256 fee = bound(seed, MIN_FEE, FEE);
        uint256 size = bound(seed, 0, 300);
        wrong = wrong % 9;
        if (wrong == 0) size = bound(seed, 24_641, 30_000);
        if (wrong == 1) ask.deadline = uint40(bound(seed, 0, START));
        if (wrong == 2) ask.deadline = uint40(bound(seed, START + 30 days + 1, type(uint40).max));
        if (wrong == 3) ask.operator = stranger;
        if (wrong == 4) ask.modelId = bytes32(seed);
        if (wrong == 5) fee = bound(seed, 0, MIN_FEE - 1);
        if (wrong == 6) ask.callbackGas = uint32(bound(seed, MAX_CALLBACK_GAS + 1, type(uint32).max));
        if (wrong == 7) fee = bound(seed, uint256(type(uint96).max) + 1, 2 ** 100);
        bytes memory input = new bytes(size);

        (bool done, bytes[2] memory said) = _twice(requester, fee, abi.encodeCall(both[0].request, (ask, input)));

        VM.assertEq(done, wrong == 8);
        if (!done) return;
        Plain memory made = _made(ask, requester, 1, uint96(fee), 0);
        made.inputHash = keccak256(input);
        for (uint256 i; i < 2; ++i) {
            bytes32 id = abi.decode(said[i], (bytes32));
            VM.assertEq(id, both[i].idOf(made.wire()));
            _assertState(i, requester, lane, State.OPEN, 1, id);
        }
        (Request memory asked, bytes memory kept) = mock.requestOf(abi.decode(said[1], (bytes32)));
        VM.assertEq(abi.encode(asked), abi.encode(made.wire()));
        VM.assertEq(kept, input);
        VM.assertEq(mock.lastId(), abi.decode(said[1], (bytes32)));
        // the lane is taken now
        (done,) = _twice(requester, fee, abi.encodeCall(both[0].request, (ask, input)));
        VM.assertFalse(done);
    }

    function test_refuse() public {
        bytes4 selector = ILicenseRegistry.UseClosed.selector;
        bytes memory reason = abi.encodeWithSelector(selector, Role.REQUESTER, UseClass.PERSONAL);
        mock.refuse(reason);
        VM.expectRevert(reason);
        consumers[1].ask{value: FEE}(_ask(), INPUT);
        mock.refuse("");
        consumers[1].ask{value: FEE}(_ask(), INPUT);
    }

    function testFuzz_answer(bytes calldata output, uint8 kind) public {
        VM.assume(output.length <= 1024);
        Callbacks.Reaction reaction = Callbacks.Reaction(kind % 3); // record, revert, burn all gas
        Ask memory ask = _ask();
        ask.callbackGas = CALLBACK_GAS;
        Plain[2] memory made = _ask2(ask);
        for (uint256 i; i < 2; ++i) {
            consumers[i].react(reaction, ask, made[i]);
        }
        bytes32 id = both[1].idOf(made[1].wire());

        VM.prank(operator);
        oracle.fulfill(made[0].wire(), output, 0);
        bool taken = consumers[0].answered() != 0; // to keep a long output takes more gas than there is
        if (output.length <= 128) VM.assertEq(taken, reaction == Callbacks.Reaction.RECORD);
        VM.expectEmit(address(mock));
        emit IInferenceOracle.Fulfilled(id, operator, both[1].resultHashOf(id, modelId, output), 1, 0, output);
        if (!taken) {
            VM.expectEmit(address(mock));
            emit IInferenceOracle.CallbackFailed(id);
        }
        (bool called, bytes memory reason) = mock.answer(id, output);

        VM.assertEq(called, taken);
        if (reaction == Callbacks.Reaction.REVERT) VM.assertEq(reason, abi.encodeWithSignature("Error(string)", "no"));
        else VM.assertEq(reason, "");
        VM.assertEq(consumers[0].gasAtEntry(), consumers[1].gasAtEntry());
        VM.assertEq(consumers[0].output(), consumers[1].output());
        VM.assertEq(consumers[1].answered(), called ? id : bytes32(0));
        for (uint256 i; i < 2; ++i) {
            VM.assertTrue(both[i].finalized(made[i].wire(), output));
            VM.assertFalse(both[i].finalized(made[i].wire(), bytes.concat(output, "?")));
            (uint256 earned,) = both[i].tillOf(address(0), modelId, operator);
            VM.assertEq(earned, FEE);
            bytes32 idThere = both[i].idOf(made[i].wire());
            _assertState(i, made[i].requester, 7, State.FINAL, 1, both[i].resultHashOf(idThere, modelId, output));
        }
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id));
        mock.answer(id, output);
    }

    function test_answer_reverts() public {
        Ask memory ask = _ask();
        ask.callbackGas = CALLBACK_GAS;
        Plain[2] memory made = _ask2(ask);
        bytes32 id = both[1].idOf(made[1].wire());
        _refused(
            id, made[0], new bytes(1025), abi.encodeWithSelector(IInferenceOracle.OutputTooLarge.selector, 1025, 1024)
        );
        VM.expectPartialRevert(IInferenceOracle.InsufficientGas.selector); // by how much depends on where it is called
        mock.answer{gas: CALLBACK_GAS}(id, OUTPUT);
        VM.warp(ask.deadline + 1);
        _refused(id, made[0], OUTPUT, abi.encodeWithSelector(IInferenceOracle.DeadlinePassed.selector, ask.deadline));
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, bytes32("never asked")));
        mock.answer("never asked", OUTPUT);
    }

    function test_refund() public {
        Ask memory ask = _ask();
        Plain[2] memory made = _ask2(ask);
        (Request memory asked,) = mock.requestOf(both[1].idOf(made[1].wire()));
        VM.assertEq(abi.encode(asked), abi.encode(made[1].wire()));
        for (uint256 i; i < 2; ++i) {
            VM.warp(ask.deadline);
            VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.DeadlineNotReached.selector, ask.deadline));
            both[i].refund(made[i].wire());
            VM.warp(ask.deadline + 1);
            both[i].refund(made[i].wire());
            VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, both[i].idOf(made[i].wire())));
            both[i].refund(made[i].wire());
            _assertState(i, made[i].requester, ask.lane, State.REFUNDED, 1, 0);
            VM.assertEq(both[i].withdraw(address(0), made[i].requester), FEE);
            VM.assertEq(made[i].requester.balance, FEE);
            VM.assertEq(address(both[i]).balance, 0);
        }
        (bool done, bytes[2] memory paid) =
            _twice(stranger, 0, abi.encodeCall(both[0].withdraw, (address(0), made[0].requester)));
        VM.assertTrue(done);
        VM.assertEq(paid[0], abi.encode(0));
        VM.assertEq(paid[1], abi.encode(0));
        ask.deadline += 2 hours;
        made = _ask2(ask);
        _assertState(1, made[1].requester, ask.lane, State.OPEN, 2, both[1].idOf(made[1].wire()));
    }

    function testFuzz_tokens(uint8 kind, uint96 allowed) public {
        HookedToken token = kind % 3 == 0 ? HookedToken(address(new StandardToken())) : new HookedToken();
        if (kind % 3 == 2) token.setToll(1);
        VM.prank(operator);
        oracle.serve(modelId, address(token), MIN_FEE, 0);
        mock.offer(modelId, operator, address(token), MIN_FEE, 0);
        token.mint(requester, 2 * uint256(FEE));
        for (uint256 i; i < 2; ++i) {
            VM.prank(requester);
            token.approve(address(both[i]), allowed);
        }
        Ask memory ask = _ask();

        (bool done,) = _twice(requester, 0, abi.encodeCall(both[0].requestWithToken, (ask, INPUT, address(token), FEE)));

        VM.assertEq(done, allowed >= FEE && kind % 3 != 2);
        if (!done) return;
        Plain memory made = _made(ask, requester, 1, FEE, 0);
        made.token = address(token);
        VM.warp(ask.deadline + 1);
        for (uint256 i; i < 2; ++i) {
            VM.assertEq(token.balanceOf(address(both[i])), FEE);
            both[i].refund(made.wire());
            VM.prank(requester);
            VM.assertEq(both[i].withdrawTo(address(token), stranger), FEE);
        }
        VM.assertEq(token.balanceOf(stranger), 2 * uint256(FEE));
    }

    function testFuzz_requestMany(uint8 wrong) public {
        wrong = wrong % 6;
        Ask[] memory asks = new Ask[](2);
        (asks[0], asks[1]) = (_ask(), _ask());
        if (wrong != 1) asks[1].lane = 8;
        bytes[] memory inputs = new bytes[](wrong == 2 ? 1 : 2);
        uint96[] memory fees = new uint96[](wrong == 3 ? 3 : 2);
        (fees[0], fees[1]) = (MIN_FEE, wrong == 4 ? MIN_FEE - 1 : FEE);
        uint256 value = uint256(fees[0]) + fees[1] + (wrong == 5 ? 1 : 0);

        (bool done, bytes[2] memory said) =
            _twice(requester, value, abi.encodeCall(both[0].requestMany, (asks, inputs, address(0), fees)));

        VM.assertEq(done, wrong == 0);
        if (!done) return;
        for (uint256 i; i < 2; ++i) {
            bytes32[] memory ids = abi.decode(said[i], (bytes32[]));
            VM.assertEq(ids.length, 2);
            _assertState(i, requester, 7, State.OPEN, 1, ids[0]);
            _assertState(i, requester, 8, State.OPEN, 1, ids[1]);
            VM.assertEq(address(both[i]).balance, value);
        }
    }

    function test_views() public view {
        (bool serving, uint96 minFee, uint32 gas) = both[1].offerOf(modelId, operator, address(0));
        VM.assertEq(abi.encode(serving, minFee, gas), abi.encode(true, MIN_FEE, MAX_CALLBACK_GAS));
        VM.assertEq(address(both[1].REGISTRY()), address(mock));
        (uint24 version, Policy policy) = mock.termsInForce(modelId);
        VM.assertEq(version, 1);
        VM.assertEq(Policy.unwrap(policy), Policy.unwrap(ALL_OPEN));
        VM.assertEq(abi.encode(mock.termsOf(modelId, 1)), abi.encode(registry.termsOf(modelId, 1)));
        VM.assertEq(abi.encode(mock.termsOf(modelId, 2)), abi.encode(registry.termsOf(modelId, 2)));
    }

    /// @dev Calls both. What they revert with is the same, to the byte.
    function _twice(address from, uint256 value, bytes memory call) private returns (bool, bytes[2] memory said) {
        bool[2] memory done;
        for (uint256 i; i < 2; ++i) {
            VM.deal(from, value);
            VM.prank(from);
            (done[i], said[i]) = address(both[i]).call{value: value}(call);
        }
        VM.assertEq(done[0], done[1]);
        if (!done[0]) VM.assertEq(said[0], said[1]);
        return (done[0], said);
    }

    /// @dev Each consumer asks its oracle.
    function _ask2(Ask memory ask) private returns (Plain[2] memory made) {
        for (uint256 i; i < 2; ++i) {
            (, uint32 seq,) = both[i].stateOf(address(consumers[i]), ask.lane);
            made[i] = _made(ask, address(consumers[i]), seq + 1, FEE, 0);
            VM.assertEq(consumers[i].ask{value: FEE}(ask, INPUT), both[i].idOf(made[i].wire()));
        }
    }

    function _refused(bytes32 id, Plain memory made, bytes memory output, bytes memory reason) private {
        VM.expectRevert(reason);
        VM.prank(operator);
        oracle.fulfill(made.wire(), output, 0);
        VM.expectRevert(reason);
        mock.answer(id, output);
    }

    function _assertState(uint256 i, address owner, uint64 lane, State state, uint32 seq, bytes32 digest) private view {
        (State got, uint32 gotSeq, uint200 gotDigest) = both[i].stateOf(owner, lane);
        VM.assertEq(abi.encode(got, gotSeq, gotDigest), abi.encode(state, seq, uint200(uint256(digest))));
    }
}

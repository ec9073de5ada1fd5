// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {InferenceConsumer} from "../src/consumers/InferenceConsumer.sol";
import {TimelockGuard} from "../src/consumers/TimelockGuard.sol";
import {Ask, IInferenceOracle} from "../src/interfaces/IInferenceOracle.sol";
import {ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, account, bound} from "./support/Vm.sol";

/// @notice What the DAO calls.
contract Ledger {
    uint256 public entry;

    function write(uint256 entry_) external payable {
        require(entry_ != 13, "unlucky");
        entry = entry_;
    }
}

contract TimelockGuardTest is Fixture {
    uint40 private constant DELAY = 2 days;
    uint40 private constant EXTRA = 5 days;
    uint40 private constant WINDOW = 1 hours;
    uint16 private constant THRESHOLD = 6000;
    bytes32 private constant SALT = "salt";

    address private dao = account("dao");
    TimelockGuard private guard;
    Ledger private ledger;
    bytes private data = abi.encodeCall(Ledger.write, (42));
    bytes32 private opId;

    function setUp() public override {
        super.setUp();
        _ready(NON_COMMERCIAL_FREE);
        guard = new TimelockGuard(
            oracle,
            TimelockGuard.Config({
                owner: dao,
                modelId: modelId,
                operator: operator,
                useClass: UseClass.COMMERCIAL,
                delay: DELAY,
                extraDelay: EXTRA,
                answerWindow: WINDOW,
                thresholdBps: THRESHOLD,
                callbackGas: 100_000
            })
        );
        ledger = new Ledger();
        _activate(address(guard), Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
        VM.prank(dao);
        opId = guard.schedule(address(ledger), 0, data, SALT);
    }

    /// @dev What has to be said follows the terms in force, to the second.
    function test_attribution() public {
        uint40 at = uint40(START) + NOTICE;
        VM.prank(licensor);
        oracle.publishTerms(modelId, "terms 2", ALL_GRANT, at, "", "Built with it, too");
        VM.warp(at - 1);
        (string memory text, bytes32 termsHash) = guard.attribution();
        VM.assertEq(text, "Built with it");
        VM.assertEq(termsHash, "terms");
        VM.warp(at);
        (text, termsHash) = guard.attribution();
        VM.assertEq(text, "Built with it, too");
        VM.assertEq(termsHash, "terms 2");
    }

    function testFuzz_schedule_reverts_notOwner(address from) public {
        VM.assume(from != dao);
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.NotOwner.selector, from, dao));
        guard.schedule(address(ledger), 0, data, "other");
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.NotOwner.selector, from, dao));
        guard.cancel(opId);
    }

    function test_schedule_reverts_twice() public {
        VM.prank(dao);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.AlreadyScheduled.selector, opId));
        guard.schedule(address(ledger), 0, data, SALT);
    }

    function testFuzz_schedule(address target, uint256 value, bytes calldata call, bytes32 salt) public {
        bytes32 expected = keccak256(abi.encode(target, value, call, salt));
        VM.assume(expected != opId);
        VM.expectEmit(address(guard));
        emit TimelockGuard.Scheduled(expected, target, value, call, uint40(START) + DELAY);
        VM.prank(dao);
        VM.assertEq(guard.schedule(target, value, call, salt), expected);
        _assertOperation(expected, target, uint40(START) + DELAY, false, false);
    }

    function testFuzz_execute_reverts_early(uint40 at) public {
        VM.warp(bound(at, START, START + DELAY - 1));
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.TooEarly.selector, opId, START + DELAY));
        guard.execute(address(ledger), 0, data, SALT);
    }

    function testFuzz_execute_reverts_notScheduled(uint256 value, bytes32 salt) public {
        VM.assume(value != 0 || salt != SALT);
        bytes32 other = guard.opIdOf(address(ledger), value, data, salt);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.NotPending.selector, other));
        guard.execute(address(ledger), value, data, salt);
    }

    function test_execute_reverts_failedCall() public {
        bytes memory unlucky = abi.encodeCall(Ledger.write, (13));
        VM.prank(dao);
        bytes32 failing = guard.schedule(address(ledger), 0, unlucky, SALT);
        VM.warp(START + DELAY);
        bytes memory reason = abi.encodeWithSignature("Error(string)", "unlucky");
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.OperationFailed.selector, failing, reason));
        guard.execute(address(ledger), 0, unlucky, SALT);
        _assertOperation(failing, address(ledger), uint40(START) + DELAY, false, false);
    }

    /// @dev Without any oracle this is a plain timelock; anyone executes, the value is the guard's or the caller's.
    function testFuzz_execute(address from, uint96 value, uint256 entry) public {
        VM.assume(entry != 13);
        bytes memory call = abi.encodeCall(Ledger.write, (entry));
        VM.prank(dao);
        bytes32 paid = guard.schedule(address(ledger), value, call, SALT);
        VM.warp(START + DELAY);
        VM.deal(from, value);
        VM.expectEmit(address(guard));
        emit TimelockGuard.Executed(paid);
        VM.prank(from);
        guard.execute{value: value}(address(ledger), value, call, SALT);
        VM.assertEq(ledger.entry(), entry);
        VM.assertEq(address(ledger).balance, value);
        _assertOperation(paid, address(ledger), uint40(START) + DELAY, false, true);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.NotPending.selector, paid));
        guard.execute(address(ledger), value, call, SALT);
    }

    function test_cancel() public {
        VM.expectEmit(address(guard));
        emit TimelockGuard.Canceled(opId);
        VM.prank(dao);
        guard.cancel(opId);
        _assertOperation(opId, address(ledger), uint40(START) + DELAY, false, true);
        VM.prank(dao);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.NotPending.selector, opId));
        guard.cancel(opId);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.NotPending.selector, opId));
        guard.ask(opId);
        VM.warp(START + DELAY);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.NotPending.selector, opId));
        guard.execute(address(ledger), 0, data, SALT);
    }

    function test_ask_reverts_targetWithoutCode() public {
        address bare = account("bare");
        VM.prank(dao);
        bytes32 plain = guard.schedule(bare, 0, "", SALT);
        VM.expectRevert(abi.encodeWithSelector(InferenceConsumer.TargetWithoutCode.selector, bare));
        guard.ask(plain);
    }

    /// @dev The oracle's refusal arrives unchanged: who is missing what.
    function test_ask_reverts_withTheOraclesError() public {
        VM.prank(licensor);
        oracle.revoke(modelId, address(guard), Role.REQUESTER, 1);
        VM.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.GrantIsRevoked.selector, modelId, address(guard), Role.REQUESTER, 1)
        );
        guard.ask(opId);
        _serve(MIN_FEE);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.FeeTooLow.selector, 5, MIN_FEE));
        guard.ask{value: 5}(opId);
    }

    function testFuzz_ask(address from, uint96 fee) public {
        VM.deal(from, fee);
        Plain memory made = _requestOf(1, fee);
        bytes32 expected = oracle.idOf(made.wire());
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Requested(expected, operator, made.wire(), _input());
        VM.expectEmit(address(guard));
        emit TimelockGuard.Asked(opId, expected);
        VM.prank(from);
        bytes32 id = guard.ask{value: fee}(opId);
        VM.assertEq(id, expected);
        VM.assertEq(guard.askedFor(id), opId);
        VM.assertEq(address(oracle).balance, fee);
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceOracle.LaneBusy.selector, address(guard), uint64(uint256(opId)))
        );
        guard.ask(opId);
    }

    /// @dev Any one score at or above the threshold lengthens the delay, once. Nothing ever shortens it.
    function testFuzz_onInference_report(uint16[6] memory scores, uint16 coverage, uint16 pc) public {
        bool flagged;
        for (uint256 i; i < 6; ++i) {
            scores[i] = uint16(bound(scores[i], 0, 10_000));
            flagged = flagged || scores[i] >= THRESHOLD;
        }
        coverage = uint16(bound(coverage, 0, 10_000));
        bytes memory output = _report(scores, coverage, pc);
        uint40 eta = uint40(START) + DELAY + (flagged ? EXTRA : 0);
        bytes32 id = guard.ask(opId);

        VM.expectEmit(address(guard));
        emit TimelockGuard.Assessed(opId, id, scores, coverage, pc, flagged);
        if (flagged) {
            VM.expectEmit(address(guard));
            emit TimelockGuard.Lengthened(opId, eta);
        }
        _answer(1, output);

        _assertOperation(opId, address(ledger), eta, flagged, false);
        VM.assertEq(guard.askedFor(id), bytes32(0));
        guard.ask(opId);
        _answer(2, output);
        _assertOperation(opId, address(ledger), eta, flagged, false);
        if (flagged) {
            VM.warp(START + DELAY);
            VM.expectRevert(abi.encodeWithSelector(TimelockGuard.TooEarly.selector, opId, eta));
            guard.execute(address(ledger), 0, data, SALT);
        }
        VM.warp(eta);
        guard.execute(address(ledger), 0, data, SALT);
        VM.assertEq(ledger.entry(), 42);
    }

    /// @dev What is not a report fails in the callback and moves nothing; the operation goes its way.
    function testFuzz_onInference_malformed(bytes memory output) public {
        if (output.length == 32) output[31] = 0x01; // lanes 8-15 must be zero
        VM.assume(output.length <= 1024);
        bytes32 id = guard.ask(opId);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.CallbackFailed(id);
        _answer(1, output);
        _assertOperation(opId, address(ledger), uint40(START) + DELAY, false, false);
    }

    function test_onInference_scoreAboveOne() public {
        uint16[6] memory scores;
        scores[3] = 10_001;
        bytes32 id = guard.ask(opId);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.CallbackFailed(id);
        _answer(1, _report(scores, 0, 0));
    }

    function test_onInference_afterExecution() public {
        VM.warp(START + DELAY);
        guard.ask(opId);
        guard.execute(address(ledger), 0, data, SALT);
        uint16[6] memory scores = [uint16(10_000), 0, 0, 0, 0, 0];
        _answer(1, _report(scores, 10_000, 5));
        _assertOperation(opId, address(ledger), uint40(START) + DELAY, false, true);
    }

    function test_onInference_reverts_unknownRequest() public {
        VM.prank(address(oracle));
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.UnknownRequest.selector, bytes32("?")));
        guard.onInference("?", OUTPUT);
    }

    /// @dev An unanswered question returns its fee to the DAO.
    function test_refund_returnsToGuard() public {
        guard.ask{value: 1 ether}(opId);
        Plain memory made = _requestOf(1, 1 ether);
        VM.warp(made.deadline + 1);
        oracle.refund(made.wire());
        oracle.withdraw(address(0), address(guard));
        VM.assertEq(address(guard).balance, 1 ether);
    }

    function _answer(uint32 seq, bytes memory output) private {
        VM.prank(operator);
        oracle.fulfillRequest(_requestOf(seq, 0).wire(), output);
    }

    function _requestOf(uint32 seq, uint96 fee) private view returns (Plain memory made) {
        Ask memory ask = _ask();
        (ask.useClass, ask.lane, ask.callbackGas) = (UseClass.COMMERCIAL, uint64(uint256(opId)), 100_000);
        ask.deadline = uint40(block.timestamp) + WINDOW;
        made = _made(ask, address(guard), seq, fee, ROYALTY_BPS);
        made.inputHash = keccak256(_input());
    }

    function _input() private view returns (bytes memory) {
        return abi.encode(address(ledger), address(ledger).codehash);
    }

    function _report(uint16[6] memory s, uint16 coverage, uint16 pc) private pure returns (bytes memory) {
        return abi.encodePacked(s[0], s[1], s[2], s[3], s[4], s[5], coverage, pc, bytes16(0));
    }

    function _assertOperation(bytes32 id, address target, uint40 eta, bool flagged, bool closed) private view {
        (address gotTarget, uint40 gotEta, bool gotFlagged, bool gotClosed) = guard.operations(id);
        VM.assertEq(gotTarget, target);
        VM.assertEq(gotEta, eta);
        VM.assertEq(gotFlagged, flagged);
        VM.assertEq(gotClosed, closed);
    }
}

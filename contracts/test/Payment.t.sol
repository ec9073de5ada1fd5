// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {IPayments} from "../src/interfaces/IPayments.sol";
import {Ask, IInferenceOracle, State} from "../src/interfaces/IInferenceOracle.sol";
import {Callbacks} from "./support/Callbacks.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, bound} from "./support/Vm.sol";

/// @notice An account that takes no money, or tries to take it twice.
contract Payee {
    IInferenceOracle private immutable _ORACLE;
    bool private immutable _GREEDY;
    bool public tookTwice;

    constructor(IInferenceOracle oracle, bool greedy) {
        (_ORACLE, _GREEDY) = (oracle, greedy);
    }

    receive() external payable {
        require(_GREEDY, "no money, please");
        if (_ORACLE.withdraw(address(0), address(this)) > 0) tookTwice = true;
    }

    function ask(Ask calldata ask_) external payable {
        _ORACLE.request{value: msg.value}(ask_, "");
    }
}

/// @notice Refunds and withdrawals.
contract PaymentTest is Fixture {
    Plain private made;
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        _ready(ALL_OPEN);
        id = _request(_ask(), 3 ether);
        made = _made(_ask(), requester, 1, 3 ether, 0);
    }

    function testFuzz_refund_reverts_early(uint40 at) public {
        VM.warp(bound(at, START, made.deadline));
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.DeadlineNotReached.selector, made.deadline));
        oracle.refund(made.wire());
    }

    function testFuzz_refund_reverts_notOpen(bool answered, uint96 fee) public {
        VM.assume(fee != made.fee);
        Plain memory other = made;
        other.fee = fee;
        VM.warp(made.deadline);
        if (answered) _fulfill(made);
        VM.warp(made.deadline + 1);
        if (!answered) oracle.refund(made.wire());
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id));
        oracle.refund(made.wire());
        bytes32 otherId = oracle.idOf(other.wire());
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, otherId));
        oracle.refund(other.wire());
    }

    function testFuzz_refund(address from, uint96 fee, uint40 at) public {
        VM.deal(requester, fee);
        Ask memory ask = _ask();
        ask.lane = 55;
        bytes32 open = _request(ask, fee);
        Plain memory unanswered = _made(ask, requester, 1, fee, 0);
        VM.warp(bound(at, unanswered.deadline + 1, type(uint40).max));
        uint256 held = address(oracle).balance;

        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Refunded(open, requester, fee);
        VM.prank(from);
        oracle.refund(unanswered.wire());

        _assertLane(requester, 55, State.REFUNDED, 1, 0);
        VM.assertEq(oracle.credits(address(0), requester), fee);
        VM.assertEq(oracle.credits(address(0), operator), 0);
        VM.assertEq(address(oracle).balance, held);
        VM.assertFalse(oracle.finalized(unanswered.wire(), OUTPUT));
    }

    function test_refund_freesLane() public {
        VM.warp(made.deadline + 1);
        oracle.refund(made.wire());
        bytes32 next = _request(_ask(), 0);
        _assertLane(requester, made.lane, State.OPEN, 2, next);
    }

    /// @dev Whoever withdraws for another first stops nobody: a second withdrawal pays nothing, changes nothing, and says nothing.
    function testFuzz_withdraw_nothing(address who, bool own) public {
        VM.record();
        if (own) VM.prank(who);
        VM.assertEq(own ? oracle.withdrawTo(address(0), stranger) : oracle.withdraw(address(0), who), 0);
        (, bytes32[] memory writes) = VM.accesses(address(oracle));
        VM.assertEq(writes.length, 0);
        VM.assertEq(stranger.balance, 0);
    }

    /// @dev An account that refuses money blocks nobody but itself.
    function test_withdraw_reverts_refusedTransfer() public {
        Payee payee = _payeeWithCredit(false);
        _fulfill(made);
        oracle.collect(address(0), modelId, operator);
        VM.expectRevert(abi.encodeWithSelector(IPayments.TransferFailed.selector, address(payee)));
        oracle.withdraw(address(0), address(payee));
        VM.assertEq(oracle.credits(address(0), address(payee)), 1 ether);
        oracle.withdraw(address(0), operator);
        VM.assertEq(operator.balance, 3 ether);
    }

    function test_withdraw_cannotBeReentered() public {
        Payee payee = _payeeWithCredit(true);
        oracle.withdraw(address(0), address(payee));
        VM.assertFalse(payee.tookTwice());
        VM.assertEq(address(payee).balance, 1 ether);
        VM.assertEq(address(oracle).balance, 3 ether);
    }

    /// @dev Anyone may trigger it; the money goes to the account alone.
    function testFuzz_withdraw(address from) public {
        VM.assume(from != operator);
        _fulfill(made);
        oracle.collect(address(0), modelId, operator);
        uint256 before = from.balance;
        VM.expectEmit(address(oracle));
        emit IPayments.Withdrawn(address(0), operator, operator, 3 ether);
        VM.prank(from);
        uint256 amount = oracle.withdraw(address(0), operator);
        VM.assertEq(amount, 3 ether);
        VM.assertEq(operator.balance, 3 ether);
        VM.assertEq(from.balance, before - (from == address(oracle) ? 3 ether : 0));
        VM.assertEq(oracle.credits(address(0), operator), 0);
        VM.assertEq(address(oracle).balance, 0);
    }

    /// @dev A consumer's refund comes home through anyone's call.
    function test_withdraw_toConsumer() public {
        Callbacks consumer = new Callbacks(oracle);
        consumer.ask{value: 2 ether}(_ask(), INPUT);
        Plain memory asked = _made(_ask(), address(consumer), 1, 2 ether, 0);
        VM.warp(asked.deadline + 1);
        oracle.refund(asked.wire());
        oracle.withdraw(address(0), address(consumer));
        VM.assertEq(address(consumer).balance, 2 ether);
    }

    /// @dev Who cannot take money has it sent to who can; nobody else decides where.
    function test_withdrawTo() public {
        Payee payee = _payeeWithCredit(false);
        VM.assertEq(oracle.withdrawTo(address(0), stranger), 0); // of the caller's own credit
        VM.expectEmit(address(oracle));
        emit IPayments.Withdrawn(address(0), address(payee), stranger, 1 ether);
        VM.prank(address(payee));
        VM.assertEq(oracle.withdrawTo(address(0), stranger), 1 ether);
        VM.assertEq(stranger.balance, 1 ether);
        VM.assertEq(oracle.credits(address(0), address(payee)), 0);
        VM.assertEq(address(oracle).balance, 3 ether);
    }

    function test_withdrawTo_reverts_refusedTransfer() public {
        Payee payee = _payeeWithCredit(false);
        VM.expectRevert(abi.encodeWithSelector(IPayments.TransferFailed.selector, address(payee)));
        VM.prank(address(payee));
        oracle.withdrawTo(address(0), address(payee));
        VM.assertEq(oracle.credits(address(0), address(payee)), 1 ether);
    }

    /// @dev Of a till with nothing in it nothing comes, and nothing is said.
    function test_collect_nothing() public {
        VM.recordLogs();
        VM.record();
        (uint256 operators, uint256 models) = oracle.collect(address(0), modelId, operator);
        (, bytes32[] memory writes) = VM.accesses(address(oracle));
        VM.assertEq(operators + models + writes.length + VM.getRecordedLogs().length, 0);
        _fulfill(made);
        oracle.collect(address(0), "?", operator);
        oracle.collect(address(1), modelId, operator);
        oracle.collect(address(0), modelId, requester);
        _assertTill(3 ether, 0);
        VM.assertEq(oracle.credits(address(0), operator), 0);
    }

    /// @dev Several tills and the credit in one transaction, to the account alone, whoever calls.
    function testFuzz_collectAndWithdraw(address from, bool twice) public {
        VM.assume(from != operator && from != address(oracle));
        _fulfill(made);
        bytes32 first = modelId;
        VM.prank(licensor);
        modelId = registry.registerModel("other", "weights", "manifest", "");
        _ready(ALL_OPEN);
        _request(_ask(), 1 ether);
        _fulfill(_made(_ask(), requester, 2, 1 ether, 0));
        bytes32[] memory models = new bytes32[](twice ? 3 : 2);
        address[] memory operators = new address[](models.length);
        for (uint256 i; i < models.length; ++i) {
            (models[i], operators[i]) = (i == 0 ? first : modelId, operator);
        }
        uint256 before = from.balance;
        VM.prank(from);
        VM.assertEq(oracle.collectAndWithdraw(address(0), operator, models, operators), 4 ether);
        VM.assertEq(operator.balance, 4 ether);
        VM.assertEq(from.balance, before);
        VM.assertEq(address(oracle).balance, 0);
        VM.expectRevert(abi.encodeWithSelector(IPayments.UnequalLists.selector, models.length, 0));
        oracle.collectAndWithdraw(address(0), operator, models, new address[](0));
    }

    // a chain that takes a new id

    /// @dev What was open before the fork cannot be answered under the new id, but its fee comes home and its lane is free again.
    function testFuzz_refund_afterChainIdChange(uint64 chain) public {
        VM.assume(chain != 0 && chain != block.chainid);
        VM.chainId(chain);
        bytes memory notOpen = abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, oracle.idOf(made.wire()));
        VM.expectRevert(notOpen);
        _fulfill(made);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.DeadlineNotReached.selector, made.deadline));
        oracle.refund(made.wire());
        VM.warp(made.deadline + 1);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Refunded(id, requester, 3 ether);
        oracle.refund(made.wire());
        VM.assertEq(oracle.credits(address(0), requester), 3 ether);
        _assertLane(requester, made.lane, State.REFUNDED, 1, 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id));
        oracle.refund(made.wire());
        _request(_ask(), 1 ether);
        _assertLane(requester, made.lane, State.OPEN, 2, oracle.idOf(_made(_ask(), requester, 2, 1 ether, 0).wire()));
    }

    /// @dev A second fork: what was open before the first still comes home. What was made in between is known by neither id, and
    /// its fee and its lane stay where they are until the chain has that id again: a fork of a fork is nobody's plan.
    function testFuzz_refund_afterSecondChainIdChange(uint64 first, uint64 second) public {
        uint256 born = block.chainid;
        VM.assume(first != 0 && second != 0 && first != second && first != born && second != born);
        VM.chainId(first);
        Ask memory ask = _ask();
        ask.lane = 8;
        bytes32 between = _request(ask, 1 ether);
        Plain memory open = _made(ask, requester, 1, 1 ether, 0);
        VM.chainId(born);
        bytes memory notOpen = abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, oracle.idOf(open.wire()));
        VM.chainId(second);
        VM.warp(made.deadline + 1);
        oracle.refund(made.wire());
        VM.assertEq(oracle.credits(address(0), requester), 3 ether);
        VM.expectRevert(notOpen); // of the id that it would have had on the first chain
        oracle.refund(open.wire());
        _assertLane(requester, 8, State.OPEN, 1, between);
        VM.chainId(first);
        oracle.refund(open.wire());
        VM.assertEq(oracle.credits(address(0), requester), 4 ether);
        VM.assertEq(address(oracle).balance, 4 ether);
    }

    /// @dev Under the new id everything works as before it.
    function testFuzz_afterChainIdChange(uint64 chain, bool answered) public {
        VM.assume(chain != 0 && chain != block.chainid);
        VM.chainId(chain);
        Ask memory ask = _ask();
        ask.lane = 8;
        _request(ask, 1 ether);
        Plain memory next = _made(ask, requester, 1, 1 ether, 0);
        if (answered) {
            _fulfill(next);
            VM.assertTrue(oracle.finalized(next.wire(), OUTPUT));
        } else {
            VM.warp(next.deadline + 1);
            oracle.refund(next.wire());
            VM.assertEq(oracle.credits(address(0), requester), 1 ether);
        }
    }

    function _payeeWithCredit(bool greedy) private returns (Payee payee) {
        payee = new Payee(oracle, greedy);
        Ask memory ask = _ask();
        ask.deadline = uint40(block.timestamp + 1);
        payee.ask{value: 1 ether}(ask);
        Plain memory unanswered = _made(ask, address(payee), 1, 1 ether, 0);
        unanswered.inputHash = keccak256("");
        VM.warp(block.timestamp + 2);
        oracle.refund(unanswered.wire());
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceOracle, Request} from "../../src/interfaces/IInferenceOracle.sol";
import {Facts} from "../../src/types/Facts.sol";
import {VM} from "../../test/support/Vm.sol";
import {IPurse} from "../src/interfaces/IPurse.sol";
import {Bond, Cover, IWarranty} from "../src/interfaces/IWarranty.sol";
import {Stage} from "./support/Stage.sol";

/// @notice Who takes no ether with 2,300 gas, until it says so.
contract Slow {
    uint256 public received;

    receive() external payable {
        received += msg.value;
    }
}

/// @notice Covers, bonds and what is set aside.
contract WarrantyTest is Stage {
    Cover private cover;
    bytes32 private coverId;

    function setUp() public override {
        super.setUp();
        cover = _covered("program", "weights");
        coverId = warranty.coverIdOf(cover);
    }

    // covers

    function test_cover_namesTheModelsRoots() public {
        Cover memory other = cover;
        (other.programRoot, other.bond) = ("another", BOND + 1);
        _isNotCovered(other, "manifest", abi.encodeWithSelector(IWarranty.WrongRoots.selector, cover.modelId));
        other = cover;
        other.weightsRoot = "another";
        _isNotCovered(other, "manifest", abi.encodeWithSelector(IWarranty.WrongRoots.selector, cover.modelId));
        other = cover;
        other.bond += 1;
        _isNotCovered(other, "another", abi.encodeWithSelector(IWarranty.WrongRoots.selector, cover.modelId));
        other.modelId = "unknown";
        _isNotCovered(other, "manifest", abi.encodeWithSelector(IWarranty.WrongRoots.selector, other.modelId));
    }

    function test_cover_terms() public {
        Cover memory other = cover;
        other.challengeBond = BOND / 5 + 1;
        bytes memory reason = abi.encodeWithSelector(IWarranty.ChallengeBondTooHigh.selector, BOND / 5 + 1, BOND / 5);
        _isNotCovered(other, "manifest", reason);
        other.challengeBond = 0;
        _isNotCovered(other, "manifest", abi.encodeWithSelector(IWarranty.NoBond.selector));
        other = cover;
        other.bond = 0;
        _isNotCovered(other, "manifest", abi.encodeWithSelector(IWarranty.NoBond.selector));
        other = cover;
        other.window = 1 hours - 1;
        reason = abi.encodeWithSelector(IWarranty.WindowOutOfBounds.selector, 1 hours - 1, 1 hours, 7 days);
        _isNotCovered(other, "manifest", reason);
        other.window = 7 days + 1;
        reason = abi.encodeWithSelector(IWarranty.WindowOutOfBounds.selector, 7 days + 1, 1 hours, 7 days);
        _isNotCovered(other, "manifest", reason);
        other = cover;
        other.dispute = stranger;
        _isNotCovered(other, "manifest", abi.encodeWithSelector(IWarranty.NotAContract.selector, stranger));
        other = cover;
        other.adaptor = stranger;
        _isNotCovered(other, "manifest", abi.encodeWithSelector(IWarranty.NotAContract.selector, stranger));
        _isNotCovered(cover, "manifest", abi.encodeWithSelector(IWarranty.AlreadyCovering.selector, coverId));
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NotGuarantor.selector, address(this), operator));
        warranty.cover(cover, "manifest");
    }

    /// @dev An ended cover takes challenges for one more window, and can begin anew.
    function test_endCover() public {
        _bond(BOND);
        Request memory request = _answered(cover.modelId, OUTPUT);
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NotGuarantor.selector, address(this), operator));
        warranty.endCover(cover);
        VM.prank(operator);
        warranty.endCover(cover);
        uint256 until = block.timestamp + WINDOW;
        VM.assertEq(warranty.coveringUntil(coverId), until);
        VM.prank(operator);
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NotCovering.selector, coverId));
        warranty.endCover(cover);
        VM.warp(until);
        VM.assertEq(warranty.challengeableUntil(cover, request, OUTPUT), until);
        VM.warp(until + 1);
        _isNotChallengeable(request, OUTPUT, abi.encodeWithSelector(IWarranty.NotCovering.selector, coverId));
        VM.prank(operator);
        warranty.cover(cover, "manifest");
        _challenge(challenger, cover, request); // its deadline + window is not over
    }

    // which answers

    function test_challengeable() public {
        Request memory request = _answered(cover.modelId, OUTPUT);
        bytes32 answer = _claim(cover, request, OUTPUT).answer;
        uint256 until = request.facts.deadline() + WINDOW;
        _isNotChallengeable(request, OUTPUT, abi.encodeWithSelector(IWarranty.BondSpent.selector, operator, 0, BOND));
        _bond(BOND - 1);
        _isNotChallengeable(
            request, OUTPUT, abi.encodeWithSelector(IWarranty.BondSpent.selector, operator, BOND - 1, BOND)
        );
        _bond(1);
        VM.assertEq(warranty.challengeableUntil(cover, request, OUTPUT), until);
        bytes32 other = _claim(cover, request, INPUT).answer;
        _isNotChallengeable(request, INPUT, abi.encodeWithSelector(IWarranty.NotFinal.selector, other));
        Request memory open = _asked(cover.modelId, 99);
        other = _claim(cover, open, OUTPUT).answer;
        _isNotChallengeable(open, OUTPUT, abi.encodeWithSelector(IWarranty.NotFinal.selector, other));
        Request memory changed = abi.decode(abi.encode(request), (Request));
        changed.operator = stranger;
        bytes memory reason = abi.encodeWithSelector(IWarranty.OtherAnswer.selector, stranger, cover.modelId);
        _isNotChallengeable(changed, OUTPUT, reason);
        (changed.operator, changed.modelId) = (operator, "another");
        reason = abi.encodeWithSelector(IWarranty.OtherAnswer.selector, operator, bytes32("another"));
        _isNotChallengeable(changed, OUTPUT, reason);
        changed.modelId = cover.modelId;
        changed.facts = Facts.wrap(Facts.unwrap(request.facts) | uint256(1) << 248);
        _isNotChallengeable(changed, OUTPUT, abi.encodeWithSelector(IWarranty.NotInList.selector, bytes32(0)));
        VM.warp(until);
        warranty.challengeableUntil(cover, request, OUTPUT);
        VM.warp(until + 1);
        _isNotChallengeable(request, OUTPUT, abi.encodeWithSelector(IWarranty.WindowOver.selector, until));
        VM.assertEq(warranty.coveredOf(coverId, answer).games, 0);
    }

    /// @dev An answer is known by oracle and chain: elsewhere the same request has none.
    function test_anotherChainOrOracle() public {
        _bond(BOND);
        Request memory request = _answered(cover.modelId, OUTPUT);
        VM.chainId(999);
        bytes32 other = _claim(cover, request, OUTPUT).answer;
        _isNotChallengeable(request, OUTPUT, abi.encodeWithSelector(IWarranty.NotFinal.selector, other));
        VM.chainId(31_337);
        warranty.challengeableUntil(cover, request, OUTPUT);
        IInferenceOracle ours = oracle;
        oracle = IInferenceOracle(_created("InferenceOracle", abi.encode(registry)));
        VM.prank(operator);
        oracle.serve(cover.modelId, address(0), 0, 0);
        request = _answered(cover.modelId, OUTPUT);
        oracle = ours;
        other = _claim(cover, request, OUTPUT).answer;
        _isNotChallengeable(request, OUTPUT, abi.encodeWithSelector(IWarranty.NotFinal.selector, other));
    }

    function test_challenge_ofACoverThatNeverBegan() public {
        _bond(2 * uint256(BOND));
        Request memory request = _answered(cover.modelId, OUTPUT);
        cover.bond += 1;
        coverId = warranty.coverIdOf(cover);
        _isNotChallengeable(request, OUTPUT, abi.encodeWithSelector(IWarranty.NotCovering.selector, coverId));
    }

    /// @dev A registered answer can be challenged although its lane holds another one, until its own time.
    function test_register_outlivesItsLane() public {
        _bond(BOND);
        Request memory request = _answered(cover.modelId, OUTPUT);
        bytes32 answer = _claim(cover, request, OUTPUT).answer;
        warranty.register(cover, request, OUTPUT);
        uint256 until = block.timestamp + WINDOW;
        VM.assertEq(warranty.challengeableUntil(cover, request, OUTPUT), until);
        VM.expectRevert(abi.encodeWithSelector(IWarranty.AlreadyRegistered.selector, answer));
        warranty.register(cover, request, OUTPUT);
        _asked(cover.modelId, lane);
        VM.assertFalse(oracle.finalized(request, OUTPUT));
        VM.warp(until);
        _challenge(challenger, cover, request);
        VM.expectRevert(abi.encodeWithSelector(IWarranty.StillNeeded.selector, answer, 0));
        warranty.release(cover, answer);
    }

    function test_register_afterItsLane() public {
        _bond(BOND);
        Request memory request = _answered(cover.modelId, OUTPUT);
        bytes32 answer = _claim(cover, request, OUTPUT).answer;
        _asked(cover.modelId, lane);
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NotFinal.selector, answer));
        warranty.register(cover, request, OUTPUT);
    }

    /// @dev Each registered answer has a bond of its own; who comes later is not covered.
    function test_register_asFarAsTheBondReaches() public {
        _bond(2 * uint256(BOND));
        Request memory first = _answered(cover.modelId, OUTPUT);
        Request memory second = _answered(cover.modelId, OUTPUT);
        Request memory third = _answered(cover.modelId, OUTPUT);
        warranty.register(cover, first, OUTPUT);
        warranty.register(cover, second, OUTPUT);
        VM.assertEq(warranty.bondOf(operator).reserved, 2 * uint256(BOND));
        bytes memory reason = abi.encodeWithSelector(IWarranty.BondSpent.selector, operator, 0, BOND);
        _isNotChallengeable(third, OUTPUT, reason);
        VM.expectRevert(reason);
        warranty.register(cover, third, OUTPUT);
        warranty.challengeableUntil(cover, first, OUTPUT);
    }

    function test_release() public {
        _bond(BOND);
        Request memory request = _answered(cover.modelId, OUTPUT);
        bytes32 answer = _claim(cover, request, OUTPUT).answer;
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NothingReserved.selector, answer));
        warranty.release(cover, answer);
        warranty.register(cover, request, OUTPUT);
        uint256 until = block.timestamp + WINDOW;
        VM.warp(until);
        VM.expectRevert(abi.encodeWithSelector(IWarranty.StillNeeded.selector, answer, until));
        warranty.release(cover, answer);
        VM.warp(until + 1);
        warranty.release(cover, answer);
        VM.assertEq(warranty.bondOf(operator).reserved, 0);
        _isNotChallengeable(request, OUTPUT, abi.encodeWithSelector(IWarranty.WindowOver.selector, until));
    }

    // bonds

    function test_unbond() public {
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NoBond.selector));
        warranty.bond(operator);
        _bond(2 * uint256(BOND));
        _isBonded(0);
        VM.prank(operator);
        warranty.unbond(2 * BOND);
        uint256 leavesAt = block.timestamp + 8 days;
        Request memory request = _answered(cover.modelId, OUTPUT);
        VM.warp(leavesAt - 1);
        _isBonded(leavesAt);
        VM.warp(leavesAt - WINDOW);
        request = _answered(cover.modelId, OUTPUT);
        warranty.register(cover, request, OUTPUT); // what leaves still backs
        VM.warp(leavesAt);
        VM.assertEq(_withdrawn(), BOND);
        VM.assertEq(warranty.bondOf(operator).leaving, BOND);
        VM.assertEq(_withdrawn(), 0);
        VM.warp(leavesAt + 1);
        warranty.release(cover, _claim(cover, request, OUTPUT).answer);
        VM.assertEq(_withdrawn(), BOND);
        VM.assertEq(address(warranty).balance, 0);
        Bond memory money = warranty.bondOf(operator);
        VM.assertEq(uint256(money.amount) + money.reserved + money.leaving + money.leavesAt, 0);
    }

    function test_unbond_takenBack() public {
        _bond(BOND);
        VM.prank(operator);
        warranty.unbond(BOND);
        VM.prank(operator);
        warranty.unbond(0);
        VM.warp(block.timestamp + 30 days);
        _isBonded(0);
    }

    // payouts

    /// @dev Who does not take its share with 2,300 gas fetches it.
    function test_shareIsACredit() public {
        Slow slow = new Slow();
        VM.deal(address(slow), CHALLENGE_BOND);
        _bond(BOND);
        Request memory request = _answered(cover.modelId, OUTPUT);
        _challenge(address(slow), cover, request);
        VM.warp(block.timestamp + REVEAL_TIME + 1);
        dispute.timeout(_claim(cover, request, OUTPUT), address(slow));
        uint256 share = uint256(BOND) * 45 / 100 + CHALLENGE_BOND;
        VM.assertEq(warranty.credits(address(slow)), share);
        VM.assertEq(dispute.credits(address(slow)), 0);
        VM.prank(address(slow));
        VM.expectRevert(abi.encodeWithSelector(IPurse.TransferFailed.selector, address(this)));
        warranty.withdrawTo(address(this)); // takes no ether at all
        VM.assertEq(warranty.withdraw(address(slow)), share);
        VM.assertEq(warranty.withdraw(address(slow)), 0);
        VM.assertEq(slow.received(), share);
    }

    function test_constructor() public {
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NotAContract.selector, stranger));
        this.create("Warranty", abi.encode(oracle, stranger));
    }

    function create(string calldata name, bytes calldata arguments) external {
        _created(name, arguments);
    }

    function _isNotCovered(Cover memory other, bytes32 manifest, bytes memory reason) private {
        VM.prank(operator);
        VM.expectRevert(reason);
        warranty.cover(other, manifest);
    }

    function _isNotChallengeable(Request memory request, bytes memory output, bytes memory reason) private {
        VM.expectRevert(reason);
        warranty.challengeableUntil(cover, request, output);
        VM.prank(challenger);
        VM.expectRevert(reason);
        dispute.challenge{value: cover.challengeBond}(cover, request, output);
    }

    function _isBonded(uint256 until) private {
        VM.prank(operator);
        VM.expectRevert(abi.encodeWithSelector(IWarranty.StillBonded.selector, until));
        warranty.withdrawBond(operator);
    }

    function _withdrawn() private returns (uint256 amount) {
        VM.prank(operator);
        return warranty.withdrawBond(stranger);
    }
}

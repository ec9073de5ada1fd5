// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ask, Request} from "../../src/interfaces/IInferenceOracle.sol";
import {UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {VM, Vm} from "../../test/support/Vm.sol";
import {Link} from "../src/interfaces/IAdaptor.sol";
import {IDispute, Phase} from "../src/interfaces/IDispute.sol";
import {Claim, Cover, IWarranty} from "../src/interfaces/IWarranty.sol";
import {Stage} from "./support/Stage.sol";

/// @notice Games from the challenge to the payout, and each move that is refused.
contract GamesTest is Stage {
    Line private lie;
    Cover private cover;
    Request private request;
    Claim private claim;

    function setUp() public override {
        super.setUp();
        lie = _line(true);
        cover = _covered(lie.program, lie.weights);
        _bond(3 * uint256(BOND));
        request = _answered(cover.modelId, OUTPUT);
        claim = _claim(cover, request, OUTPUT);
    }

    function test_servedOpenings_threeTransactionsConvict() public {
        bytes32 game = _challenge(challenger, cover, request);
        VM.assertEq(game, dispute.gameOf(claim, challenger));
        VM.assertEq(warranty.bondOf(operator).reserved, BOND);
        _reveal(challenger);
        VM.warp(block.timestamp + 1);
        VM.expectEmit(address(dispute));
        emit IDispute.Convicted(game, false);
        _prove(challenger);
        _assertConvicted();
        VM.assertTrue(dispute.stateOf(game).phase == Phase.NONE);
    }

    function test_silentGuarantor_isConvicted() public {
        uint256 by = block.timestamp + REVEAL_TIME;
        _challenge(challenger, cover, request);
        VM.warp(by);
        VM.expectRevert(abi.encodeWithSelector(IDispute.TooEarly.selector, by));
        dispute.timeout(claim, challenger);
        VM.warp(by + 1);
        VM.prank(operator);
        VM.expectRevert(abi.encodeWithSelector(IDispute.TooLate.selector, by));
        dispute.reveal(claim, challenger, lie.trace, 0);
        dispute.timeout(claim, challenger);
        _assertConvicted();
    }

    /// @dev Nine tenths of the challenge's bond are the guarantor's, and its own bond is free again.
    function test_challengerWithoutProof_loses() public {
        _challenge(challenger, cover, request);
        _reveal(challenger);
        uint256 by = block.timestamp + CLOCK;
        uint256 before = operator.balance;
        VM.warp(by);
        VM.expectRevert(abi.encodeWithSelector(IDispute.TooEarly.selector, by));
        dispute.timeout(claim, challenger);
        VM.warp(by + 1);
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.TooLate.selector, by));
        dispute.prove(claim, lie.judge, lie.call);
        dispute.timeout(claim, challenger);
        VM.assertEq(operator.balance - before, CHALLENGE_BOND - CHALLENGE_BOND / 10);
        VM.assertEq(address(dispute).balance, CHALLENGE_BOND / 10); // burnt
        VM.assertEq(warranty.bondOf(operator).reserved, 0);
        VM.assertEq(warranty.bondOf(operator).amount, 3 * uint256(BOND));
    }

    function test_aLostGameProvesNothing() public {
        test_challengerWithoutProof_loses();
        VM.deal(challenger, 100 ether);
        VM.deal(address(dispute), 0);
        test_servedOpenings_threeTransactionsConvict();
    }

    /// @dev Every proof of the vectors: what a referee convicts costs the bond, what it does not costs nothing.
    function test_eachVector_isRuledOn() public {
        uint256 cases;
        for (Line memory line = _next(); line.call.length > 0; line = _next()) {
            _rules(line);
            ++cases;
        }
        VM.assertEq(cases, 129);
    }

    function _rules(Line memory line) private {
        bytes32 modelId = registry.modelIdOf(address(this), line.program, line.weights, "manifest");
        Cover memory found = cover;
        if (registry.licensorOf(modelId) == address(0)) found = _covered(line.program, line.weights);
        else (found.modelId, found.programRoot, found.weightsRoot) = (modelId, line.program, line.weights);
        _bond(BOND);
        Request memory asked = _answered(found.modelId, OUTPUT);
        Claim memory about = _claim(found, asked, OUTPUT);
        _challenge(challenger, found, asked);
        VM.prank(operator);
        dispute.reveal(about, challenger, line.trace, 0);
        VM.warp(block.timestamp + 1);
        uint256 before = challenger.balance;
        VM.prank(challenger);
        if (!line.convicted) VM.expectRevert(abi.encodeWithSelector(IDispute.NotRefuted.selector));
        dispute.prove(about, line.judge, line.call);
        VM.assertEq(challenger.balance > before, line.convicted);
        VM.deal(challenger, 100 ether);
    }

    /// @dev Whoever plays the same game again does not find what was revealed in the last one.
    function test_reveal_replacesTheWitnessOfAGameThatIsOver() public {
        bytes32 game = _challenge(challenger, cover, request);
        VM.prank(operator);
        dispute.reveal(claim, challenger, lie.trace, "witness");
        VM.assertEq(dispute.stateOf(game).witness, "witness");
        VM.warp(block.timestamp + CLOCK + 1);
        dispute.timeout(claim, challenger);
        _challenge(challenger, cover, request);
        _reveal(challenger);
        VM.assertEq(dispute.stateOf(game).witness, 0);
    }

    // several games about one answer

    function test_parallel_theOtherGameIsSettled() public {
        _challenge(stranger, cover, request);
        VM.warp(block.timestamp + 1);
        _challenge(challenger, cover, request);
        VM.assertEq(warranty.bondOf(operator).reserved, BOND);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NotConvicted.selector, claim.answer));
        dispute.settle(claim, stranger);
        _reveal(challenger);
        VM.warp(block.timestamp + 1);
        _commitAndProve(challenger);
        dispute.settle(claim, stranger);
        VM.assertEq(stranger.balance, 100 ether);
        _assertConvicted();
    }

    /// @dev A fee of half the bond leaves nothing to burn: the challenger has its own bond back from the dispute contract.
    function test_convicted_whereNothingIsBurnt() public {
        VM.deal(requester, 10 ether);
        Ask memory ask = Ask(cover.modelId, operator, UseClass.PERSONAL, 77, uint40(block.timestamp + HOUR), 0);
        VM.recordLogs();
        VM.prank(requester);
        oracle.request{value: 6 ether}(ask, INPUT);
        Vm.Log[] memory logs = VM.getRecordedLogs();
        (request,) = abi.decode(logs[logs.length - 1].data, (Request, bytes));
        VM.prank(operator);
        oracle.fulfill(request, OUTPUT, 0);
        claim = _claim(cover, request, OUTPUT);
        _challenge(challenger, cover, request);
        VM.warp(block.timestamp + REVEAL_TIME + 1);
        dispute.timeout(claim, challenger);
        uint256 challengers = uint256(BOND) * 45 / 100;
        uint256 requesters = uint256(BOND) * 5 / 100 + BOND / 2;
        VM.assertEq(challenger.balance, 100 ether + challengers);
        VM.assertEq(requester.balance, 4 ether + requesters);
        VM.assertEq(address(warranty).balance, 3 * uint256(BOND) - challengers - requesters);
        VM.assertEq(address(dispute).balance, 0);
    }

    /// @dev However the clocks of the other game stand.
    function test_parallel_theOtherGameRunsOut_nobodyLosesMore() public {
        _challenge(stranger, cover, request);
        VM.warp(block.timestamp + 1);
        _challenge(challenger, cover, request);
        _reveal(challenger);
        _reveal(stranger);
        VM.warp(block.timestamp + 1);
        _commitAndProve(challenger);
        VM.warp(block.timestamp + CLOCK + 1);
        dispute.timeout(claim, stranger);
        VM.assertEq(stranger.balance, 100 ether);
        _assertConvicted();
    }

    function test_parallel_oneIsLost_theOtherConvicts() public {
        _challenge(stranger, cover, request);
        _reveal(stranger);
        VM.warp(block.timestamp + CLOCK + 1);
        _challenge(challenger, cover, request);
        dispute.timeout(claim, stranger);
        VM.assertEq(warranty.bondOf(operator).reserved, BOND);
        _reveal(challenger);
        VM.warp(block.timestamp + 1);
        _prove(challenger);
        VM.assertTrue(warranty.coveredOf(warranty.coverIdOf(cover), claim.answer).convicted);
    }

    // copies

    /// @dev A rival that saw the proof has no game of an earlier second, or must have committed before it saw it.
    function test_copy_needsACommitmentOfAnEarlierSecond() public {
        _challenge(stranger, cover, request);
        _challenge(challenger, cover, request);
        _reveal(challenger);
        _reveal(stranger);
        VM.warp(block.timestamp + 1);
        bytes32 game = dispute.gameOf(claim, challenger);
        bytes32 others = dispute.gameOf(claim, stranger);
        bytes32 proof = keccak256(abi.encodeCall(dispute.prove, (claim, lie.judge, lie.call)));
        _refused(challenger, abi.encodeWithSelector(IDispute.NotCommitted.selector, game));
        VM.prank(challenger);
        dispute.commit(_hash(claim), keccak256(abi.encode(game, proof)));
        _refused(challenger, abi.encodeWithSelector(IDispute.NotCommitted.selector, game)); // the same second
        VM.prank(stranger);
        dispute.commit(_hash(claim), keccak256(abi.encode(game, proof))); // copied
        VM.warp(block.timestamp + 1);
        _refused(stranger, abi.encodeWithSelector(IDispute.NotCommitted.selector, others));
        VM.prank(stranger);
        dispute.commit(_hash(claim), keccak256(abi.encode(others, proof)));
        _refused(stranger, abi.encodeWithSelector(IDispute.NotCommitted.selector, others));
        _prove(challenger);
        VM.warp(block.timestamp + 1);
        _prove(stranger); // too late: its own bond, and nothing else
        VM.assertEq(stranger.balance, 100 ether);
        _assertConvicted();
    }

    /// @dev Who puts a game in front of a proof in the same second neither proves in it nor makes the other commit.
    function test_copy_inFrontOfAProof() public {
        _challenge(challenger, cover, request);
        _reveal(challenger);
        VM.warp(block.timestamp + 1);
        _challenge(stranger, cover, request);
        _reveal(stranger);
        _refused(stranger, abi.encodeWithSelector(IDispute.TooEarly.selector, block.timestamp));
        _prove(challenger);
        dispute.settle(claim, stranger);
        _assertConvicted();
    }

    // moves that are refused

    function test_challenge_wrongBond() public {
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.WrongBond.selector, CHALLENGE_BOND - 1, CHALLENGE_BOND));
        dispute.challenge{value: CHALLENGE_BOND - 1}(cover, request, OUTPUT);
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.WrongBond.selector, CHALLENGE_BOND + 1, CHALLENGE_BOND));
        dispute.challenge{value: CHALLENGE_BOND + 1}(cover, request, OUTPUT);
    }

    function test_challenge_twice() public {
        bytes32 game = _challenge(challenger, cover, request);
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.GameRunning.selector, game));
        dispute.challenge{value: CHALLENGE_BOND}(cover, request, OUTPUT);
    }

    function test_challenge_byAnotherDispute() public {
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NotDispute.selector, address(this), address(dispute)));
        warranty.openGame(cover, request, OUTPUT);
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NotDispute.selector, address(this), address(dispute)));
        warranty.closeGame(cover, claim.answer);
        VM.expectRevert(abi.encodeWithSelector(IWarranty.NotDispute.selector, address(this), address(dispute)));
        warranty.convict(claim, challenger);
    }

    /// @dev A dispute can neither end nor win a game that it did not open.
    function test_closeGame_ofNone() public {
        bytes memory refusal = abi.encodeWithSelector(IWarranty.NotInDispute.selector, claim.answer);
        VM.prank(address(dispute));
        VM.expectRevert(refusal);
        warranty.closeGame(cover, claim.answer);
        VM.prank(address(dispute));
        VM.expectRevert(refusal);
        warranty.convict(claim, challenger);
    }

    /// @dev A claim about anything else has another game.
    function test_claim_aboutAnotherThing() public {
        _challenge(challenger, cover, request);
        Claim memory other = claim;
        other.fee += 1;
        _isNoGame(other);
        other = claim;
        other.requester = stranger;
        _isNoGame(other);
        other = claim;
        other.answer ^= bytes32(uint256(1));
        _isNoGame(other);
        other = claim;
        other.cover.adaptor = address(this);
        _isNoGame(other);
        other = claim;
        other.requestId = "another request";
        _isNoGame(other);
        other = claim;
        other.cover.weightsRoot = "another model's";
        _isNoGame(other);
    }

    function test_early() public {
        _challenge(challenger, cover, request);
        _refused(challenger, abi.encodeWithSelector(IDispute.NotNow.selector, Phase.REVEAL));
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NotNow.selector, Phase.REVEAL));
        dispute.commit(_hash(claim), "anything");
        _reveal(challenger);
        _refused(challenger, abi.encodeWithSelector(IDispute.TooEarly.selector, block.timestamp));
        VM.prank(operator);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NotNow.selector, Phase.CHALLENGER));
        dispute.reveal(claim, challenger, lie.trace, 0);
    }

    function test_byOthers() public {
        _challenge(challenger, cover, request);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NotGuarantor.selector, address(this), operator));
        dispute.reveal(claim, challenger, lie.trace, 0);
        VM.prank(operator);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NoTrace.selector));
        dispute.reveal(claim, challenger, 0, 0);
        _reveal(challenger);
        bytes memory noGame = abi.encodeWithSelector(IDispute.NoGame.selector, dispute.gameOf(claim, stranger));
        VM.prank(stranger);
        VM.expectRevert(noGame);
        dispute.commit(_hash(claim), "anything");
        _refused(stranger, noGame);
    }

    function test_proofThatIsNone() public {
        _challenge(challenger, cover, request);
        _reveal(challenger);
        VM.warp(block.timestamp + 1);
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NotRefuted.selector));
        dispute.prove(claim, lie.judge, "");
        VM.prank(challenger);
        VM.expectRevert(bytes("")); // the referee knows no such call
        dispute.prove(claim, lie.judge, "another call");
    }

    function test_bytesOfAnotherRequestOrAnswer() public {
        _challenge(challenger, cover, request);
        _reveal(challenger);
        VM.warp(block.timestamp + 1);
        Link memory none;
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.WrongInput.selector, claim.inputHash));
        dispute.proveInput(claim, OUTPUT, none);
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.WrongOutput.selector, claim.answer));
        dispute.proveOutput(claim, INPUT, none);
    }

    function _isNoGame(Claim memory other) private {
        bytes32 game = dispute.gameOf(other, challenger);
        VM.prank(operator);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NoGame.selector, game));
        dispute.reveal(other, challenger, lie.trace, 0);
    }

    function _refused(address who, bytes memory reason) private {
        VM.prank(who);
        VM.expectRevert(reason);
        dispute.prove(claim, lie.judge, lie.call);
    }

    function _reveal(address against) private {
        VM.prank(operator);
        dispute.reveal(claim, against, lie.trace, 0);
    }

    function _prove(address who) private {
        VM.prank(who);
        dispute.prove(claim, lie.judge, lie.call);
    }

    function _commitAndProve(address who) private {
        bytes32 game = dispute.gameOf(claim, who);
        bytes32 proof = keccak256(abi.encodeCall(dispute.prove, (claim, lie.judge, lie.call)));
        VM.prank(who);
        dispute.commit(_hash(claim), keccak256(abi.encode(game, proof)));
        VM.warp(block.timestamp + 1);
        _prove(who);
    }

    /// @dev 45 % the challenger, 5 % and the fee the requester, the rest burnt: of it the challenger's own bond in the dispute contract,
    /// which the warranty paid back; to the wei.
    function _assertConvicted() private view {
        uint256 challengers = uint256(BOND) * 45 / 100;
        uint256 requesters = uint256(BOND) * 5 / 100 + FEE;
        VM.assertEq(challenger.balance, 100 ether + challengers);
        VM.assertEq(requester.balance, 1 ether - FEE + requesters);
        VM.assertEq(warranty.bondOf(operator).amount, 2 * uint256(BOND));
        VM.assertEq(warranty.bondOf(operator).reserved, 0);
        uint256 burnt = BOND - challengers - requesters;
        VM.assertEq(address(warranty).balance, 2 * uint256(BOND) + burnt - CHALLENGE_BOND);
        VM.assertEq(address(dispute).balance, CHALLENGE_BOND);
    }
}

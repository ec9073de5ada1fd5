// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee, Offer, Signature} from "../src/interfaces/ICommittee.sol";
import {Ask, IInferenceOracle, Request, State} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {LaneWord} from "../src/types/LaneWord.sol";
import {Mode} from "../src/types/Policy.sol";
import {Callbacks} from "./support/Callbacks.sol";
import {CommitteeFixture} from "./support/CommitteeFixture.sol";
import {Plain} from "./support/Plain.sol";
import {SilentToken} from "./support/Tokens.sol";
import {VM} from "./support/Vm.sol";

/// @notice Answers by M signatures, one by one and in batches, and the pay for them.
contract CommitteeAnswersTest is CommitteeFixture {
    uint96 private constant FEE = 1 ether + 3;

    Plain private made;
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        _publish(ALL_OPEN);
        _offerModel(0);
        (made, id) = _openIn(7, FEE, 0);
    }

    function test_answer_isFinal() public {
        Signature[] memory signatures = _signed(_resultDigest(made.wire(), OUTPUT), 5);
        VM.expectEmit(address(committee));
        emit ICommittee.Answered(id, _addresses(5));
        VM.prank(stranger); // whoever has them
        committee.answer(made.wire(), OUTPUT, signatures);
        VM.assertTrue(oracle.finalized(made.wire(), OUTPUT));
        VM.assertEq(committee.earnedBy(ETHER, _addresses(5)), FEE);
        VM.assertEq(committee.earnedBy(ETHER, _addresses(3)), 0);
    }

    function test_answer_reverts_count() public {
        bytes32 digest = _resultDigest(made.wire(), OUTPUT);
        _refused(abi.encodeWithSelector(ICommittee.WrongSignatureCount.selector, 0, 2), new Signature[](0));
        _refused(abi.encodeWithSelector(ICommittee.WrongSignatureCount.selector, 1, 2), _signed(digest, 1));
        _refused(abi.encodeWithSelector(ICommittee.WrongSignatureCount.selector, 3, 2), _signed(digest, 7));
    }

    function test_answer_reverts_duplicateOrReordered() public {
        Signature[] memory signatures = _signed(_resultDigest(made.wire(), OUTPUT), 3);
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        _refused(abi.encodeWithSelector(ICommittee.NotAscending.selector, who[1], who[0]), signatures);
        signatures[1] = signatures[0];
        _refused(abi.encodeWithSelector(ICommittee.NotAscending.selector, who[1], who[1]), signatures);
    }

    function test_answer_reverts_noSigner() public {
        Signature[] memory signatures = _signed(_resultDigest(made.wire(), OUTPUT), 3);
        signatures[1] = Signature(0, 0);
        _refused(abi.encodeWithSelector(ICommittee.InvalidSignature.selector, 1), signatures);
    }

    function test_answer_reverts_noMember() public {
        bytes32 digest = _resultDigest(made.wire(), OUTPUT);
        _refused(abi.encodeWithSelector(ICommittee.NotSigning.selector, who[3]), _signed(digest, 9));
        _leave(1);
        _refused(abi.encodeWithSelector(ICommittee.NotSigning.selector, who[1]), _signed(digest, 3));
        VM.warp(START + UNBONDING);
        committee.release(who[1]);
        _refused(abi.encodeWithSelector(ICommittee.NotSigning.selector, who[1]), _signed(digest, 3));
    }

    /// @dev What is signed for something else recovers to nobody who is known.
    function test_answer_reverts_otherwiseSigned() public {
        (Plain memory other,) = _openIn(8, FEE, 0);
        _refusedAsNobodys(_resultDigest(other.wire(), OUTPUT)); // another request
        _refusedAsNobodys(_resultDigest(made.wire(), "other")); // another result
        bytes32 resultHash = oracle.resultHashOf(id, modelId, OUTPUT);
        _refusedAsNobodys(committee.hashCommitment(id, resultHash)); // another message
        _refusedAsNobodys(committee.hashResults(resultHash));
        ICommittee twin = ICommittee(factory.create(_rules(), _addresses(7)));
        _refusedAsNobodys(twin.hashResult(id, resultHash)); // another committee
        bytes32[2] memory elsewhere;
        for (uint256 i; i < 2; ++i) {
            VM.chainId(5 + i); // other chains, one after the other
            elsewhere[i] = committee.hashResult(id, resultHash);
        }
        VM.chainId(31_337);
        _refusedAsNobodys(elsewhere[0]);
        _refusedAsNobodys(elsewhere[1]);
        _answer(made, OUTPUT, 3); // and back
    }

    function test_answer_reverts_asTheOracleSays() public {
        _answer(made, OUTPUT, 3);
        Signature[] memory signatures = _signed(_resultDigest(made.wire(), OUTPUT), 3);
        _refused(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id), signatures); // answered
        (made, id) = _openIn(8, FEE, 0);
        VM.warp(made.deadline + 1);
        signatures = _signed(_resultDigest(made.wire(), OUTPUT), 3);
        _refused(abi.encodeWithSelector(IInferenceOracle.DeadlinePassed.selector, made.deadline), signatures);
        oracle.refund(made.wire());
    }

    function test_answer_reverts_forAnotherOperator() public {
        ICommittee twin = ICommittee(factory.create(_rules(), _addresses(7)));
        for (uint256 i; i < 2; ++i) {
            VM.prank(who[i]);
            twin.join{value: STAKE}(_owner(i), address(0), "");
        }
        Signature[] memory signatures = _signed(twin.hashResult(id, oracle.resultHashOf(id, modelId, OUTPUT)), 3);
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceOracle.NotOperator.selector, id, address(twin), address(committee))
        );
        twin.answer(made.wire(), OUTPUT, signatures);
    }

    // licenses

    function test_answer_asksForGrantsOfAll() public {
        _underGrants();
        Signature[] memory signatures = _signed(_resultDigest(made.wire(), OUTPUT), 3);
        _activate(who[0], Role.OPERATOR);
        _refused(_unauthorized(who[1]), signatures);
        _activate(who[1], Role.OPERATOR);
        _refused(_unauthorized(address(committee)), signatures);
        _activate(address(committee), Role.OPERATOR);
        committee.answer(made.wire(), OUTPUT, signatures);
        VM.assertEq(committee.earnedBy(ETHER, _addresses(3)), FEE - 2 * (uint256(FEE) * ROYALTY_BPS / 10_000));
    }

    /// @dev A raised epoch voids grants for what is asked later, and takes nothing from what is open.
    function test_answer_afterTheEpochWasRaised() public {
        _underGrants();
        _licensed();
        VM.prank(licensor);
        registry.raiseEpoch(modelId);
        LaneWord word = oracle.laneOf(requester, made.lane);
        VM.assertTrue(word.mode() == Mode.GRANT && word.useClass() == UseClass.COMMERCIAL && word.epoch() == 0);
        VM.assertTrue(word.holds(State.OPEN, 1, id));
        _answer(made, OUTPUT, 3);
        word = oracle.laneOf(requester, made.lane);
        VM.assertTrue(word.mode() == Mode.CLOSED && word.state() == State.FINAL);
    }

    function test_answer_reverts_revokedSigner() public {
        _underGrants();
        _licensed();
        VM.prank(licensor);
        registry.revoke(modelId, who[1], Role.OPERATOR, 1);
        Signature[] memory signatures = _signed(_resultDigest(made.wire(), OUTPUT), 3);
        _refused(abi.encodeWithSelector(ILicenseRegistry.GrantIsRevoked.selector, who[1], Role.OPERATOR, 1), signatures);
        _answer(made, OUTPUT, 5);
    }

    /// @dev Nobody would count its uses.
    function test_answer_reverts_meteredSigner() public {
        _underGrants();
        _licensed();
        _activate(_metered(who[1], Role.OPERATOR, 2, 5, 5));
        Signature[] memory signatures = _signed(_resultDigest(made.wire(), OUTPUT), 3);
        _refused(
            abi.encodeWithSelector(
                ILicenseRegistry.GrantForOtherMarket.selector, who[1], Role.OPERATOR, address(oracle)
            ),
            signatures
        );
    }

    /// @dev A licensor that is a member cannot raise its royalty beyond the rules just before it sends the answer.
    function test_answer_reverts_royaltyAboveTheRules() public {
        _underGrants();
        _licensed();
        Grant memory dear = _grant(address(committee), Role.OPERATOR, 2);
        dear.royaltyBps = ROYALTY_BPS + 1;
        _activate(dear);
        Signature[] memory signatures = _signed(_resultDigest(made.wire(), OUTPUT), 3);
        uint256 royalty = uint256(FEE) * ROYALTY_BPS / 10_000;
        uint256 dearer = uint256(FEE) * (ROYALTY_BPS + 1) / 10_000;
        _refused(
            abi.encodeWithSelector(
                IInferenceOracle.PayTooLow.selector, FEE - royalty - dearer, uint96(FEE - 2 * royalty)
            ),
            signatures
        );
    }

    // pay

    function test_pay_isSplitExactly() public {
        _answer(made, OUTPUT, 3);
        address[] memory signers = _addresses(3);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotCollected.selector, FEE, 0)); // stakes are no pay
        committee.split(ETHER, signers);
        VM.assertEq(committee.collect(ETHER, _models()), FEE);
        VM.expectEmit(address(committee));
        emit ICommittee.Split(ETHER, signers, FEE / 2, 1);
        VM.assertEq(committee.split(ETHER, signers), FEE);
        VM.assertEq(committee.split(ETHER, signers), 0);
        VM.assertEq(committee.credits(ETHER, _owner(0)), FEE / 2 + 1); // the odd wei is the first's
        VM.assertEq(committee.credits(ETHER, _owner(1)), FEE / 2);
        VM.assertEq(committee.owed(ETHER), 3 * STAKE + FEE);
        VM.assertEq(committee.withdraw(ETHER, _owner(0)), FEE / 2 + 1);
        VM.assertEq(committee.withdraw(ETHER, _owner(0)), 0);
        VM.prank(_owner(1));
        VM.assertEq(committee.withdrawTo(ETHER, stranger), FEE / 2);
        VM.assertEq(stranger.balance, FEE / 2);
        VM.assertEq(address(committee).balance, 3 * STAKE);
        VM.assertEq(committee.owed(ETHER), 3 * STAKE);
    }

    /// @dev Whoever fetches it from the oracle in whatever way.
    function test_pay_collectedByOthers() public {
        _answer(made, OUTPUT, 6);
        oracle.collect(ETHER, modelId, address(committee));
        oracle.withdraw(ETHER, address(committee));
        address[][] memory groups = new address[][](1);
        groups[0] = _addresses(6);
        VM.assertEq(committee.claim(ETHER, _models(), groups, _owner(2)), FEE / 2);
    }

    function test_pay_ofSeveralGroups() public {
        _answer(made, OUTPUT, 3);
        (made,) = _openIn(8, 100, 0);
        _answer(made, OUTPUT, 3);
        (made,) = _openIn(9, 11, 0);
        _answer(made, OUTPUT, 6);
        VM.assertEq(committee.earnedBy(ETHER, _addresses(3)), FEE + 100);
        address[][] memory groups = new address[][](2);
        (groups[0], groups[1]) = (_addresses(3), _addresses(6));
        VM.assertEq(committee.claim(ETHER, _models(), groups, _owner(1)), (FEE + 100) / 2 + 6);
        VM.assertEq(committee.credits(ETHER, _owner(2)), 5);
    }

    /// @dev Signers in another order are another group, that has earned nothing.
    function test_pay_reverts_nothingForOthers() public {
        _answer(made, OUTPUT, 3);
        committee.collect(ETHER, _models());
        address[] memory signers = _addresses(3);
        (signers[0], signers[1]) = (signers[1], signers[0]);
        VM.assertEq(committee.split(ETHER, signers), 0);
        VM.assertEq(committee.split(ETHER, new address[](0)), 0);
    }

    function test_pay_inTokens() public {
        SilentToken token = new SilentToken();
        Offer memory offered = Offer(modelId, address(token), true, 10, MAX_CALLBACK_GAS, 1);
        committee.offer(offered, _signed(committee.hashOffer(offered), 3));
        token.mint(requester, 21);
        Ask memory ask = _ask();
        ask.lane = 8;
        VM.prank(requester);
        token.approve(address(oracle), 21);
        VM.prank(requester);
        oracle.requestWithToken(ask, INPUT, address(token), 21);
        made = _made(ask, requester, 1, 21, 0);
        made.token = address(token);
        _answer(made, OUTPUT, 5);
        address[][] memory groups = new address[][](1);
        groups[0] = _addresses(5);
        VM.assertEq(committee.claim(address(token), _models(), groups, _owner(0)), 11);
        VM.assertEq(token.balanceOf(_owner(0)), 11);
        VM.assertEq(committee.owed(address(token)), 10);
        VM.assertEq(committee.earnedBy(ETHER, groups[0]), 0);
    }

    function test_withdraw_reverts_refusedEther() public {
        _leave(0);
        VM.warp(START + UNBONDING);
        committee.release(who[0]);
        VM.etch(_owner(0), hex"5f5ffd");
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TransferFailed.selector, _owner(0)));
        committee.withdraw(ETHER, _owner(0));
        VM.assertEq(committee.credits(ETHER, _owner(0)), STAKE);
    }

    /// @dev A consumer that empties the till, and has it paid out, in its callback changes nothing of what was earned.
    function test_answer_callbackMovesTheMoney() public {
        Callbacks consumer = new Callbacks(oracle);
        Ask memory ask = _ask();
        (ask.lane, ask.callbackGas) = (1, MAX_CALLBACK_GAS);
        VM.deal(address(this), 50);
        consumer.ask{value: 50}(ask, INPUT);
        made = _made(ask, address(consumer), 1, 50, 0);
        consumer.react(Callbacks.Reaction.WITHDRAW, ask, made);
        _answer(made, OUTPUT, 3);
        VM.assertTrue(consumer.inner());
        VM.assertEq(consumer.output(), OUTPUT);
        VM.assertEq(committee.earnedBy(ETHER, _addresses(3)), 50);
        VM.assertEq(address(committee).balance, 3 * STAKE + 50);
    }

    // batches

    function test_answerMany_eachForItself() public {
        (Request[] memory requests, bytes[] memory outputs) = _several(5);
        _answer(made, "first", 5); // the last of them was answered before
        requests[4] = made.wire();
        (bytes32 root, Signature[] memory signatures) = _signedBatch(requests, outputs, 3);
        VM.expectEmit(address(committee));
        emit ICommittee.NotAnswered(id, abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id));
        VM.expectEmit(address(committee));
        emit ICommittee.AnsweredMany(root, 4, _addresses(3));
        VM.assertEq(committee.answerMany(requests, outputs, signatures), 4);
        for (uint256 i; i < 4; ++i) {
            VM.assertTrue(oracle.finalized(requests[i], outputs[i]));
        }
        VM.assertEq(committee.earnedBy(ETHER, _addresses(3)), 20 + 21 + 22 + 23);
    }

    function testFuzz_answerMany_anyNumber(uint8 count) public {
        (Request[] memory requests, bytes[] memory outputs) = _several(1 + count % 9);
        (, Signature[] memory signatures) = _signedBatch(requests, outputs, 6);
        VM.assertEq(committee.answerMany(requests, outputs, signatures), requests.length);
    }

    /// @dev Pay of each token is booked as such, wherever in the batch it is.
    function test_answerMany_inSeveralTokens() public {
        SilentToken token = new SilentToken();
        Offer memory offered = Offer(modelId, address(token), true, 0, MAX_CALLBACK_GAS, 1);
        committee.offer(offered, _signed(committee.hashOffer(offered), 3));
        token.mint(requester, 500);
        VM.prank(requester);
        token.approve(address(oracle), 500);
        (Request[] memory requests, bytes[] memory outputs) = _several(4);
        for (uint64 i = 1; i < 4; i += 2) {
            Ask memory ask = _ask();
            ask.lane = 30 + i;
            VM.prank(requester);
            oracle.requestWithToken(ask, INPUT, address(token), 100 + i);
            Plain memory asked = _made(ask, requester, 1, 100 + uint96(i), 0);
            asked.token = address(token);
            requests[i] = asked.wire();
        }
        (, Signature[] memory signatures) = _signedBatch(requests, outputs, 3);
        VM.assertEq(committee.answerMany(requests, outputs, signatures), 4);
        VM.assertEq(committee.earnedBy(ETHER, _addresses(3)), 20 + 22);
        VM.assertEq(committee.earnedBy(address(token), _addresses(3)), 101 + 103);
    }

    function test_answerMany_reverts() public {
        (Request[] memory requests, bytes[] memory outputs) = _several(2);
        (, Signature[] memory signatures) = _signedBatch(requests, outputs, 3);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.UnequalLists.selector, 2, 1));
        committee.answerMany(requests, new bytes[](1), signatures);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.UnequalLists.selector, 0, 0));
        committee.answerMany(new Request[](0), new bytes[](0), signatures);
        committee.answerMany(requests, outputs, signatures);
        _expect(ICommittee.NothingAnswered.selector);
        committee.answerMany(requests, outputs, signatures);
        outputs[1] = "other";
        (bool done, bytes memory reason) =
            address(committee).call(abi.encodeCall(committee.answerMany, (requests, outputs, signatures)));
        VM.assertTrue(!done && bytes4(reason) == ICommittee.NotSigning.selector);
    }

    function test_answerMany_reverts_unlicensedSigner() public {
        _underGrants();
        _licensed();
        VM.prank(licensor);
        registry.revoke(modelId, who[1], Role.OPERATOR, 1);
        (Request[] memory requests, bytes[] memory outputs) = (new Request[](1), new bytes[](1));
        (requests[0], outputs[0]) = (made.wire(), OUTPUT);
        (, Signature[] memory signatures) = _signedBatch(requests, outputs, 3);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.GrantIsRevoked.selector, who[1], Role.OPERATOR, 1));
        committee.answerMany(requests, outputs, signatures);
        (, signatures) = _signedBatch(requests, outputs, 5);
        committee.answerMany(requests, outputs, signatures);
    }

    /// @dev Requests in lanes from 20 on, with fees of 20 and more.
    function _several(uint256 count) private returns (Request[] memory requests, bytes[] memory outputs) {
        (requests, outputs) = (new Request[](count), new bytes[](count));
        for (uint256 i; i < count; ++i) {
            (Plain memory one,) = _openIn(20 + uint64(i), 20 + uint96(i), 0);
            requests[i] = one.wire();
            outputs[i] = abi.encode(i);
        }
    }

    function _signedBatch(Request[] memory requests, bytes[] memory outputs, uint256 mask)
        private
        view
        returns (bytes32 root, Signature[] memory signatures)
    {
        bytes32[] memory leaves = new bytes32[](requests.length);
        for (uint256 i; i < leaves.length; ++i) {
            bytes32 one = oracle.idOf(requests[i]);
            leaves[i] = Merkle.leafHash(abi.encode(one, oracle.resultHashOf(one, modelId, outputs[i])));
        }
        root = Merkle.rootOf(leaves);
        signatures = _signed(committee.hashResults(root), mask);
    }

    /// @dev The request is asked again under a policy by which both sides need grants; the requester's is there.
    function _underGrants() private {
        VM.prank(licensor);
        registry.publishTerms(modelId, TERMS_HASH, ALL_GRANT, uint40(block.timestamp + NOTICE), "", "");
        VM.warp(block.timestamp + NOTICE);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        _activate(grant);
        Ask memory ask = _ask();
        ask.lane = 9;
        id = _request(ask, FEE);
        made = _made(ask, requester, 1, FEE, ROYALTY_BPS);
        made.termsVersion = 2;
        VM.assertEq(oracle.idOf(made.wire()), id);
    }

    function _licensed() private {
        _activate(address(committee), Role.OPERATOR);
        for (uint256 i; i < 3; ++i) {
            _activate(who[i], Role.OPERATOR);
        }
    }

    function _unauthorized(address account) private view returns (bytes memory) {
        return abi.encodeWithSelector(
            ILicenseRegistry.AuthorizationRequired.selector, account, Role.OPERATOR, UseClass.COMMERCIAL
        );
    }

    function _models() private view returns (bytes32[] memory models) {
        models = new bytes32[](1);
        models[0] = modelId;
    }

    function _refused(bytes memory reason, Signature[] memory signatures) private {
        Request memory request = made.wire();
        VM.expectRevert(reason);
        committee.answer(request, OUTPUT, signatures);
    }

    function _refusedAsNobodys(bytes32 digest) private {
        Signature[] memory signatures = _signed(digest, 3);
        (bool done, bytes memory reason) =
            address(committee).call(abi.encodeCall(committee.answer, (made.wire(), OUTPUT, signatures)));
        VM.assertTrue(!done && bytes4(reason) == ICommittee.NotSigning.selector);
    }
}

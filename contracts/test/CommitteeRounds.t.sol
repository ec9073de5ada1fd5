// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee, Signature} from "../src/interfaces/ICommittee.sol";
import {Ask, IInferenceOracle, Request} from "../src/interfaces/IInferenceOracle.sol";
import {ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {CommitteeFixture} from "./support/CommitteeFixture.sol";
import {Plain} from "./support/Plain.sol";
import {VM} from "./support/Vm.sol";

/// @notice On chain, where members are silent: commit, reveal, count, and the fine for who does not reveal.
contract CommitteeRoundsTest is CommitteeFixture {
    uint96 private constant FEE = 1 ether;
    bytes private constant OTHER = "other";

    Plain private made;
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        _publish(ALL_OPEN);
        _offerModel(0);
        (made, id) = _openIn(7, FEE, 0);
    }

    function test_round_answers() public {
        VM.expectEmit(address(committee));
        emit ICommittee.RoundOpened(id, uint40(START) + WINDOW, uint40(START) + 2 * WINDOW);
        VM.expectEmit(address(committee));
        emit ICommittee.Committed(id, who[0], _commitment(0, OUTPUT));
        VM.prank(stranger); // whoever has what they signed
        _commit(3, OUTPUT);
        VM.warp(START + WINDOW);
        _commit(4, OTHER); // in the last second
        VM.assertEq(committee.commitmentOf(id, who[2]), _commitment(2, OTHER));

        VM.warp(START + WINDOW + 1);
        VM.expectEmit(address(committee));
        emit ICommittee.Revealed(id, who[1], _resultHash(OUTPUT));
        _reveal(1, OUTPUT);
        _reveal(2, OTHER);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TooFewReveals.selector, id, 1, 2));
        committee.count(made.wire(), OUTPUT);
        VM.warp(START + 2 * WINDOW);
        _reveal(0, OUTPUT);
        address[] memory signers = new address[](2);
        (signers[0], signers[1]) = (who[1], who[0]);
        VM.assertEq(abi.encode(committee.revealedBy(id, _resultHash(OUTPUT))), abi.encode(signers));

        VM.warp(made.deadline);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TooFewReveals.selector, id, 1, 2));
        committee.count(made.wire(), OTHER);
        VM.expectEmit(address(committee));
        emit ICommittee.Answered(id, signers);
        committee.count(made.wire(), OUTPUT);
        VM.assertTrue(oracle.finalized(made.wire(), OUTPUT));
        VM.assertEq(committee.earnedBy(ETHER, signers), FEE);
        for (uint256 i; i < 3; ++i) {
            VM.assertEq(committee.memberOf(who[i]).stake, STAKE); // nobody loses for being outvoted
        }
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id));
        committee.count(made.wire(), OUTPUT);
    }

    function test_commit_reverts_notOpen() public {
        Request memory request = made.wire();
        (bytes32[] memory commitments, Signature[] memory signatures) = _committed(3, OUTPUT);
        made.seq = 2;
        Request memory never = made.wire();
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotOpen.selector, oracle.idOf(never)));
        committee.commit(never, commitments, signatures);
        made.seq = 1;
        ICommittee twin = ICommittee(factory.create(_rules(), _addresses(7)));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotOpen.selector, id));
        twin.commit(request, commitments, signatures); // of another committee
        _answer(made, OUTPUT, 3);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotOpen.selector, id));
        committee.commit(request, commitments, signatures); // answered
    }

    function test_commit_reverts_lists() public {
        Request memory request = made.wire();
        (bytes32[] memory commitments, Signature[] memory signatures) = _committed(3, OUTPUT);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.UnequalLists.selector, 1, 2));
        committee.commit(request, new bytes32[](1), signatures);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.UnequalLists.selector, 0, 0));
        committee.commit(request, new bytes32[](0), new Signature[](0));
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        (commitments[0], commitments[1]) = (commitments[1], commitments[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotAscending.selector, who[1], who[0]));
        committee.commit(request, commitments, signatures);
        (signatures[1], commitments[1]) = (signatures[0], commitments[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotAscending.selector, who[1], who[1]));
        committee.commit(request, commitments, signatures);
        signatures[0] = Signature(0, 0);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.InvalidSignature.selector, 0));
        committee.commit(request, commitments, signatures);
        (commitments, signatures) = _committed(8, OUTPUT);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotSigning.selector, who[3]));
        committee.commit(request, commitments, signatures);
    }

    /// @dev Those that somebody put there first are passed over; the first one counts.
    function test_commit_replayed() public {
        _commit(1, OUTPUT);
        Request memory request = made.wire();
        (bytes32[] memory commitments, Signature[] memory signatures) = _committed(1, OTHER);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.AlreadyCommitted.selector, id));
        committee.commit(request, commitments, signatures);
        _commit(3, OUTPUT);
        VM.assertEq(committee.commitmentOf(id, who[0]), _commitment(0, OUTPUT));
        VM.assertEq(committee.commitmentOf(id, who[1]), _commitment(1, OUTPUT));
    }

    function test_commit_reverts_late() public {
        Request memory request = made.wire();
        (bytes32[] memory commitments, Signature[] memory signatures) = _committed(3, OUTPUT);
        VM.warp(made.deadline - 3 * WINDOW + 1);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TooLate.selector, id, made.deadline - 3 * WINDOW));
        committee.commit(request, commitments, signatures);
        VM.warp(made.deadline - 3 * WINDOW);
        _commit(1, OUTPUT);
        VM.warp(made.deadline - 2 * WINDOW + 1);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TooLate.selector, id, made.deadline - 2 * WINDOW));
        committee.commit(request, commitments, signatures);
    }

    /// @dev No round fits in before the deadline, whatever the time is.
    function test_commit_reverts_shortDeadline() public {
        Ask memory ask = _ask();
        (ask.lane, ask.deadline) = (8, uint40(block.timestamp) + 3 * WINDOW - 1);
        id = _request(ask, FEE);
        made = _made(ask, requester, 1, FEE, 0);
        (bytes32[] memory commitments, Signature[] memory signatures) = _committed(1, OUTPUT);
        Request memory request = made.wire();
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TooLate.selector, id, START - 1));
        committee.commit(request, commitments, signatures);
    }

    function test_commit_reverts_unlicensed() public {
        VM.prank(licensor);
        registry.publishTerms(modelId, TERMS_HASH, ALL_GRANT, uint40(START + NOTICE), "", "");
        VM.warp(START + NOTICE);
        _activate(_grant(requester, Role.REQUESTER, 1));
        Ask memory ask = _ask();
        ask.lane = 9;
        id = _request(ask, FEE);
        made = _made(ask, requester, 1, FEE, ROYALTY_BPS);
        made.termsVersion = 2;
        (bytes32[] memory commitments, Signature[] memory signatures) = _committed(1, OUTPUT);
        Request memory request = made.wire();
        VM.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.AuthorizationRequired.selector, who[0], Role.OPERATOR, UseClass.COMMERCIAL
            )
        );
        committee.commit(request, commitments, signatures);
        _activate(_grant(who[0], Role.OPERATOR, 1));
        committee.commit(request, commitments, signatures);
    }

    function test_reveal_reverts() public {
        _commit(3, OUTPUT);
        (bytes32 resultHash, bytes32 other) = (_resultHash(OUTPUT), _resultHash(OTHER));
        VM.warp(START + WINDOW);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TooEarly.selector, id, START + WINDOW + 1));
        committee.reveal(id, who[0], resultHash, _salt(0));
        VM.warp(START + WINDOW + 1);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotCommitted.selector, id, who[2]));
        committee.reveal(id, who[2], resultHash, _salt(2));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotCommitted.selector, bytes32("id"), who[0]));
        committee.reveal("id", who[0], resultHash, _salt(0));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.CommitmentMismatch.selector, id, who[0]));
        committee.reveal(id, who[0], other, _salt(0));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.CommitmentMismatch.selector, id, who[0]));
        committee.reveal(id, who[0], resultHash, _salt(1));
        _reveal(0, OUTPUT);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotCommitted.selector, id, who[0]));
        committee.reveal(id, who[0], resultHash, _salt(0)); // once
        VM.warp(START + 2 * WINDOW + 1);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TooLate.selector, id, START + 2 * WINDOW));
        committee.reveal(id, who[1], resultHash, _salt(1));
    }

    /// @dev A commitment names its member: another's says nothing.
    function test_reveal_reverts_copied() public {
        bytes32[] memory commitments = new bytes32[](1);
        commitments[0] = _commitment(0, OUTPUT);
        Signature[] memory signatures = _signed(committee.hashCommitment(id, commitments[0]), 2);
        committee.commit(made.wire(), commitments, signatures);
        VM.warp(START + WINDOW + 1);
        bytes32 resultHash = _resultHash(OUTPUT);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.CommitmentMismatch.selector, id, who[1]));
        committee.reveal(id, who[1], resultHash, _salt(0));
    }

    function test_fine_theSilent() public {
        _commit(3, OUTPUT);
        VM.warp(START + 2 * WINDOW);
        Request memory request = made.wire();
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TooEarly.selector, id, START + 2 * WINDOW + 1));
        committee.fine(request, who[0]);
        _reveal(1, OUTPUT);
        VM.warp(START + 2 * WINDOW + 1);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotCommitted.selector, id, who[1]));
        committee.fine(request, who[1]); // revealed
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotCommitted.selector, id, who[2]));
        committee.fine(request, who[2]); // never committed
        VM.expectEmit(address(committee));
        emit ICommittee.Fined(who[0], id, stranger, FINE);
        VM.prank(stranger);
        committee.fine(request, who[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotCommitted.selector, id, who[0]));
        committee.fine(request, who[0]); // once

        VM.assertEq(committee.memberOf(who[0]).stake, STAKE - FINE);
        VM.assertEq(committee.credits(ETHER, stranger), FINE * 45 / 100);
        VM.assertEq(committee.credits(ETHER, requester), FINE * 5 / 100);
        VM.assertEq(address(committee).balance, 3 * STAKE - FINE / 2);
        VM.assertEq(committee.owed(ETHER), 3 * STAKE - FINE / 2);
        _mayNotSignUntilToppedUp();
    }

    /// @dev Refunded or still open; but not answered, and not where that cannot be told any more.
    function test_fine_whileUnanswered() public {
        _commit(7, OUTPUT);
        VM.warp(made.deadline + 1);
        oracle.refund(made.wire());
        committee.fine(made.wire(), who[0]);
        (Plain memory later,) = _openIn(7, FEE, 0);
        VM.assertEq(later.seq, 2);
        Request memory request = made.wire();
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotUnanswered.selector, id));
        committee.fine(request, who[1]);
    }

    function test_fine_reverts_answered() public {
        _commit(7, OUTPUT);
        _answer(made, OUTPUT, 6); // as ever, while the round goes on
        VM.warp(START + 2 * WINDOW + 1);
        Request memory request = made.wire();
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotUnanswered.selector, id));
        committee.fine(request, who[0]);
    }

    /// @dev Leaving does not help: the stake is bound for longer than a round takes.
    function test_fine_whoeverLeaves() public {
        _commit(3, OUTPUT);
        _leave(0);
        _leave(1);
        VM.warp(START + 2 * WINDOW);
        _reveal(1, OUTPUT); // who reveals loses nothing
        VM.warp(START + 2 * WINDOW + 1);
        committee.fine(made.wire(), who[0]);
        VM.warp(START + UNBONDING);
        committee.release(who[0]);
        committee.release(who[1]);
        VM.assertEq(committee.credits(ETHER, _owner(0)), STAKE - FINE);
        VM.assertEq(committee.credits(ETHER, _owner(1)), STAKE);
    }

    /// @dev Fines take what is there, and no more.
    function test_fine_severalAtOnce() public {
        Plain[] memory several = new Plain[](12);
        for (uint64 i; i < 12; ++i) {
            (made, id) = _openIn(20 + i, 0, 0);
            several[i] = made;
            _commit(1, OUTPUT);
        }
        VM.warp(START + 2 * WINDOW + 1);
        for (uint256 i; i < 10; ++i) {
            committee.fine(several[i].wire(), who[0]);
        }
        VM.assertEq(committee.memberOf(who[0]).stake, 0);
        Request memory request = several[10].wire();
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[0]));
        committee.fine(request, who[0]);
        VM.prank(who[0]); // it is in all the same
        VM.expectRevert(abi.encodeWithSelector(ICommittee.AlreadyMember.selector, who[0]));
        committee.join{value: STAKE}(_owner(0), address(0), "");
        VM.deal(address(this), STAKE);
        committee.topUp{value: STAKE}(who[0]);
        VM.assertTrue(committee.isSigning(who[0]));
    }

    /// @dev Whose stake is not whole any more does not count, though it revealed.
    function test_count_withoutTheFined() public {
        (Plain memory first, bytes32 firstId) = (made, id);
        _commit(1, OUTPUT);
        VM.warp(START + 2 * WINDOW - 10);
        (made, id) = _openIn(8, FEE, 0);
        _commit(7, OUTPUT);
        VM.warp(START + 3 * WINDOW - 9);
        _reveal(0, OUTPUT);
        committee.fine(first.wire(), who[0]);
        VM.assertEq(committee.commitmentOf(firstId, who[0]), 0);
        _reveal(1, OUTPUT);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.TooFewReveals.selector, id, 1, 2));
        committee.count(made.wire(), OUTPUT);
        _reveal(2, OUTPUT);
        committee.count(made.wire(), OUTPUT);
        VM.assertEq(committee.earnedBy(ETHER, _addresses(6)), FEE);
    }

    function test_count_refusedByTheOracle() public {
        _commit(3, OUTPUT);
        VM.warp(START + 2 * WINDOW);
        _reveal(0, OUTPUT);
        _reveal(1, OUTPUT);
        VM.warp(made.deadline + 1);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.DeadlinePassed.selector, made.deadline));
        committee.count(made.wire(), OUTPUT);
        oracle.refund(made.wire());
        VM.assertEq(oracle.credits(ETHER, requester), FEE);
    }

    function _mayNotSignUntilToppedUp() private {
        Request memory request = made.wire();
        Signature[] memory signatures = _signed(_resultDigest(request, OUTPUT), 3);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotSigning.selector, who[0]));
        committee.answer(request, OUTPUT, signatures);
        VM.deal(stranger, FINE);
        VM.prank(stranger);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.WrongStake.selector, FINE - 1, FINE));
        committee.topUp{value: FINE - 1}(who[0]);
        VM.prank(stranger);
        VM.expectEmit(address(committee));
        emit ICommittee.ToppedUp(who[0], FINE);
        committee.topUp{value: FINE}(who[0]);
        committee.answer(request, OUTPUT, signatures);
    }

    function _commit(uint256 mask, bytes memory output) private {
        (bytes32[] memory commitments, Signature[] memory signatures) = _committed(mask, output);
        committee.commit(made.wire(), commitments, signatures);
    }

    function _committed(uint256 mask, bytes memory output)
        private
        view
        returns (bytes32[] memory commitments, Signature[] memory signatures)
    {
        uint256 count = _addresses(mask).length;
        (commitments, signatures) = (new bytes32[](count), new Signature[](count));
        uint256 done;
        for (uint256 i; i < 4; ++i) {
            if (mask >> i & 1 == 0) continue;
            commitments[done] = _commitment(i, output);
            signatures[done++] = _signature(keys[i], committee.hashCommitment(id, _commitment(i, output)));
        }
    }

    function _reveal(uint256 index, bytes memory output) private {
        committee.reveal(id, who[index], _resultHash(output), _salt(index));
    }

    function _commitment(uint256 index, bytes memory output) private view returns (bytes32) {
        return keccak256(abi.encode(_resultHash(output), _salt(index), who[index]));
    }

    function _resultHash(bytes memory output) private view returns (bytes32) {
        return oracle.resultHashOf(id, modelId, output);
    }

    function _salt(uint256 index) private pure returns (bytes32) {
        return bytes32(index + 1);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee, Member, Rules, Signature, Statement} from "../src/interfaces/ICommittee.sol";
import {Request} from "../src/interfaces/IInferenceOracle.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {CommitteeFixture} from "./support/CommitteeFixture.sol";
import {Plain} from "./support/Plain.sol";
import {VM} from "./support/Vm.sol";

/// @notice Two signatures of one member on different results of one request take its stake; and what its own choice may take.
contract CommitteeSlashTest is CommitteeFixture {
    bytes32 private constant RIGHT = "right";
    bytes32 private constant WRONG = "wrong";

    Plain private made;
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        _publish(ALL_OPEN);
        _offerModel(0);
        (made, id) = _openIn(7, 1 ether, 0);
    }

    function test_slash_divides() public {
        Request memory request = made.wire();
        (Statement memory one, Statement memory other) = (_alone(0, RIGHT), _alone(0, WRONG));
        VM.expectEmit(address(committee));
        emit ICommittee.Slashed(who[0], id, stranger, RIGHT, WRONG, STAKE);
        VM.prank(stranger);
        committee.slash(request, who[0], one, other);
        VM.assertEq(committee.credits(ETHER, stranger), STAKE * 45 / 100);
        VM.assertEq(committee.credits(ETHER, requester), STAKE * 5 / 100);
        VM.assertEq(address(committee).balance, 2 * STAKE + STAKE / 2);
        VM.assertEq(committee.owed(ETHER), 2 * STAKE + STAKE / 2);
        Member memory member = committee.memberOf(who[0]);
        VM.assertTrue(member.slashed && member.stake == 0 && !committee.isSigning(who[0]));
        VM.assertEq(committee.members().length, 2);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[0]));
        committee.slash(request, who[0], one, other); // once
        VM.prank(who[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.WasSlashed.selector, who[0]));
        committee.join{value: STAKE}(_owner(0), address(0), "");
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[0]));
        committee.topUp{value: STAKE}(who[0]);
        VM.assertEq(committee.withdraw(ETHER, stranger), STAKE * 45 / 100);
    }

    /// @dev To the wei, whatever the stake; nobody keeps a rest.
    function testFuzz_slash_keepsNothing(uint96 stake) public {
        VM.assume(stake > 0 && stake < type(uint96).max / 4);
        ICommittee other = ICommittee(factory.create(_rulesWith(stake), new address[](0)));
        VM.deal(who[0], stake);
        VM.prank(who[0]);
        other.join{value: stake}(_owner(0), address(0), "");
        committee = other;
        other.slash(made.wire(), who[0], _alone(0, RIGHT), _alone(0, WRONG));
        VM.assertEq(other.owed(ETHER), address(other).balance);
        VM.assertEq(other.credits(ETHER, address(this)) + other.credits(ETHER, requester), address(other).balance);
        VM.assertEq(other.credits(ETHER, address(this)), uint256(stake) * 45 / 100);
    }

    function test_slash_whileLeaving() public {
        _leave(0);
        VM.warp(START + UNBONDING); // and its stake is there still
        committee.slash(made.wire(), who[0], _alone(0, RIGHT), _alone(0, WRONG));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[0]));
        committee.release(who[0]);
    }

    function test_slash_reverts_released() public {
        _leave(0);
        VM.warp(START + UNBONDING);
        committee.release(who[0]);
        Request memory request = made.wire();
        (Statement memory one, Statement memory other) = (_alone(0, RIGHT), _alone(0, WRONG));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[0]));
        committee.slash(request, who[0], one, other);
    }

    function test_slash_reverts_noProof() public {
        Request memory request = made.wire();
        (Statement memory right, Statement memory wrong) = (_alone(0, RIGHT), _alone(0, WRONG));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.SameResult.selector, id, RIGHT));
        committee.slash(request, who[0], right, right);
        Statement memory others = _alone(1, WRONG);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotSigned.selector, who[0], who[1]));
        committee.slash(request, who[0], right, others);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotSigned.selector, who[1], who[0]));
        committee.slash(request, who[1], right, others);
        wrong.signature = Signature(0, 0);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotSigned.selector, who[0], address(0)));
        committee.slash(request, who[0], right, wrong);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotSigned.selector, address(0), address(0)));
        committee.slash(request, address(0), wrong, right);
    }

    /// @dev Results of different requests, of another committee or chain, and commitments prove nothing.
    function test_slash_reverts_saidElsewhere() public {
        Request memory request = made.wire();
        Statement memory right = _alone(0, RIGHT);
        (Plain memory other, bytes32 otherId) = _openIn(8, 0, 0);
        bytes32[4] memory digests;
        digests[0] = committee.hashResult(otherId, WRONG);
        digests[1] = ICommittee(factory.create(_rules(), _addresses(7))).hashResult(id, WRONG);
        digests[2] = committee.hashCommitment(id, WRONG);
        VM.chainId(5);
        digests[3] = committee.hashResult(id, WRONG);
        VM.chainId(31_337);
        for (uint256 i; i < 4; ++i) {
            Statement memory wrong = right;
            wrong.resultHash = WRONG;
            wrong.signature = _signature(keys[0], digests[i]);
            _refused(request, _alone(0, RIGHT), wrong);
        }
        _refused(other.wire(), _alone(0, RIGHT), _alone(0, WRONG));
    }

    /// @dev Leaves of one batch, of two, and a leaf against a result alone.
    function test_slash_outOfBatches() public {
        uint256 state = VM.snapshotState();
        for (uint256 kind; kind < 3; ++kind) {
            bytes32[] memory leaves = new bytes32[](3);
            leaves[0] = Merkle.leafHash(abi.encode(bytes32("else"), WRONG));
            leaves[1] = Merkle.leafHash(abi.encode(id, RIGHT));
            leaves[2] = Merkle.leafHash(abi.encode(id, WRONG));
            Statement memory one = _inBatch(1, leaves, 1, RIGHT);
            Statement memory other = kind == 0 ? _inBatch(1, leaves, 2, WRONG) : _alone(1, WRONG);
            if (kind == 2) {
                bytes32[] memory second = new bytes32[](1);
                second[0] = leaves[2];
                other = _inBatch(1, second, 0, WRONG);
            }
            committee.slash(made.wire(), who[1], other, one);
            VM.assertTrue(committee.memberOf(who[1]).slashed);
            VM.revertToState(state);
            state = VM.snapshotState();
        }
    }

    function test_slash_reverts_notInTheBatch() public {
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = Merkle.leafHash(abi.encode(id, RIGHT));
        leaves[1] = Merkle.leafHash(abi.encode(bytes32("else"), WRONG));
        Request memory request = made.wire();
        Statement memory right = _alone(0, RIGHT);
        Statement memory wrong = _inBatch(0, leaves, 1, WRONG); // of another request
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotInBatch.selector, id, WRONG));
        committee.slash(request, who[0], right, wrong);
        wrong = _inBatch(0, leaves, 0, RIGHT);
        wrong.resultHash = WRONG;
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotInBatch.selector, id, WRONG));
        committee.slash(request, who[0], right, wrong);
    }

    // the member's own choice

    function test_convict() public {
        VM.prank(who[3]);
        committee.join{value: STAKE}(_owner(3), address(77), "");
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotSlasher.selector, who[3], address(this)));
        committee.convict(who[3], stranger, requester);
        VM.prank(address(77));
        VM.expectEmit(address(committee));
        emit ICommittee.Convicted(who[3], address(77), stranger, STAKE);
        committee.convict(who[3], stranger, requester);
        VM.assertEq(committee.credits(ETHER, stranger), STAKE * 45 / 100);
        VM.assertTrue(committee.memberOf(who[3]).slashed);
        VM.prank(address(77));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[3]));
        committee.convict(who[3], stranger, requester);
    }

    function test_convict_reverts_nobodysChoice() public {
        VM.prank(stranger);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotSlasher.selector, who[0], stranger));
        committee.convict(who[0], stranger, requester);
        VM.prank(address(0)); // of accounts that never joined too
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, stranger));
        committee.convict(stranger, stranger, requester);
    }

    function _rulesWith(uint96 stake) private pure returns (Rules memory rules) {
        rules = _rules();
        (rules.stake, rules.fine) = (stake, 0);
    }

    function _alone(uint256 index, bytes32 resultHash) private view returns (Statement memory) {
        Signature memory signature = _signature(keys[index], committee.hashResult(id, resultHash));
        return Statement(resultHash, signature, 0, 0, 0, new bytes32[](0));
    }

    function _inBatch(uint256 index, bytes32[] memory leaves, uint256 place, bytes32 resultHash)
        private
        view
        returns (Statement memory said)
    {
        said.resultHash = resultHash;
        (said.index, said.count) = (place, leaves.length);
        said.siblings = new bytes32[](leaves.length == 3 && place < 2 ? 2 : leaves.length == 1 ? 0 : 1);
        if (leaves.length == 2) said.siblings[0] = leaves[1 - place];
        if (leaves.length == 3 && place < 2) (said.siblings[0], said.siblings[1]) = (leaves[1 - place], leaves[2]);
        if (leaves.length == 3 && place == 2) {
            said.siblings[0] = keccak256(bytes.concat(hex"01", leaves[0], leaves[1]));
        }
        bytes32[] memory nodes = new bytes32[](leaves.length);
        for (uint256 i; i < leaves.length; ++i) {
            nodes[i] = leaves[i];
        }
        said.root = Merkle.rootOf(nodes);
        said.signature = _signature(keys[index], committee.hashResults(said.root));
    }

    function _refused(Request memory request, Statement memory one, Statement memory other) private {
        (bool done, bytes memory reason) =
            address(committee).call(abi.encodeCall(committee.slash, (request, who[0], one, other)));
        VM.assertTrue(!done && bytes4(reason) == ICommittee.NotSigned.selector);
    }
}

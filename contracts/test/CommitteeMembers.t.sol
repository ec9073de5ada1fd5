// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CommitteeFactory} from "../src/committee/CommitteeFactory.sol";
import {ICommittee, Member, Offer, Rules, Signature} from "../src/interfaces/ICommittee.sol";
import {CommitteeView, ICommitteeFactory} from "../src/interfaces/ICommitteeFactory.sol";
import {IInferenceOracle} from "../src/interfaces/IInferenceOracle.sol";
import {CommitteeFixture} from "./support/CommitteeFixture.sol";
import {VM, account} from "./support/Vm.sol";

/// @notice Who makes a committee, joins and leaves it, and what it offers.
contract CommitteeMembersTest is CommitteeFixture {
    address[] private nobody;

    function test_create_isFoundWhereRulesSay() public {
        VM.assertEq(factory.addressOf(_rules(), nobody), address(committee));
        VM.assertEq(factory.create(_rules(), nobody), address(committee)); // whoever asks second finds it
        Rules memory other = _rules();
        other.fine -= 1;
        VM.assertFalse(factory.create(other, nobody) == address(committee));
        VM.assertFalse(factory.create(_rules(), _addresses(7)) == address(committee));
        VM.assertEq(abi.encode(committee.rules()), abi.encode(_rules()));
        VM.assertEq(address(committee.ORACLE()), address(oracle));
    }

    function test_create_reverts_rules() public {
        for (uint256 i; i < 8; ++i) {
            Rules memory rules = _rules();
            if (i == 0) rules.threshold = 0;
            if (i == 1) rules.stake = 0;
            if (i == 2) rules.fine = STAKE + 1;
            if (i == 3) rules.window = 0;
            if (i == 4) rules.unbonding = 3 * WINDOW - 1;
            if (i == 5) rules.unbonding = 365 days + 1;
            if (i == 6) rules.maxRoyaltyBps = 5001;
            if (i == 7) rules.window = type(uint40).max;
            _expect(ICommitteeFactory.InvalidRules.selector);
            factory.create(rules, nobody);
        }
        Rules memory most = _rules();
        (most.fine, most.unbonding, most.maxRoyaltyBps, most.window) = (STAKE, 365 days, 5000, 365 days / 3);
        most.threshold = 255;
        VM.assertTrue(factory.isCommittee(factory.create(most, nobody)));
    }

    function test_create_reverts_list() public {
        address[] memory list = _addresses(1);
        _expect(ICommitteeFactory.InvalidList.selector); // too short
        factory.create(_rules(), list);
        list = _addresses(7);
        list[1] = list[0];
        _expect(ICommitteeFactory.InvalidList.selector);
        factory.create(_rules(), list);
        (list[0], list[1]) = (who[1], who[0]);
        _expect(ICommitteeFactory.InvalidList.selector);
        factory.create(_rules(), list);
        (list[0], list[1]) = (address(0), who[0]);
        _expect(ICommitteeFactory.InvalidList.selector);
        factory.create(_rules(), list);
        list = new address[](65);
        for (uint160 i; i < 65; ++i) {
            list[i] = address(i + 1);
        }
        _expect(ICommitteeFactory.InvalidList.selector);
        factory.create(_rules(), list);
        assembly ("memory-safe") {
            mstore(list, 64)
        }
        VM.assertEq(abi.encode(ICommittee(factory.create(_rules(), list)).listed()), abi.encode(list));
    }

    function test_committeeOf_tellsWhatStandsBehind() public {
        CommitteeView memory seen = factory.committeeOf(address(committee));
        VM.assertEq(abi.encode(seen.rules), abi.encode(_rules()));
        VM.assertEq(seen.members.length, 3);
        VM.assertEq(seen.listed.length, 0);
        VM.assertEq(seen.signing, 3);
        VM.assertEq(seen.stakeBehindAnswer, 20 ether);
        _leave(1);
        VM.assertEq(factory.committeeOf(address(committee)).signing, 2);
        VM.expectRevert(abi.encodeWithSelector(ICommitteeFactory.UnknownCommittee.selector, stranger));
        factory.committeeOf(stranger);
    }

    function test_join_byTheListed() public {
        ICommittee closed = ICommittee(factory.create(_rules(), _addresses(7)));
        VM.prank(who[OUTSIDER]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotListed.selector, who[OUTSIDER]));
        closed.join{value: STAKE}(_owner(3), address(0), "");
        for (uint256 i; i < 3; ++i) {
            VM.prank(who[i]);
            closed.join{value: STAKE}(_owner(i), address(0), "");
        }
        VM.assertEq(closed.members().length, 3);
    }

    function test_join_isSeen() public {
        VM.expectEmit(address(committee));
        emit ICommittee.Joined(who[3], _owner(3), address(9), "http://here");
        VM.prank(who[3]);
        committee.join{value: STAKE}(_owner(3), address(9), "http://here");
        Member memory member = committee.memberOf(who[3]);
        VM.assertEq(member.stake, STAKE);
        VM.assertEq(member.owner, _owner(3));
        VM.assertEq(member.slashBy, address(9));
        VM.assertEq(member.endpoint, "http://here");
        VM.assertTrue(committee.isSigning(who[3]) && !member.slashed && member.releaseAt == 0);
        VM.assertEq(committee.owed(ETHER), 4 * STAKE);
        VM.assertEq(address(committee).balance, 4 * STAKE);
    }

    function test_join_reverts() public {
        VM.prank(who[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.AlreadyMember.selector, who[0]));
        committee.join{value: STAKE}(_owner(0), address(0), "");
        for (uint256 i; i < 2; ++i) {
            uint256 sent = i == 0 ? STAKE - 1 : STAKE + 1;
            VM.prank(who[3]);
            VM.expectRevert(abi.encodeWithSelector(ICommittee.WrongStake.selector, sent, STAKE));
            committee.join{value: sent}(_owner(3), address(0), "");
        }
        VM.prank(who[3]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.WrongOwner.selector, address(0)));
        committee.join{value: STAKE}(address(0), address(0), "");
        VM.prank(who[3]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.EndpointTooLong.selector, 201, 200));
        committee.join{value: STAKE}(_owner(3), address(0), string(new bytes(201)));
        ICommittee shared = factory.SHARED();
        VM.prank(who[3]);
        _expect(ICommittee.NoCommittee.selector);
        shared.join{value: STAKE}(_owner(3), address(0), "");
    }

    function test_setEndpoint() public {
        VM.prank(who[0]);
        committee.setEndpoint("http://there");
        VM.assertEq(committee.memberOf(who[0]).endpoint, "http://there");
        VM.prank(who[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.EndpointTooLong.selector, 201, 200));
        committee.setEndpoint(string(new bytes(201)));
        VM.prank(who[3]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[3]));
        committee.setEndpoint("");
    }

    function test_leave_stakeIsBoundAndGoesToItsOwner() public {
        VM.prank(stranger);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotMember.selector, who[0], stranger));
        committee.leave(who[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[0]));
        committee.release(who[0]);
        VM.prank(_owner(0));
        committee.leave(who[0]);
        VM.prank(who[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[0]));
        committee.leave(who[0]);
        VM.assertFalse(committee.isSigning(who[0]));
        VM.prank(who[0]); // nor join again meanwhile
        VM.expectRevert(abi.encodeWithSelector(ICommittee.AlreadyMember.selector, who[0]));
        committee.join{value: STAKE}(_owner(0), address(0), "");
        VM.warp(START + UNBONDING - 1);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.StillBonded.selector, who[0], START + UNBONDING));
        committee.release(who[0]);
        VM.warp(START + UNBONDING);
        committee.release(who[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[0]));
        committee.release(who[0]);
        VM.assertEq(committee.withdraw(ETHER, _owner(0)), STAKE);
        VM.assertEq(_owner(0).balance, STAKE);
        VM.assertEq(committee.owed(ETHER), 2 * STAKE);
    }

    /// @dev A stolen key can join again, but not for another owner.
    function test_join_again() public {
        _leave(0);
        VM.warp(START + UNBONDING);
        committee.release(who[0]);
        VM.prank(who[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.WrongOwner.selector, stranger));
        committee.join{value: STAKE}(stranger, address(0), "");
        _join(0);
        VM.assertTrue(committee.isSigning(who[0]));
    }

    function testFuzz_members_areThoseWhoAreIn(uint256 seed) public {
        uint256 inside = 7;
        VM.warp(START + 1);
        for (uint256 step; step < 12; ++step) {
            uint256 index = (seed >> 2 * step) % 4;
            if (inside >> index & 1 == 1) {
                _leave(index);
                VM.warp(block.timestamp + UNBONDING);
                committee.release(who[index]);
            } else {
                _join(index);
            }
            inside ^= 1 << index;
            address[] memory members = committee.members();
            uint256 seen;
            for (uint256 i; i < members.length; ++i) {
                for (uint256 j; j < 4; ++j) {
                    if (members[i] != who[j]) continue;
                    VM.assertTrue(seen >> j & 1 == 0);
                    seen |= 1 << j;
                }
            }
            VM.assertEq(seen, inside);
            VM.assertEq(committee.owed(ETHER), members.length * STAKE + _creditsOfOwners());
        }
    }

    function test_topUp_reverts() public {
        VM.expectRevert(abi.encodeWithSelector(ICommittee.WrongStake.selector, 0, 0));
        committee.topUp(who[0]);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotIn.selector, who[3]));
        committee.topUp(who[3]);
    }

    function test_offer_byQuorum() public {
        _publish(ALL_OPEN);
        Offer memory offered = Offer(modelId, ETHER, true, 5, 7, 0);
        Signature[] memory signatures = _signed(committee.hashOffer(offered), 6);
        VM.expectEmit(address(committee));
        emit ICommittee.Offered(0, _addresses(6));
        committee.offer(offered, signatures);
        (bool serving, uint96 minFee, uint32 maxCallbackGas) = oracle.offerOf(modelId, address(committee), ETHER);
        VM.assertTrue(serving && minFee == 5 && maxCallbackGas == 7);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.WrongNonce.selector, 0, 1));
        committee.offer(offered, signatures); // replayed

        Offer memory end = Offer(modelId, ETHER, false, 0, 0, 1);
        Signature[] memory one = _signed(committee.hashOffer(end), 1);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.WrongSignatureCount.selector, 1, 2));
        committee.offer(end, one);
        committee.offer(end, _signed(committee.hashOffer(end), 3));
        (serving,,) = oracle.offerOf(modelId, address(committee), ETHER);
        VM.assertFalse(serving);
        VM.assertEq(committee.offers(), 2);
    }

    /// @dev Each field is signed.
    function test_offer_reverts_changed() public {
        Offer memory offered = Offer(modelId, ETHER, true, 5, 7, 0);
        Signature[] memory signatures = _signed(committee.hashOffer(offered), 3);
        for (uint256 i; i < 5; ++i) {
            Offer memory changed = Offer(modelId, ETHER, true, 5, 7, 0);
            if (i == 0) changed.modelId = "other";
            if (i == 1) changed.token = stranger;
            if (i == 2) changed.serving = false;
            if (i == 3) changed.minFee = 6;
            if (i == 4) changed.maxCallbackGas = 8;
            (bool done, bytes memory reason) =
                address(committee).call(abi.encodeCall(committee.offer, (changed, signatures)));
            VM.assertTrue(!done && bytes4(reason) == ICommittee.NotSigning.selector);
        }
    }

    function test_receive_fromTheOracleAlone() public {
        VM.deal(stranger, 1);
        VM.prank(stranger);
        (bool done, bytes memory reason) = address(committee).call{value: 1}("");
        VM.assertFalse(done);
        VM.assertEq(reason, abi.encodeWithSelector(ICommittee.UnexpectedEther.selector, stranger));
    }

    function _creditsOfOwners() private view returns (uint256 sum) {
        for (uint256 i; i < 4; ++i) {
            sum += committee.credits(ETHER, _owner(i));
        }
    }
}

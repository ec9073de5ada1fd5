// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CommitteeFactory} from "../src/committee/CommitteeFactory.sol";
import {ICommittee, Rules} from "../src/interfaces/ICommittee.sol";
import {CommitteeRoles} from "./support/CommitteeRoles.sol";
import {Fixture} from "./support/Fixture.sol";
import {Reaching} from "./support/Reaching.sol";
import {VM} from "./support/Vm.sol";

/// @notice Invariants 1 to 10 of the protocol for a committee, with every role played at random and time passing. (Vouchers that are used
/// or expired are `ConservationTest`'s.)
/// forge-config: default.invariant.runs = 12
/// forge-config: default.invariant.depth = 60
contract CommitteeConservationTest is Fixture, Reaching {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev For whoever looks with -vvvv.
    event Total(CommitteeRoles.Reached reached);

    CommitteeFactory private factory;
    ICommittee private committee;
    CommitteeRoles private roles;

    function setUp() public override {
        super.setUp();
        _publish(ALL_GRANT);
        factory = new CommitteeFactory(oracle);
        Rules memory rules = Rules(2, ROYALTY_BPS, 300, 7 days, 10 ether + 7, 1 ether + 3);
        committee = ICommittee(factory.create(rules, new address[](0)));
        roles = new CommitteeRoles(factory, committee, modelId, LICENSOR_KEY, _keys());
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(roles);
    }

    /// @dev What can be played, and nothing else of it.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(roles), roles.plays());
    }

    /// @dev All of them after each play: for functions of their own forge would play the same once more each.
    function invariant_all() public view {
        _1_balanceIsWhatIsOwed();
        _2_noRequestIsPaidTwice();
        _3_stakes();
        _4_noAnswerWithoutGrants();
        _5_statesNeverGoBack();
        _6_signersGetWhatTheyAgreedTo();
        _7_oneMemberCountsOnce();
        _8_noVoucherThatWasCanceled();
    }

    /// @dev 9, progress: asked once at the end of each play, as it moves time and money.
    function afterInvariant() public {
        VM.assertEq(roles.violation(9), "");
        roles.assertProgress();
    }

    /// @dev Random play is worth what it reaches: every function, and all that is at stake.
    function test_roles_reachWhatIsAtStake() public {
        VM.pauseGasMetering(); // more than a block holds
        _expectCalls("Committee");
        _expectCalls("CommitteeFactory");
        uint256[10] memory total;
        for (uint256 run; run < 28; ++run) {
            setUp();
            _watch(0, address(committee));
            _watch(1, address(factory));
            _play(run);
            uint256[10] memory reached = abi.decode(abi.encode(roles.reached()), (uint256[10]));
            for (uint256 i; i < total.length; ++i) {
                total[i] += reached[i];
            }
            invariant_all();
            afterInvariant();
        }
        _assertAllReached();
        CommitteeRoles.Reached memory all = abi.decode(abi.encode(total), (CommitteeRoles.Reached));
        emit Total(all);
        VM.assertTrue(
            all.orders >= 8 && all.answers >= 8 && all.batches >= 4 && all.refusals >= 20 && all.unlicensed >= 2
        );
        VM.assertTrue(all.counts >= 1 && all.fines >= 2 && all.slashes >= 3 && all.refunds >= 8 && all.releases >= 1);
    }

    function _play(uint256 run) private {
        bytes4[] memory plays = roles.plays();
        for (uint256 i; i < 100; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(run, i)));
            _seen(address(roles), abi.encodeWithSelector(plays[seed % plays.length], seed / plays.length));
        }
    }

    /// @dev Ascending by address.
    function _keys() private pure returns (uint256[4] memory keys) {
        keys = [uint256(0xBEEF), 0xCAFE, 0xD00D, 0xF00D];
        for (uint256 i; i < 4; ++i) {
            for (uint256 j; j < i; ++j) {
                if (VM.addr(keys[i]) < VM.addr(keys[j])) (keys[i], keys[j]) = (keys[j], keys[i]);
            }
        }
    }

    function _1_balanceIsWhatIsOwed() private view {
        roles.assertMoney();
        VM.assertEq(roles.violation(1), "");
    }

    function _2_noRequestIsPaidTwice() private view {
        VM.assertEq(roles.violation(2), "");
    }

    /// @dev And 10: honest members lose nothing.
    function _3_stakes() private view {
        roles.assertStakes();
        VM.assertEq(roles.violation(3), "");
    }

    /// @dev And nothing that the rules allow was refused.
    function _4_noAnswerWithoutGrants() private view {
        VM.assertEq(roles.violation(4), "");
    }

    function _5_statesNeverGoBack() private view {
        VM.assertEq(roles.violation(5), "");
    }

    function _6_signersGetWhatTheyAgreedTo() private view {
        VM.assertEq(roles.violation(6), "");
    }

    function _7_oneMemberCountsOnce() private view {
        VM.assertEq(roles.violation(7), "");
    }

    function _8_noVoucherThatWasCanceled() private view {
        VM.assertEq(roles.violation(8), "");
    }
}

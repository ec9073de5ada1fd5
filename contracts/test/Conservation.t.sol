// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Books} from "./support/Books.sol";
import {Fixture} from "./support/Fixture.sol";
import {Orderers} from "./support/Orderers.sol";
import {Reaching} from "./support/Reaching.sol";
import {VM} from "./support/Vm.sol";

/// @notice Invariants 1, 2, 4, 5, 6, 8 and 9 of the protocol, with every role played at random and time passing.
contract ConservationTest is Fixture, Reaching {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev For whoever looks with -vvvv.
    event Total(Books.Reached reached);

    Orderers private roles;

    function setUp() public override {
        super.setUp();
        _publish(NON_COMMERCIAL_FREE);
        roles = new Orderers(oracle, modelId);
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
        _4_noUseWithoutItsGrant();
        _5_statesNeverGoBack();
        _6_operatorsGetWhatTheyAgreedTo();
        _8_noVoucherAgainstTheRules();
    }

    /// @dev 9, progress: asked once at the end of each play, as it moves time and money; and what of 5 needs no asking before.
    function afterInvariant() public {
        roles.assertModels();
        roles.assertProgress();
    }

    /// @dev Random play is worth what it reaches: a tenth of what the invariant makes reaches every function, and all that is at stake
    /// often.
    function test_roles_reachWhatIsAtStake() public {
        VM.pauseGasMetering(); // more than a block holds
        _expectCalls("InferenceOracle");
        _expectCalls("Registry");
        uint256[21] memory total;
        for (uint256 run; run < 25; ++run) {
            setUp();
            _watch(0, address(oracle));
            _watch(1, address(registry));
            _play(run);
            uint256[21] memory reached = abi.decode(abi.encode(roles.reached()), (uint256[21]));
            for (uint256 i; i < total.length; ++i) {
                total[i] += reached[i];
            }
            invariant_all();
            afterInvariant();
        }
        _assertAllReached();
        Books.Reached memory all = abi.decode(abi.encode(total), (Books.Reached));
        emit Total(all);
        VM.assertTrue(all.activations >= 150 && all.requests >= 120 && all.firstUses >= 15);
        VM.assertTrue(all.answers >= 40 && all.earned >= 15 && all.refunds >= 20);
        VM.assertTrue(all.orders >= 40 && all.lists >= 5 && all.cancels >= 20 && all.takenBack >= 10);
        VM.assertTrue(all.byHotKeys >= 5 && all.transfers >= 8);
        VM.assertTrue(all.waits >= 12 && all.early >= 3 && all.counted >= 10 && all.epochs >= 5);
        VM.assertTrue(all.batches >= 10 && all.batchAnswers >= 15 && all.passedOver >= 15);
        VM.assertTrue(all.collections >= 10 && all.paidElsewhere >= 10);
    }

    function _play(uint256 run) private {
        bytes4[] memory plays = roles.plays();
        for (uint256 i; i < 150; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(run, i)));
            _seen(address(roles), abi.encodeWithSelector(plays[seed % plays.length], seed / plays.length));
        }
    }

    /// @dev Balances are what is owed, to the smallest unit.
    function _1_balanceIsWhatIsOwed() private view {
        roles.assertMoney();
        VM.assertEq(roles.violation(1), "");
    }

    /// @dev Fees are royalties, operators' pay or refunds.
    function _2_noRequestIsPaidTwice() private view {
        roles.assertPaidOnce();
    }

    /// @dev And nothing that the rules allow was refused.
    function _4_noUseWithoutItsGrant() private view {
        roles.assertGrants();
        VM.assertEq(roles.violation(4), "");
    }

    function _5_statesNeverGoBack() private view {
        roles.assertStates();
        VM.assertEq(roles.violation(5), "");
    }

    function _6_operatorsGetWhatTheyAgreedTo() private view {
        roles.assertPay();
    }

    function _8_noVoucherAgainstTheRules() private view {
        VM.assertEq(roles.violation(8), "");
    }
}

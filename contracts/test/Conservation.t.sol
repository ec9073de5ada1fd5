// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Books} from "./support/Books.sol";
import {Fixture} from "./support/Fixture.sol";
import {Roles} from "./support/Roles.sol";
import {VM} from "./support/Vm.sol";

/// @notice Invariants 1, 2, 4 and 8 of the protocol, with every role played at random and time passing.
contract ConservationTest is Fixture {
    Roles private roles;

    function setUp() public override {
        super.setUp();
        _publish(NON_COMMERCIAL_FREE);
        roles = new Roles(oracle, modelId);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(roles);
    }

    /// @dev 1: balances are what is owed; 2: no request is paid twice, and fees are royalties, operators' pay or refunds;
    /// 4 and 8: nothing passed without its grant, no voucher against the rules, and nothing that the rules allow was refused.
    function invariant_protocol() public view {
        roles.assertMoney();
        roles.assertPaidOnce();
        roles.assertQuotas();
        VM.assertEq(roles.violation(), "");
    }

    /// @dev Random play is worth what it reaches: a tenth of what the invariant makes reaches all that is at stake, often.
    function test_roles_reachWhatIsAtStake() public {
        Books.Reached memory total;
        for (uint256 run; run < 25; ++run) {
            setUp();
            Books.Reached memory reached = _play(run);
            total.activations += reached.activations;
            total.requests += reached.requests;
            total.firstUses += reached.firstUses;
            total.answers += reached.answers;
            total.earned += reached.earned;
            total.refunds += reached.refunds;
            total.byHotKeys += reached.byHotKeys;
            total.transfers += reached.transfers;
            invariant_protocol();
        }
        VM.assertTrue(total.activations >= 150 && total.requests >= 120 && total.firstUses >= 15);
        VM.assertTrue(total.answers >= 40 && total.earned >= 15 && total.refunds >= 20);
        VM.assertTrue(total.byHotKeys >= 5 && total.transfers >= 8);
    }

    function _play(uint256 run) private returns (Books.Reached memory) {
        function(uint256) external[10] memory plays = [
            roles.sign,
            roles.replay,
            roles.manage,
            roles.arrange,
            roles.ask,
            roles.askFirst,
            roles.fulfill,
            roles.refund,
            roles.withdraw,
            roles.wait
        ];
        for (uint256 i; i < 100; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(run, i)));
            plays[seed % 10](seed / 10);
        }
        return roles.reached();
    }
}

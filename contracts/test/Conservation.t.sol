// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

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
    function invariant_protocol() external view {
        roles.assertMoney();
        roles.assertPaidOnce();
        roles.assertQuotas();
        VM.assertEq(roles.violation(), "");
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EthVault} from "../src/demo/EthVault.sol";
import {SafeEthVault} from "../src/demo/SafeEthVault.sol";
import {VM, account} from "./support/Vm.sol";

/// @notice Leaves a vault as often as it is let.
contract Thief {
    EthVault private immutable _VAULT;

    constructor(address vault) payable {
        _VAULT = EthVault(vault);
    }

    function rob() external {
        _VAULT.join{value: address(this).balance}();
        _VAULT.leave();
    }

    receive() external payable {
        if (address(_VAULT).balance >= 1 ether) _VAULT.leave();
    }
}

/// @notice The demo's two contracts are what they say: one can be robbed, its twin cannot.
contract DemoVaultsTest {
    function test_ethVault_canBeRobbed() public {
        EthVault vault = new EthVault(0);
        _fund(address(vault));
        Thief thief = new Thief{value: 1 ether}(address(vault));
        thief.rob();
        VM.assertTrue(address(thief).balance > 10 ether);
    }

    function test_safeEthVault_cannotBeRobbed() public {
        SafeEthVault vault = new SafeEthVault(0);
        _fund(address(vault));
        Thief thief = new Thief{value: 1 ether}(address(vault));
        VM.expectRevert(bytes("refused"));
        thief.rob();
        VM.assertEq(address(vault).balance, 10 ether);
    }

    function test_bothPayHonestMembers() public {
        _honest(address(new EthVault(0)));
        _honest(address(new SafeEthVault(0)));
    }

    function _fund(address vault) private {
        address member = account("member");
        VM.deal(member, 10 ether);
        VM.prank(member);
        EthVault(vault).join{value: 10 ether}();
    }

    function _honest(address vault) private {
        _fund(vault);
        VM.prank(account("member"));
        EthVault(vault).leave();
        VM.assertEq(account("member").balance, 9.975 ether);
        VM.assertEq(EthVault(vault).pooled(), 0);
        VM.assertEq(EthVault(vault).tolls(), 0.025 ether);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Grant, ILicenseRegistry, Role} from "../src/interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {OwnedWallet} from "./support/OwnedWallet.sol";
import {VM} from "./support/Vm.sol";

/// @notice Licensors that are contracts (ERC-1271).
contract WalletLicensorTest is Fixture {
    uint256 private constant OWNER_KEY = 0xB0B;

    OwnedWallet private wallet;
    OwnedWallet private sibling; // another wallet of the same owner

    function setUp() public override {
        super.setUp();
        wallet = new OwnedWallet(VM.addr(OWNER_KEY));
        sibling = new OwnedWallet(VM.addr(OWNER_KEY));
        modelId = wallet.registerModel(registry, "root");
        wallet.publishTerms(registry, modelId, ALL_GRANT);
        licensor = address(wallet);
    }

    function test_activate() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        registry.activate(grant, _sign(OWNER_KEY, grant));
        uint32 seq = lens.grantOf(modelId, requester, Role.REQUESTER).seq;
        VM.assertEq(seq, 1);
    }

    function test_activate_reverts_otherKey() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, licensor));
        registry.activate(grant, signature);
    }

    /// @dev The owner's signature for a sibling's grant does not pass for this wallet's: the grant names its licensor.
    function test_activate_reverts_siblingWallet() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.licensor = address(sibling);
        bytes memory signature = _sign(OWNER_KEY, grant);
        VM.expectRevert(
            abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, address(sibling), address(wallet))
        );
        registry.activate(grant, signature);
        grant.licensor = address(wallet);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, address(wallet)));
        registry.activate(grant, signature);
    }

    /// @dev A licensor contract that answers anything but the magic value, or nothing, has not signed.
    function test_activate_reverts_dumbContract() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        bytes memory signature = _sign(OWNER_KEY, grant);
        VM.etch(licensor, hex"00"); // stops, returns nothing
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, licensor));
        registry.activate(grant, signature);
        VM.etch(licensor, hex"600160005260206000f3"); // returns true
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, licensor));
        registry.activate(grant, signature);
    }
}

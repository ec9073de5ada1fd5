// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Grant, ILicenseRegistry, Role} from "../src/interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {OwnedWallet} from "./support/OwnedWallet.sol";
import {VM} from "./support/Vm.sol";

/// @notice What the test asks of a Safe 1.4.1, and of its fallback handler.
interface ISafe {
    function setup(
        address[] calldata owners,
        uint256 threshold,
        address to,
        bytes calldata data,
        address fallbackHandler,
        address paymentToken,
        uint256 payment,
        address payable paymentReceiver
    ) external;
    function nonce() external view returns (uint256);
    function getTransactionHash(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address refundReceiver,
        uint256 nonce_
    ) external view returns (bytes32);
    function execTransaction(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address payable refundReceiver,
        bytes calldata signatures
    ) external payable returns (bool);
    function getMessageHashForSafe(address safe, bytes calldata message) external view returns (bytes32);
}

/// @notice The licensor is a Safe, as npm's `@safe-global/safe-contracts` packages it, whose owners sign two of three; or an account
/// that is delegated to a contract (EIP-7702).
contract SafeLicensorTest is Fixture {
    string private constant ARTIFACTS = "node_modules/@safe-global/safe-contracts/build/artifacts/contracts/";

    uint256[3] private keys = [uint256(0xA1), 0xB2, 0xC3];
    address private singleton;
    ISafe private handler;
    ISafe private safe;
    ISafe private sibling; // same owners, another Safe

    function setUp() public override {
        super.setUp();
        if (VM.addr(keys[0]) > VM.addr(keys[1])) (keys[0], keys[1]) = (keys[1], keys[0]); // Safe wants owners in order
        singleton = _create("Safe.sol/Safe.json", "");
        handler = ISafe(_create("handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json", ""));
        (safe, sibling) = (_safe(), _safe());
        modelId = registry.modelIdOf(address(safe), "program", "weights", "manifest");
        _execute(abi.encodeCall(registry.registerModel, ("program", "weights", "manifest", "")));
        _execute(abi.encodeCall(registry.publishTerms, (modelId, "terms", ALL_GRANT, 0, "", "")));
        licensor = address(safe);
    }

    function test_activate_reverts_oneOfTwo() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        _expectBadSignature(grant, _owner(keys[0], _message(safe, grant)));
        bytes memory twice = _owner(keys[0], _message(safe, grant));
        _expectBadSignature(grant, bytes.concat(twice, twice));
        // an owner's signature of the grant itself is not the Safe's
        _expectBadSignature(grant, _sign(keys[0], grant));
        _expectBadSignature(grant, "");
    }

    /// @dev The owners have signed the same grant for another wallet of theirs.
    function test_activate_reverts_sibling() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        _expectBadSignature(grant, _owners(_message(sibling, grant)));
        grant.licensor = address(sibling);
        bytes memory signature = _owners(_message(sibling, grant));
        VM.expectRevert(
            abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, address(sibling), address(safe))
        );
        registry.activate(grant, signature);
    }

    function test_activate_reverts_tampered() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        bytes memory signature = _owners(_message(safe, grant));
        grant.royaltyBps = 0;
        _expectBadSignature(grant, signature);
    }

    function test_activate() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        VM.expectEmit(address(registry));
        emit ILicenseRegistry.GrantActivated(modelId, requester, registry.hashGrant(grant), grant);
        registry.activate(grant, _owners(_message(safe, grant)));
        VM.assertEq(lens.grantOf(modelId, requester, Role.REQUESTER).seq, 1);
    }

    /// @dev The Safe also revokes, by a transaction of its own.
    function test_revoke() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        registry.activate(grant, _owners(_message(safe, grant)));
        _execute(abi.encodeCall(registry.revoke, (modelId, requester, Role.REQUESTER, 1)));
        VM.assertTrue(lens.grantOf(modelId, requester, Role.REQUESTER).revoked);
    }

    /// @dev Delegated under EIP-7702, to a contract that would not confirm the signature: the account's own key still signs.
    function test_activate_delegatedAccount() public {
        licensor = VM.addr(LICENSOR_KEY);
        VM.prank(licensor);
        modelId = registry.registerModel("other", "weights", "manifest", "");
        VM.etch(licensor, bytes.concat(hex"ef0100", bytes20(address(new OwnedWallet(stranger)))));
        VM.assertEq(licensor.code.length, 23);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        _expectBadSignature(grant, _sign(LICENSOR_KEY + 1, grant));
        _activate(grant);
        VM.assertEq(lens.grantOf(modelId, requester, Role.REQUESTER).seq, 1);
    }

    function _create(string memory artifact, bytes memory arguments) private returns (address created) {
        bytes memory code = bytes.concat(VM.getCode(string.concat(ARTIFACTS, artifact)), arguments);
        assembly {
            created := create(0, add(code, 0x20), mload(code))
        }
        VM.assertTrue(created.code.length > 0);
    }

    function _safe() private returns (ISafe made) {
        made = ISafe(_create("proxies/SafeProxy.sol/SafeProxy.json", abi.encode(singleton)));
        address[] memory owners = new address[](3);
        for (uint256 i; i < 3; ++i) {
            owners[i] = VM.addr(keys[i]);
        }
        made.setup(owners, 2, address(0), "", address(handler), address(0), 0, payable(0));
    }

    function _execute(bytes memory call) private {
        bytes32 digest =
            safe.getTransactionHash(address(registry), 0, call, 0, 0, 0, 0, address(0), address(0), safe.nonce());
        VM.assertTrue(
            safe.execTransaction(address(registry), 0, call, 0, 0, 0, 0, address(0), payable(0), _owners(digest))
        );
    }

    /// @dev What owners sign so that `wallet` has signed the grant.
    function _message(ISafe wallet, Grant memory grant) private view returns (bytes32) {
        return handler.getMessageHashForSafe(address(wallet), abi.encode(registry.hashGrant(grant)));
    }

    function _owners(bytes32 digest) private view returns (bytes memory) {
        return bytes.concat(_owner(keys[0], digest), _owner(keys[1], digest));
    }

    function _owner(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _expectBadSignature(Grant memory grant, bytes memory signature) private {
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, licensor));
        registry.activate(grant, signature);
    }
}

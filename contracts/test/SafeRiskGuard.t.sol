// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Assessing} from "../src/consumers/CodeAssessor.sol";
import {SafeRiskGuard} from "../src/consumers/SafeRiskGuard.sol";
import {Role} from "../src/interfaces/ILicenseRegistry.sol";
import {ISafe, ISafeGuard} from "../src/interfaces/ISafe.sol";
import {Assessed, Benign, Thief} from "./support/Assessed.sol";
import {VM, account} from "./support/Vm.sol";

/// @notice What the test does to a Safe beside what its guard asks.
interface ISafeWallet is ISafe {
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
    function setGuard(address guard) external;
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
}

/// @notice A Safe 1.4.1, as npm's `@safe-global/safe-contracts` packages it, whose owners sign two of two, with the guard in place.
contract SafeRiskGuardTest is Assessed {
    string private constant ARTIFACTS = "node_modules/@safe-global/safe-contracts/build/artifacts/contracts/";

    uint256[2] private keys = [uint256(0xA1), 0xB2];
    ISafeWallet private safe;
    SafeRiskGuard private guard;
    Benign private benign;
    Thief private thief;

    function setUp() public override {
        super.setUp();
        _ready(NON_COMMERCIAL_FREE);
        if (VM.addr(keys[0]) > VM.addr(keys[1])) (keys[0], keys[1]) = (keys[1], keys[0]); // Safe wants owners in order
        safe = _safe();
        guard = new SafeRiskGuard(safe, oracle, _assessing());
        _activate(address(guard), Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
        (benign, thief) = (new Benign(), new Thief());
        _execute(address(safe), abi.encodeCall(ISafeWallet.setGuard, (address(guard))), 0);
        VM.deal(address(safe), 10 ether);
    }

    function test_assessed_goesThrough() public {
        _assess(guard, address(benign), CLEAN);
        _execute(address(benign), abi.encodeCall(Benign.run, (42)), 0);
        VM.assertEq(benign.entry(), 42);
    }

    /// @dev No code, so nothing runs.
    function test_payment_goesThrough() public {
        address payee = account("payee");
        _executeWith(payee, 1 ether, "", 0);
        VM.assertEq(payee.balance, 1 ether);
    }

    function test_unassessed_needsConfirmation() public {
        _assertNeedsConfirmation(address(benign), abi.encodeCall(Benign.run, (42)), 0);
        VM.assertEq(benign.entry(), 42);
    }

    function test_flagged_needsConfirmation() public {
        _assess(guard, address(thief), RISKY);
        _assertNeedsConfirmation(address(thief), abi.encodeCall(Thief.run, (1)), 0);
    }

    /// @dev A report that does not know everything is no clean one, were all scores zero.
    function test_notKnown_needsConfirmation() public {
        _assess(guard, address(benign), _notKnown(5));
        _assertNeedsConfirmation(address(benign), abi.encodeCall(Benign.run, (42)), 0);
    }

    /// @dev A delegated call changes the Safe itself, whatever is known about its code.
    function test_delegated_needsConfirmation() public {
        _assess(guard, address(benign), CLEAN);
        _assertNeedsConfirmation(address(benign), abi.encodeCall(Benign.run, (42)), 1);
    }

    /// @dev The guard locks nobody in.
    function test_guardRemoved() public {
        _assertNeedsConfirmation(address(safe), abi.encodeCall(ISafeWallet.setGuard, (address(0))), 0);
        _execute(address(thief), abi.encodeCall(Thief.run, (1)), 0);
    }

    function test_setAssessing() public {
        Assessing memory next = _assessing();
        next.thresholdBps = 4000;
        VM.expectRevert(abi.encodeWithSelector(SafeRiskGuard.NotSafe.selector, address(this)));
        guard.setAssessing(next);
        _assertNeedsConfirmation(address(guard), abi.encodeCall(guard.setAssessing, (next)), 0);
        VM.assertEq(guard.assessing().thresholdBps, 4000);
    }

    /// @dev A confirmation is for one transaction: the same call with the next nonce needs another.
    function test_confirmationIsUsedOnce() public {
        bytes memory call = abi.encodeCall(Benign.run, (42));
        _assertNeedsConfirmation(address(benign), call, 0);
        _assertNeedsConfirmation(address(benign), call, 0);
    }

    function testFuzz_announce_reverts_notOwner(address from) public {
        VM.assume(!safe.isOwner(from));
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(SafeRiskGuard.NotOwner.selector, from));
        guard.announce("tx");
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(SafeRiskGuard.NotOwner.selector, from));
        guard.confirm("tx");
    }

    function test_announce_reverts_twice() public {
        VM.prank(VM.addr(keys[0]));
        guard.announce("tx");
        VM.prank(VM.addr(keys[1]));
        VM.expectRevert(abi.encodeWithSelector(SafeRiskGuard.AlreadyAnnounced.selector, bytes32("tx")));
        guard.announce("tx");
    }

    function test_confirm_reverts_early() public {
        VM.prank(VM.addr(keys[0]));
        VM.expectRevert(abi.encodeWithSelector(SafeRiskGuard.TooEarly.selector, bytes32("tx"), type(uint256).max));
        guard.confirm("tx");
        VM.prank(VM.addr(keys[0]));
        guard.announce("tx");
        VM.warp(START + EXTRA - 1);
        VM.prank(VM.addr(keys[1]));
        VM.expectRevert(abi.encodeWithSelector(SafeRiskGuard.TooEarly.selector, bytes32("tx"), START + EXTRA));
        guard.confirm("tx");
    }

    function testFuzz_checkTransaction_reverts_notSafe(address from) public {
        VM.assume(from != address(safe));
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(SafeRiskGuard.NotSafe.selector, from));
        guard.checkTransaction(address(benign), 0, "", 0, 0, 0, 0, address(0), payable(0), "", from);
    }

    function test_supportsInterface() public view {
        bytes4 own = ISafeGuard.checkTransaction.selector ^ ISafeGuard.checkAfterExecution.selector;
        VM.assertTrue(guard.supportsInterface(own));
        VM.assertTrue(guard.supportsInterface(0x01ffc9a7));
        VM.assertFalse(guard.supportsInterface(0xffffffff));
    }

    /// @dev Refused, announced, refused, confirmed, done.
    function _assertNeedsConfirmation(address to, bytes memory call, uint8 operation) private {
        uint256 start = block.timestamp;
        bytes32 hash = _hash(to, 0, call, operation, safe.nonce());
        _assertRefused(hash, to, call, operation);
        VM.prank(VM.addr(keys[0]));
        guard.announce(hash);
        VM.warp(start + EXTRA);
        _assertRefused(hash, to, call, operation);
        VM.prank(VM.addr(keys[1]));
        guard.confirm(hash);
        _execute(to, call, operation);
    }

    function _assertRefused(bytes32 hash, address to, bytes memory call, uint8 operation) private {
        bytes memory signatures = _signatures(hash);
        VM.expectRevert(abi.encodeWithSelector(SafeRiskGuard.NeedsConfirmation.selector, hash, to));
        safe.execTransaction(to, 0, call, operation, 0, 0, 0, address(0), payable(0), signatures);
    }

    function _execute(address to, bytes memory call, uint8 operation) private {
        _executeWith(to, 0, call, operation);
    }

    function _executeWith(address to, uint256 value, bytes memory call, uint8 operation) private {
        bytes memory signatures = _signatures(_hash(to, value, call, operation, safe.nonce()));
        VM.assertTrue(safe.execTransaction(to, value, call, operation, 0, 0, 0, address(0), payable(0), signatures));
    }

    function _hash(address to, uint256 value, bytes memory call, uint8 operation, uint256 nonce)
        private
        view
        returns (bytes32)
    {
        return safe.getTransactionHash(to, value, call, operation, 0, 0, 0, address(0), address(0), nonce);
    }

    function _signatures(bytes32 hash) private view returns (bytes memory signatures) {
        for (uint256 i; i < keys.length; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = VM.sign(keys[i], hash);
            signatures = abi.encodePacked(signatures, r, s, v);
        }
    }

    function _safe() private returns (ISafeWallet wallet) {
        address singleton = _create("Safe.sol/Safe.json", "");
        wallet = ISafeWallet(_create("proxies/SafeProxy.sol/SafeProxy.json", abi.encode(singleton)));
        address[] memory owners = new address[](2);
        (owners[0], owners[1]) = (VM.addr(keys[0]), VM.addr(keys[1]));
        wallet.setup(owners, 2, address(0), "", address(0), address(0), 0, payable(0));
    }

    function _create(string memory artifact, bytes memory arguments) private returns (address created) {
        bytes memory code = bytes.concat(VM.getCode(string.concat(ARTIFACTS, artifact)), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
        }
    }
}

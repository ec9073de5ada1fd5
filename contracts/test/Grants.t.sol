// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Registry} from "../src/Registry.sol";
import {GrantState} from "../src/interfaces/ILens.sol";
import {Grant, ILicenseRegistry, Role, UNLIMITED, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, bound} from "./support/Vm.sol";

contract GrantsTest is Fixture {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// @dev What forge fills in at random.
    struct Seeds {
        address licensee;
        uint8 role;
        uint8 classes;
        uint24 termsVersion;
        uint40 notBefore;
        uint40 expiry;
        uint32 quota;
        uint32 dailyRate;
        address market;
        uint16 royaltyBps;
        address priceToken;
        uint96 priceFloor;
        address payTo;
        uint32 seq;
        uint256 nonce;
    }

    function setUp() public override {
        super.setUp();
        _publish(ALL_GRANT);
    }

    function test_activate_reverts_unknownModel() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.modelId = "?";
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        registry.activate(grant, signature);
    }

    /// @dev A grant names its licensor: somebody else's signature over somebody else's grant is worth nothing.
    function testFuzz_activate_reverts_otherLicensor(uint256 key) public {
        key = bound(key, 1, CURVE_ORDER - 1);
        address other = VM.addr(key);
        VM.assume(other != licensor);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.licensor = other;
        bytes memory signature = _sign(key, grant);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, other, licensor));
        registry.activate(grant, signature);
    }

    function testFuzz_activate_reverts_classes(uint8 classes) public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.classes = classes == 0 ? 0 : uint8(bound(classes, 8, 255));
        _expectMalformed(grant, abi.encodeWithSelector(ILicenseRegistry.InvalidClasses.selector, grant.classes));
    }

    function testFuzz_activate_reverts_endsBeforeStart(uint40 notBefore, uint40 expiry) public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.notBefore = uint40(bound(notBefore, 1, type(uint40).max));
        grant.expiry = uint40(bound(expiry, 0, grant.notBefore - 1));
        bytes4 selector = ILicenseRegistry.EndsBeforeStart.selector;
        _expectMalformed(grant, abi.encodeWithSelector(selector, grant.notBefore, grant.expiry));
    }

    function testFuzz_activate_reverts_royalty(uint16 bps) public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.royaltyBps = uint16(bound(bps, 5001, type(uint16).max));
        bytes4 selector = ILicenseRegistry.RoyaltyTooHigh.selector;
        _expectMalformed(grant, abi.encodeWithSelector(selector, grant.royaltyBps, 5000));
    }

    function testFuzz_activate_reverts_operatorWithPriceFloor(uint96 floor) public {
        Grant memory grant = _grant(operator, Role.OPERATOR, 1);
        grant.priceFloor = uint96(bound(floor, 1, type(uint96).max));
        bytes4 selector = ILicenseRegistry.FloorForOperator.selector;
        _expectMalformed(grant, abi.encodeWithSelector(selector, grant.priceFloor));
    }

    /// @dev A market exactly where uses are limited: one that counts for no reason, or nobody that counts.
    function testFuzz_activate_reverts_marketWithoutLimits(uint32 quota, uint32 dailyRate, address market) public {
        (quota, dailyRate) = (quota % 2 == 0 ? UNLIMITED : quota, dailyRate % 2 == 0 ? UNLIMITED : dailyRate);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        (grant.quota, grant.dailyRate) = (quota, dailyRate);
        bool limited = quota != UNLIMITED || dailyRate != UNLIMITED;
        grant.market = limited ? address(0) : market == address(0) ? address(oracle) : market;
        _expectMalformed(grant, abi.encodeWithSelector(ILicenseRegistry.WrongMarket.selector, grant.market));
    }

    function test_activate_reverts_expired() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.warp(grant.expiry + 1);
        VM.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.GrantExpired.selector, requester, Role.REQUESTER, grant.expiry)
        );
        registry.activate(grant, signature);
    }

    function test_activate_reverts_seqZero() public {
        _expectStale(_grant(requester, Role.REQUESTER, 0), 0);
    }

    function testFuzz_activate_reverts_wrongKey(uint256 key) public {
        key = bound(key, 1, CURVE_ORDER - 1);
        VM.assume(VM.addr(key) != licensor);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        _expectBadSignature(grant, _sign(key, grant));
    }

    function testFuzz_activate_reverts_garbage(bytes calldata signature) public {
        _expectBadSignature(_grant(requester, Role.REQUESTER, 1), signature);
    }

    function test_activate_reverts_malleable() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(LICENSOR_KEY, registry.hashGrant(grant));
        bytes memory twin = abi.encodePacked(r, bytes32(CURVE_ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.MalleableSignature.selector, licensor));
        registry.activate(grant, twin);
    }

    /// @dev Any signed field that differs from the grant that is activated spoils the signature.
    function test_activate_reverts_tampered() public {
        VM.prank(licensor);
        bytes32 sibling = registry.registerModel("program", "weights", "another manifest", "");
        bytes memory signature = _sign(LICENSOR_KEY, _metered(requester, Role.REQUESTER, 1, 10, 10));
        for (uint256 field; field < 16; ++field) {
            _expectBadSignature(_tampered(field, sibling), signature);
        }
        Grant memory grant = _metered(requester, Role.REQUESTER, 1, 10, 10);
        grant.licensor = stranger;
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, stranger, licensor));
        registry.activate(grant, signature);
        VM.prank(licensor);
        (grant.licensor, grant.epoch) = (licensor, registry.raiseEpoch(modelId));
        _expectBadSignature(grant, signature);
    }

    function _tampered(uint256 field, bytes32 sibling) private view returns (Grant memory grant) {
        grant = _metered(requester, Role.REQUESTER, 1, 10, 10);
        if (field == 0) grant.licensee = stranger;
        if (field == 1) grant.role = Role.OPERATOR;
        if (field == 2) grant.classes = 3;
        if (field == 3) grant.termsVersion = 1;
        if (field == 4) grant.notBefore -= 1;
        if (field == 5) grant.expiry += 1;
        if (field == 6) grant.quota -= 1;
        if (field == 7) grant.dailyRate -= 1;
        if (field == 15) grant.market = stranger;
        if (field == 8) grant.royaltyBps = 0;
        if (field == 9) grant.priceToken = stranger;
        if (field == 10) grant.priceFloor = 1;
        if (field == 11) grant.payTo = stranger;
        if (field == 12) grant.seq = 2;
        if (field == 13) grant.nonce = 2;
        if (field == 14) grant.modelId = sibling;
    }

    /// @dev What was signed under one id is not signed under any other, and is again where the chain has that id again.
    function testFuzz_activate_afterChainIdChanges(uint64 first, uint64 second) public {
        uint256 born = block.chainid;
        VM.assume(first != 0 && second != 0 && first != second && first != born && second != born);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        uint256[3] memory chains = [born, first, second];
        bytes[3] memory signatures;
        for (uint256 i; i < 3; ++i) {
            VM.chainId(chains[i]);
            signatures[i] = _sign(LICENSOR_KEY, grant);
        }
        for (uint256 i = 3; i > 0; --i) {
            VM.chainId(chains[i - 1]);
            for (uint256 other; other < 3; ++other) {
                if (other != i - 1) _expectBadSignature(grant, signatures[other]);
            }
            uint256 before = VM.snapshotState();
            registry.activate(grant, signatures[i - 1]);
            _assertKept(grant);
            VM.revertToState(before);
        }
    }

    /// @dev Same model, same licensor, same chain: a voucher is still for one registry.
    function test_activate_reverts_otherRegistry() public {
        Registry twin = new Registry();
        VM.prank(licensor);
        modelId = twin.registerModel("program", "weights", "manifest", "");
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        bytes memory signature = _sign(LICENSOR_KEY, grant); // under the first registry's domain
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, licensor));
        twin.activate(grant, signature);
    }

    function testFuzz_activate(Seeds memory seeds) public {
        Grant memory grant = _random(seeds);
        bytes memory signature = _sign(LICENSOR_KEY, grant);

        VM.expectEmit(address(registry));
        emit ILicenseRegistry.GrantActivated(modelId, grant.licensee, registry.hashGrant(grant), grant);
        VM.prank(stranger);
        registry.activate(grant, signature);

        _assertKept(grant);
        // the other role has none
        uint32 otherSeq = lens.grantOf(modelId, grant.licensee, Role(1 - uint8(grant.role))).seq;
        VM.assertEq(otherSeq, 0);
    }

    /// @dev Whatever an earlier grant left in further slots, the next one is read as it was signed.
    function testFuzz_activate_overwritesEveryField(Seeds memory first, Seeds memory second) public {
        (second.licensee, second.role) = (first.licensee, first.role);
        (first.seq, second.seq) = (uint32(bound(first.seq, 1, 1000)), uint32(bound(second.seq, 1001, 2000)));
        _activate(_random(first));
        Grant memory next = _random(second);
        bytes memory signature = _sign(LICENSOR_KEY, next);
        VM.prank(next.licensee); // whom nothing makes wait
        registry.activate(next, signature);
        _assertKept(next);
    }

    /// @dev The same where it waits beside the other, and where it has taken another's place there.
    function testFuzz_activate_overwritesEveryField_beside(Seeds memory first, Seeds memory second, Seeds memory third)
        public
    {
        if (first.licensee == address(this)) first.licensee = requester; // the licensee itself need not wait
        (second.licensee, second.role) = (first.licensee, first.role);
        (third.licensee, third.role) = (first.licensee, first.role);
        (first.seq, second.seq) = (uint32(bound(first.seq, 1, 1000)), uint32(bound(second.seq, 1001, 2000)));
        third.seq = uint32(bound(third.seq, 2001, 3000));
        Grant memory current = _random(first);
        current.expiry = type(uint40).max;
        _activate(current);
        Grant memory next = _random(second);
        (next.notBefore, next.expiry) = (uint40(START + 1), uint40(bound(next.expiry, START + 1, START + 10)));
        next.termsVersion = 0;
        _activate(next);
        _assertKept(current);
        _assertWaits(next);
        VM.warp(next.expiry + (third.nonce % 2 == 0 ? 0 : 1));
        Grant memory last = _random(third);
        (last.notBefore, last.expiry) = (next.expiry + 10, type(uint40).max);
        _activate(last);
        _assertKept(third.nonce % 2 == 0 ? next : current);
        _assertWaits(last);
    }

    function test_activate_reverts_zeroLicensor() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.licensor = address(0);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, address(0), licensor));
        registry.activate(grant, new bytes(65));
    }

    function test_activate_compactSignature() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(LICENSOR_KEY, registry.hashGrant(grant));
        registry.activate(grant, abi.encodePacked(r, bytes32(uint256(s) | uint256(v - 27) << 255)));
        _assertKept(grant);
    }

    /// @dev An account delegated under EIP-7702 has code and still signs with its key.
    function test_activate_licensorWithCode() public {
        VM.etch(licensor, hex"60006000fd");
        _activate(requester, Role.REQUESTER);
        _assertKept(_grant(requester, Role.REQUESTER, 1));
    }

    /// @dev Whoever submits first, the second submission does not fail, and writes nothing.
    function test_activate_isIdempotent() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        registry.activate(grant, signature);
        VM.record();
        registry.activate(grant, signature);
        (, bytes32[] memory writes) = VM.accesses(address(registry));
        VM.assertEq(writes.length, 0);
        VM.warp(grant.expiry + 1);
        registry.activate(grant, signature);
        _assertKept(grant);
    }

    function testFuzz_activate_neverGoesBack(uint32 first, uint32 second) public {
        first = uint32(bound(first, 1, type(uint32).max));
        Grant memory current = _grant(requester, Role.REQUESTER, first);
        registry.activate(current, _sign(LICENSOR_KEY, current));
        Grant memory next = _grant(requester, Role.REQUESTER, second);
        next.classes = 1;
        if (second <= first) {
            _expectStale(next, first);
            _assertKept(current);
        } else {
            registry.activate(next, _sign(LICENSOR_KEY, next));
            _assertKept(next);
        }
    }

    function testFuzz_revoke_reverts_notLicensor(address from) public {
        VM.assume(from != licensor);
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, from, licensor));
        registry.revoke(modelId, requester, Role.REQUESTER, 1);
    }

    function test_revoke_reverts_unknownModelAndStale() public {
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        registry.revoke("?", requester, Role.REQUESTER, 1);
        VM.prank(licensor);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.StaleGrant.selector, 0, 0));
        registry.revoke(modelId, requester, Role.REQUESTER, 0);
        Grant memory grant = _grant(requester, Role.REQUESTER, 5);
        registry.activate(grant, _sign(LICENSOR_KEY, grant));
        VM.prank(licensor);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.StaleGrant.selector, 4, 5));
        registry.revoke(modelId, requester, Role.REQUESTER, 4);
    }

    /// @dev Works on an active grant and, as a tombstone, before activation; only a higher seq lifts it.
    function testFuzz_revoke(bool active, uint32 seq, uint8 roleSeed) public {
        Role role = Role(roleSeed % 2);
        seq = uint32(bound(seq, 2, type(uint32).max - 1));
        if (active) _activate(requester, role);

        VM.expectEmit(address(registry));
        emit ILicenseRegistry.GrantRevoked(modelId, requester, role, seq);
        VM.prank(licensor);
        registry.revoke(modelId, requester, role, seq);

        GrantState memory tombstone;
        (tombstone.seq, tombstone.revoked) = (seq, true);
        VM.assertEq(abi.encode(lens.grantOf(modelId, requester, role)), abi.encode(tombstone));
        bytes memory revoked = abi.encodeWithSelector(ILicenseRegistry.GrantIsRevoked.selector, requester, role, seq);
        VM.expectRevert(revoked);
        lens.checkLicense(modelId, 1, requester, role, UseClass.PERSONAL);
        Grant memory covered = _grant(requester, role, seq);
        bytes memory signature = _sign(LICENSOR_KEY, covered);
        VM.expectRevert(revoked);
        registry.activate(covered, signature);
        Grant memory renewed = _grant(requester, role, seq + 1);
        registry.activate(renewed, _sign(LICENSOR_KEY, renewed));
        _assertKept(renewed);
    }

    /// @dev The grant speaks for its classes and its time, to the second, and for its role and licensee alone.
    function testFuzz_checkLicense_withGrant(uint8 classes, uint8 classSeed, uint40 at) public {
        classes = uint8(bound(classes, 1, 7));
        UseClass useClass = UseClass(classSeed % 3);
        Grant memory grant = _grant(operator, Role.OPERATOR, 1);
        (grant.classes, grant.notBefore) = (classes, uint40(START + 1 days));
        registry.activate(grant, _sign(LICENSOR_KEY, grant));
        at = uint40(bound(at, START, START + 40 days));
        VM.warp(at);
        bool expected;
        if ((classes >> uint8(useClass)) & 1 == 0) {
            VM.expectRevert(
                abi.encodeWithSelector(
                    ILicenseRegistry.AuthorizationRequired.selector, operator, Role.OPERATOR, useClass
                )
            );
        } else if (at < grant.notBefore) {
            VM.expectRevert(
                abi.encodeWithSelector(
                    ILicenseRegistry.GrantNotYetValid.selector, operator, Role.OPERATOR, grant.notBefore
                )
            );
        } else if (at > grant.expiry) {
            VM.expectRevert(
                abi.encodeWithSelector(ILicenseRegistry.GrantExpired.selector, operator, Role.OPERATOR, grant.expiry)
            );
        } else {
            expected = true;
        }
        uint16 bps = lens.checkLicense(modelId, 1, operator, Role.OPERATOR, useClass);
        VM.assertEq(bps, expected ? ROYALTY_BPS : 0);
    }

    function test_checkLicense_grantIsForRoleAndLicensee() public {
        _activate(operator, Role.OPERATOR);
        lens.checkLicense(modelId, 1, operator, Role.OPERATOR, UseClass.COMMERCIAL);
        bytes4 selector = ILicenseRegistry.AuthorizationRequired.selector;
        UseClass use = UseClass.COMMERCIAL;
        VM.expectRevert(abi.encodeWithSelector(selector, operator, Role.REQUESTER, use));
        lens.checkLicense(modelId, 1, operator, Role.REQUESTER, use);
        VM.expectRevert(abi.encodeWithSelector(selector, stranger, Role.OPERATOR, use));
        lens.checkLicense(modelId, 1, stranger, Role.OPERATOR, use);
    }

    function test_eip712Domain() public {
        for (uint256 i; i < 2; ++i) {
            (bytes1 fields, string memory name, string memory version, uint256 chain, address verifier,,) =
                registry.eip712Domain();
            VM.assertEq(uint8(fields), 0x0f);
            VM.assertEq(name, "Themis");
            VM.assertEq(version, "1");
            VM.assertEq(chain, block.chainid);
            VM.assertEq(verifier, address(registry));
            VM.chainId(777);
        }
    }

    function _expectStale(Grant memory grant, uint32 current) private {
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.StaleGrant.selector, grant.seq, current));
        registry.activate(grant, signature);
    }

    function _expectMalformed(Grant memory grant, bytes memory reason) private {
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.expectRevert(reason);
        registry.activate(grant, signature);
    }

    function _expectBadSignature(Grant memory grant, bytes memory signature) private {
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, grant.licensor));
        registry.activate(grant, signature);
        uint32 seq = lens.grantOf(modelId, grant.licensee, grant.role).seq;
        VM.assertEq(seq, 0);
    }

    /// @dev A valid grant made of any values.
    function _random(Seeds memory seeds) private view returns (Grant memory) {
        uint40 expiry = uint40(bound(seeds.expiry, START, type(uint40).max));
        Role role = Role(seeds.role % 2);
        uint32 quota = seeds.quota % 3 == 0 ? type(uint32).max : seeds.quota;
        uint32 dailyRate = seeds.dailyRate % 3 == 0 ? type(uint32).max : seeds.dailyRate;
        address market = seeds.market == address(0) ? address(oracle) : seeds.market;
        return Grant({
            modelId: modelId,
            licensor: licensor,
            licensee: seeds.licensee,
            role: role,
            classes: uint8(bound(seeds.classes, 1, 7)),
            termsVersion: seeds.termsVersion,
            notBefore: uint40(bound(seeds.notBefore, 0, expiry)),
            expiry: expiry,
            quota: quota,
            dailyRate: dailyRate,
            market: quota == type(uint32).max && dailyRate == type(uint32).max ? address(0) : market,
            royaltyBps: uint16(bound(seeds.royaltyBps, 0, 5000)),
            priceToken: seeds.priceToken,
            priceFloor: role == Role.OPERATOR || seeds.priceFloor % 3 == 0 ? 0 : seeds.priceFloor,
            payTo: uint160(seeds.payTo) % 3 == 0 ? address(0) : seeds.payTo,
            epoch: 0,
            seq: uint32(bound(seeds.seq, 1, type(uint32).max)),
            nonce: seeds.nonce
        });
    }

    function _assertKept(Grant memory grant) private view {
        GrantState memory got = lens.grantOf(grant.modelId, grant.licensee, grant.role);
        VM.assertEq(abi.encode(got), abi.encode(_stateOf(grant)));
    }

    function _assertWaits(Grant memory grant) private view {
        GrantState memory got = lens.waitingOf(grant.modelId, grant.licensee, grant.role);
        VM.assertEq(abi.encode(got), abi.encode(_stateOf(grant)));
    }

    /// @dev What is kept of a grant of which nothing was used.
    function _stateOf(Grant memory grant) private view returns (GrantState memory) {
        return GrantState({
            seq: grant.seq,
            revoked: false,
            classes: grant.classes,
            termsVersion: grant.termsVersion,
            notBefore: grant.notBefore,
            expiry: grant.expiry,
            quota: grant.quota,
            used: 0,
            dailyRate: grant.dailyRate,
            usedToday: 0,
            market: grant.market,
            royaltyBps: grant.royaltyBps,
            priceToken: grant.priceFloor == 0 ? address(0) : grant.priceToken,
            priceFloor: grant.priceFloor,
            payTo: grant.payTo,
            epoch: grant.epoch,
            digest: grant.market == address(0) ? bytes32(0) : registry.hashGrant(grant)
        });
    }
}

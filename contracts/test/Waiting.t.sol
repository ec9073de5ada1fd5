// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ask, State} from "../src/interfaces/IInferenceOracle.sol";
import {GrantState} from "../src/interfaces/ILens.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {Plain} from "./support/Plain.sol";
import {VM, account} from "./support/Vm.sol";

/// @notice Vouchers that hold later wait beside the grant in force: nobody but its licensee can end it with them.
contract WaitingTest is Fixture {
    uint40 private constant NEXT = uint40(START + 10 days);

    function setUp() public override {
        super.setUp();
        _ready(ALL_GRANT);
        _activate(requester, Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
    }

    /// @dev A renewal from next month on, activated by a stranger: this month's grant is in force to its end.
    function testFuzz_activate_forLater(address from) public {
        VM.assume(from != requester);
        Grant memory renewal = _later(requester, Role.REQUESTER);
        bytes memory signature = _sign(LICENSOR_KEY, renewal);
        VM.expectEmit(address(registry));
        emit ILicenseRegistry.GrantWaits(modelId, requester, registry.hashGrant(renewal), renewal);
        VM.prank(from);
        registry.activate(renewal, signature);
        _assertSeqs(requester, Role.REQUESTER, 1, 2);
        _assertAsks(1);
        VM.warp(NEXT - 1);
        _assertAsks(1);
        // from its first second on it is used, without anyone's doing
        VM.warp(NEXT);
        _assertAsks(2);
        VM.warp(renewal.expiry);
        _assertAsks(2);
        VM.warp(renewal.expiry + 1);
        bytes4 selector = ILicenseRegistry.GrantExpired.selector;
        VM.expectRevert(abi.encodeWithSelector(selector, requester, Role.REQUESTER, START + 30 days));
        _request(_ask(), 0);
    }

    /// @dev The same for a renewal that is bound to terms to come, and once they are in force.
    function test_activate_forNextTerms() public {
        _announce(2, NOTICE);
        Grant memory renewal = _grant(requester, Role.REQUESTER, 2);
        (renewal.termsVersion, renewal.expiry) = (2, uint40(START + 60 days));
        _activate(renewal);
        _assertSeqs(requester, Role.REQUESTER, 1, 2);
        _assertAsks(1);
        VM.warp(START + NOTICE);
        Ask memory ask = _ask();
        bytes32 id = _request(ask, 0);
        Plain memory made = _made(ask, requester, 1, 0, ROYALTY_BPS);
        (made.grantSeq, made.termsVersion) = (2, 2);
        VM.assertEq(id, oracle.idOf(made.wire()));
    }

    /// @dev Three in a row, each bound to one version of the terms: only one waits at a time, the next is taken from the moment the
    /// one before it holds, and there is no second in which the licensee has none.
    function test_activate_threeBoundInARow() public {
        _announce(2, NOTICE);
        Grant memory second = _boundTo(2);
        Grant memory third = _boundTo(3);
        bytes memory signature = _sign(LICENSOR_KEY, third);
        _activate(second);
        _assertSeqs(requester, Role.REQUESTER, 1, 2);
        VM.warp(START + NOTICE - 1);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.AnotherWaits.selector, 2));
        registry.activate(third, signature);
        _assertAsksUnder(1, 1);
        VM.warp(START + NOTICE);
        _assertAsksUnder(2, 2);
        _announce(3, NOTICE);
        registry.activate(third, signature);
        _assertSeqs(requester, Role.REQUESTER, 2, 3);
        VM.warp(START + 2 * NOTICE - 1);
        _assertAsksUnder(2, 2);
        VM.warp(START + 2 * NOTICE);
        _assertAsksUnder(3, 3);
    }

    /// @dev An operator's open requests stay answerable.
    function testFuzz_activate_strandsNoOpenRequest(bool nextTerms) public {
        Ask memory ask = _ask();
        ask.deadline = uint40(START + 20 days);
        _request(ask, 1 ether);
        Plain memory made = _made(ask, requester, 1, 1 ether, ROYALTY_BPS);
        Grant memory renewal = _grant(operator, Role.OPERATOR, 2);
        if (nextTerms) {
            _announce(2, NOTICE);
            renewal.termsVersion = 2;
        } else {
            renewal = _later(operator, Role.OPERATOR);
        }
        _activate(renewal);
        _assertSeqs(operator, Role.OPERATOR, 1, 2);
        if (nextTerms) VM.warp(START + NOTICE); // pinned to the terms before
        _fulfill(made);
        VM.assertTrue(oracle.finalized(made.wire(), OUTPUT));
    }

    /// @dev Its licensee may let it end the grant in force.
    function test_activate_forLater_byLicensee() public {
        Grant memory renewal = _later(requester, Role.REQUESTER);
        bytes memory signature = _sign(LICENSOR_KEY, renewal);
        VM.expectEmit(address(registry));
        emit ILicenseRegistry.GrantActivated(modelId, requester, registry.hashGrant(renewal), renewal);
        VM.prank(requester);
        registry.activate(renewal, signature);
        _assertSeqs(requester, Role.REQUESTER, 2, 0);
        bytes4 selector = ILicenseRegistry.GrantNotYetValid.selector;
        VM.expectRevert(abi.encodeWithSelector(selector, requester, Role.REQUESTER, NEXT));
        _request(_ask(), 0);
        VM.warp(NEXT);
        _assertAsks(2);
    }

    /// @dev Also where it waits already.
    function test_activate_waiting_byLicensee() public {
        Grant memory renewal = _later(requester, Role.REQUESTER);
        _activate(renewal);
        VM.prank(requester);
        registry.activate(renewal, "");
        _assertSeqs(requester, Role.REQUESTER, 2, 0);
    }

    /// @dev Again and again by anyone: nothing changes until it holds, then it takes the place of the other.
    function test_activate_waiting_isIdempotent() public {
        Grant memory renewal = _later(requester, Role.REQUESTER);
        _activate(renewal);
        VM.record();
        _activate(renewal);
        VM.warp(NEXT - 1);
        _activate(renewal);
        (, bytes32[] memory writes) = VM.accesses(address(registry));
        VM.assertEq(writes.length, 0);
        VM.warp(NEXT);
        VM.expectEmit(address(registry));
        emit ILicenseRegistry.GrantActivated(modelId, requester, registry.hashGrant(renewal), renewal);
        _activate(renewal);
        _assertSeqs(requester, Role.REQUESTER, 2, 0);
        _assertAsks(2);
        VM.record();
        _activate(renewal);
        (, writes) = VM.accesses(address(registry));
        VM.assertEq(writes.length, 0);
    }

    /// @dev A voucher that waited and ended takes nobody's place: neither by itself nor pushed by the next one.
    function testFuzz_activate_endedWhileWaiting(bool pushed) public {
        Grant memory brief = _later(requester, Role.REQUESTER);
        brief.expiry = NEXT + 1 days;
        _activate(brief);
        VM.warp(brief.expiry + 1);
        if (pushed) {
            Grant memory last = _later(requester, Role.REQUESTER);
            (last.seq, last.notBefore) = (3, NEXT + 5 days);
            _activate(last);
            _assertSeqs(requester, Role.REQUESTER, 1, 3);
        } else {
            bytes4 selector = ILicenseRegistry.GrantExpired.selector;
            VM.expectRevert(abi.encodeWithSelector(selector, requester, Role.REQUESTER, brief.expiry));
            registry.activate(brief, "");
            _assertSeqs(requester, Role.REQUESTER, 1, 2);
        }
        _assertAsks(1);
    }

    /// @dev After a raised epoch what waited is void, and ends no grant by which open requests are answered.
    function test_activate_outdatedWhileWaiting() public {
        _request(_ask(), 1 ether);
        Grant memory renewal = _later(operator, Role.OPERATOR);
        _activate(renewal);
        VM.prank(licensor);
        registry.raiseEpoch(modelId);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.GrantOutdated.selector, operator, Role.OPERATOR, 0));
        VM.prank(stranger);
        registry.activate(renewal, "");
        Plain memory made = _made(_ask(), requester, 1, 1 ether, ROYALTY_BPS);
        _fulfill(made);
        VM.assertTrue(oracle.finalized(made.wire(), OUTPUT));
    }

    /// @dev Two for later: the first keeps its place until it holds.
    function test_activate_reverts_anotherWaits() public {
        _activate(_later(requester, Role.REQUESTER));
        Grant memory another = _later(requester, Role.REQUESTER);
        (another.seq, another.notBefore) = (3, NEXT + 1 days);
        bytes memory signature = _sign(LICENSOR_KEY, another);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.AnotherWaits.selector, 2));
        registry.activate(another, signature);
        VM.warp(NEXT - 1);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.AnotherWaits.selector, 2));
        registry.activate(another, signature);
        VM.warp(NEXT);
        registry.activate(another, signature);
        _assertSeqs(requester, Role.REQUESTER, 2, 3);
        _assertAsks(2);
        VM.warp(NEXT + 1 days);
        _assertAsks(3);
    }

    function test_activate_anotherWaits_byLicensee() public {
        _activate(_later(requester, Role.REQUESTER));
        Grant memory another = _later(requester, Role.REQUESTER);
        (another.seq, another.notBefore) = (3, NEXT + 1 days);
        bytes memory signature = _sign(LICENSOR_KEY, another);
        VM.prank(requester);
        registry.activate(another, signature);
        _assertSeqs(requester, Role.REQUESTER, 3, 0);
    }

    /// @dev What holds now takes the place of both; what waits has used its number up.
    function test_activate_forNow_whileAnotherWaits() public {
        _activate(_later(requester, Role.REQUESTER));
        Grant memory next = _grant(requester, Role.REQUESTER, 2);
        bytes memory signature = _sign(LICENSOR_KEY, next);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.StaleGrant.selector, 2, 2));
        registry.activate(next, signature);
        next.seq = 3;
        _activate(next);
        _assertSeqs(requester, Role.REQUESTER, 3, 0);
        VM.warp(NEXT);
        _assertAsks(3);
    }

    /// @dev No voucher waits that could not be activated.
    function test_activate_forLater_reverts() public {
        Grant memory renewal = _later(requester, Role.REQUESTER);
        bytes memory forged = _sign(0xBAD, renewal);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, licensor));
        registry.activate(renewal, forged);
        VM.prank(licensor);
        registry.cancel(renewal.nonce);
        bytes memory signature = _sign(LICENSOR_KEY, renewal);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.VoucherCanceled.selector, licensor, renewal.nonce));
        registry.activate(renewal, signature);
        _assertSeqs(requester, Role.REQUESTER, 1, 0);
    }

    /// @dev Once a grant has ended there is nothing to wait beside.
    function test_activate_forLater_withoutOneInForce() public {
        Grant memory renewal = _later(requester, Role.REQUESTER);
        (renewal.notBefore, renewal.expiry) = (uint40(START + 40 days), uint40(START + 50 days));
        VM.warp(START + 30 days + 1);
        _activate(renewal);
        _assertSeqs(requester, Role.REQUESTER, 2, 0);
    }

    /// @dev Revoking ends both, and needs a number no lower than that of the one that waits.
    function test_revoke_endsBoth() public {
        Grant memory renewal = _later(requester, Role.REQUESTER);
        _activate(renewal);
        VM.prank(licensor);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.StaleGrant.selector, 1, 2));
        registry.revoke(modelId, requester, Role.REQUESTER, 1);
        VM.prank(licensor);
        registry.revoke(modelId, requester, Role.REQUESTER, 2);
        VM.warp(NEXT);
        bytes memory revoked =
            abi.encodeWithSelector(ILicenseRegistry.GrantIsRevoked.selector, requester, Role.REQUESTER, 2);
        VM.expectRevert(revoked);
        _request(_ask(), 0);
        VM.expectRevert(revoked);
        registry.activate(renewal, "");
        _assertSeqs(requester, Role.REQUESTER, 2, 0);
    }

    /// @dev Its own uses are counted, its own royalty is paid to its own payee, by a hot key too; and a refund finds it after it has
    /// taken the place of the other.
    function test_use_ofWaiting() public {
        Grant memory renewal = _later(requester, Role.REQUESTER);
        (renewal.quota, renewal.market) = (2, address(oracle));
        (renewal.royaltyBps, renewal.payTo) = (300, stranger);
        _activate(renewal);
        address hotKey = account("hot key");
        VM.prank(requester);
        registry.delegate(hotKey, true);
        VM.prank(hotKey);
        registry.actFor(requester);
        _assertCounts(hotKey, 1);
        VM.warp(NEXT);
        _assertCounts(hotKey, 2);
        Ask memory ask = _ask();
        VM.deal(hotKey, 10_000);
        VM.prank(hotKey);
        bytes32 id = oracle.request{value: 10_000}(ask, INPUT);
        Plain memory made = _made(ask, hotKey, 1, 10_000, 300);
        (made.licensee, made.grantSeq, made.payTo) = (requester, 2, stranger);
        VM.assertEq(id, oracle.idOf(made.wire()));
        VM.assertEq(lens.waitingOf(modelId, requester, Role.REQUESTER).used, 1);
        VM.assertEq(lens.grantOf(modelId, requester, Role.REQUESTER).used, 0);
        _request(ask, 0);
        VM.assertEq(oracle.usesOf(registry.hashGrant(renewal)).total, 2);
        ask.lane = 8;
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.QuotaExhausted.selector, requester, Role.REQUESTER));
        _request(ask, 0);
        _fulfill(made);
        VM.assertEq(oracle.credits(address(0), stranger), 300);
        registry.activate(renewal, "");
        VM.warp(ask.deadline + 1);
        made = _made(_askUntil(ask.deadline), requester, 1, 0, 300);
        made.grantSeq = 2;
        oracle.refund(made.wire());
        VM.assertEq(oracle.usesOf(registry.hashGrant(renewal)).total, 1);
    }

    /// @dev Put in through a market it waits too: the request is made by the grant in force.
    function test_requestWithGrant_forLater() public {
        Grant memory renewal = _later(requester, Role.REQUESTER);
        bytes memory signature = _sign(LICENSOR_KEY, renewal);
        VM.prank(requester);
        bytes32 id = oracle.requestWithGrant(_ask(), INPUT, address(0), 0, renewal, signature);
        VM.assertEq(id, oracle.idOf(_made(_ask(), requester, 1, 0, ROYALTY_BPS).wire()));
        _assertSeqs(requester, Role.REQUESTER, 1, 2);
    }

    function _later(address licensee, Role role) private view returns (Grant memory renewal) {
        renewal = _grant(licensee, role, 2);
        (renewal.notBefore, renewal.expiry) = (NEXT, uint40(START + 60 days));
    }

    function _announce(uint24 version, uint40 notice) private {
        VM.prank(licensor);
        VM.assertEq(
            registry.publishTerms(modelId, "next", ALL_GRANT, uint40(block.timestamp) + notice, "", ""), version
        );
    }

    /// @dev A voucher with the number of the terms that it is bound to.
    function _boundTo(uint24 version) private view returns (Grant memory grant) {
        grant = _grant(requester, Role.REQUESTER, version);
        (grant.termsVersion, grant.expiry) = (version, uint40(START + 60 days));
    }

    function _assertAsksUnder(uint24 version, uint32 seq) private {
        Ask memory ask = _ask();
        ask.lane = uint64(block.timestamp);
        ask.deadline = uint40(block.timestamp) + 60;
        bytes32 id = _request(ask, 0);
        Plain memory made = _made(ask, requester, 1, 0, ROYALTY_BPS);
        (made.grantSeq, made.termsVersion) = (seq, version);
        VM.assertEq(id, oracle.idOf(made.wire()));
    }

    function _askUntil(uint40 deadline) private view returns (Ask memory ask) {
        ask = _ask();
        ask.deadline = deadline;
    }

    /// @dev The requester can ask, by the grant with that number.
    function _assertAsks(uint32 seq) private {
        Ask memory ask = _ask();
        ask.lane = uint64(block.timestamp);
        (, uint32 before,) = oracle.stateOf(requester, ask.lane);
        bytes32 id = _request(ask, 0);
        Plain memory made = _made(ask, requester, before + 1, 0, ROYALTY_BPS);
        made.grantSeq = seq;
        VM.assertEq(id, oracle.idOf(made.wire()));
        _assertLane(requester, ask.lane, State.OPEN, before + 1, id);
        VM.assertEq(lens.checkUse(modelId, requester, Role.REQUESTER, UseClass.PERSONAL, address(0), 0), ROYALTY_BPS);
    }

    /// @dev The lens knows by whose grant, and by which, the account may use the model now.
    function _assertCounts(address from, uint32 seq) private view {
        (address licensee, GrantState memory state) = lens.grantFor(modelId, from, Role.REQUESTER, UseClass.PERSONAL, 1);
        VM.assertEq(licensee, requester);
        VM.assertEq(state.seq, seq);
    }

    function _assertSeqs(address licensee, Role role, uint32 current, uint32 waiting) private view {
        VM.assertEq(lens.grantOf(modelId, licensee, role).seq, current);
        VM.assertEq(lens.waitingOf(modelId, licensee, role).seq, waiting);
    }
}

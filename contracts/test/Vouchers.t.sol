// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {Ask, IInferenceOracle, State} from "../src/interfaces/IInferenceOracle.sol";
import {GrantState} from "../src/interfaces/ILens.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IPayments} from "../src/interfaces/IPayments.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, bound} from "./support/Vm.sol";

/// @notice What every limit of a voucher does to requests and answers.
contract VouchersTest is Fixture {
    uint256 private constant MIDNIGHT = START + 57_600;
    uint32 private constant UNLIMITED = type(uint32).max;

    Ask private ask;

    function setUp() public override {
        super.setUp();
        _ready(ALL_GRANT);
        _activate(operator, Role.OPERATOR);
        ask = _ask();
        ask.deadline = uint40(START + 5 days);
    }

    /// @dev Reserved at request, exact to the last use, and not one more.
    function testFuzz_quota_isReserved(uint32 quota) public {
        quota = uint32(bound(quota, 0, 6));
        _limited(quota, UNLIMITED);
        for (uint32 i; i < quota; ++i) {
            ask.lane = i;
            _request(ask, 0);
            _assertUses(requester, Role.REQUESTER, quota - i - 1, i + 1);
        }
        ask.lane = quota;
        _refused(abi.encodeWithSelector(ILicenseRegistry.QuotaExhausted.selector, requester, Role.REQUESTER));
        _assertUses(requester, Role.REQUESTER, 0, quota);
    }

    function test_quota_isReleasedByRefund() public {
        _limited(1, UNLIMITED);
        _request(ask, 0);
        VM.warp(ask.deadline + 1);
        oracle.refund(_made(ask, requester, 1, 0, ROYALTY_BPS).wire());
        _assertUses(requester, Role.REQUESTER, 1, 0);
        ask.deadline += 5 days;
        _request(ask, 0);
        _assertUses(requester, Role.REQUESTER, 0, 1);
    }

    function test_quota_isSpentByAnswer() public {
        _limited(1, UNLIMITED);
        _request(ask, 0);
        Plain memory made = _made(ask, requester, 1, 0, ROYALTY_BPS);
        _fulfill(made);
        VM.warp(ask.deadline + 1);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, oracle.idOf(made.wire())));
        oracle.refund(made.wire());
        _assertUses(requester, Role.REQUESTER, 0, 0);
    }

    /// @dev A use goes back to the voucher it was taken from, never to another one.
    function testFuzz_quota_isNotReleasedToAnother(bool renewed, uint32 quota) public {
        _limited(5, UNLIMITED);
        _request(ask, 0);
        VM.assume(quota != UNLIMITED);
        Grant memory next = _metered(requester, Role.REQUESTER, 2, quota, UNLIMITED);
        if (renewed) {
            _activate(next);
        } else {
            VM.prank(licensor);
            registry.revoke(modelId, requester, Role.REQUESTER, 1);
        }
        VM.warp(ask.deadline + 1);
        oracle.refund(_made(ask, requester, 1, 0, ROYALTY_BPS).wire());
        GrantState memory state = lens.grantOf(modelId, requester, Role.REQUESTER);
        VM.assertEq(state.quota, renewed ? quota : 0);
        VM.assertEq(state.used, 0);
        VM.assertEq(state.revoked, !renewed);
    }

    /// @dev Without a quota there is nothing to count: a refund writes nothing.
    function test_quota_unlimited() public {
        _activate(requester, Role.REQUESTER);
        _request(ask, 0);
        VM.warp(ask.deadline + 1);
        oracle.refund(_made(ask, requester, 1, 0, ROYALTY_BPS).wire());
        _assertUses(requester, Role.REQUESTER, UNLIMITED, 0);
    }

    /// @dev An operator's use is spent by its answer; without one left the request stays open and refundable.
    function test_quota_ofOperator() public {
        _activate(_metered(operator, Role.OPERATOR, 2, 1, UNLIMITED));
        _activate(requester, Role.REQUESTER);
        _request(ask, 0);
        _fulfill(_made(ask, requester, 1, 0, ROYALTY_BPS));
        _assertUses(operator, Role.OPERATOR, 0, 1);
        bytes32 id = _request(ask, 0);
        Plain memory second = _made(ask, requester, 2, 0, ROYALTY_BPS);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.QuotaExhausted.selector, operator, Role.OPERATOR));
        _fulfill(second);
        _assertLane(requester, ask.lane, State.OPEN, 2, id);
        VM.warp(ask.deadline + 1);
        oracle.refund(second.wire());
    }

    /// @dev A day ends at midnight UTC, to the second.
    function testFuzz_dailyRate(uint32 rate) public {
        rate = uint32(bound(rate, 0, 4));
        _limited(UNLIMITED, rate);
        bytes memory reached =
            abi.encodeWithSelector(ILicenseRegistry.DailyRateReached.selector, requester, Role.REQUESTER, rate);
        VM.warp(MIDNIGHT - 2);
        _useUp(0, rate, reached);
        VM.warp(MIDNIGHT - 1);
        _refused(reached);
        VM.warp(MIDNIGHT);
        _assertUses(requester, Role.REQUESTER, UNLIMITED, 0);
        _useUp(100, rate, reached);
        VM.warp(MIDNIGHT + 1 days - 1);
        _refused(reached);
        VM.warp(MIDNIGHT + 1 days);
        _useUp(200, rate, reached);
    }

    /// @dev A refund gives the quota's use back, not the day's.
    function testFuzz_dailyRate_isNotGivenBack(uint32 rate) public {
        rate = uint32(bound(rate, 1, 4));
        _limited(UNLIMITED, rate);
        ask.deadline = uint40(START + 1);
        for (uint32 i; i < rate; ++i) {
            ask.lane = i;
            _request(ask, 0);
        }
        VM.warp(START + 2);
        ask.lane = 0;
        oracle.refund(_made(ask, requester, 1, 0, ROYALTY_BPS).wire());
        _assertUses(requester, Role.REQUESTER, UNLIMITED, rate);
        ask.deadline += 10;
        _refused(abi.encodeWithSelector(ILicenseRegistry.DailyRateReached.selector, requester, Role.REQUESTER, rate));
    }

    function test_dailyRate_ofOperator() public {
        _activate(_metered(operator, Role.OPERATOR, 2, UNLIMITED, 1));
        _activate(requester, Role.REQUESTER);
        _request(ask, 0);
        _fulfill(_made(ask, requester, 1, 0, ROYALTY_BPS));
        _request(ask, 0);
        Plain memory second = _made(ask, requester, 2, 0, ROYALTY_BPS);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.DailyRateReached.selector, operator, Role.OPERATOR, 1));
        _fulfill(second);
        VM.warp(MIDNIGHT);
        _fulfill(second);
        _assertUses(operator, Role.OPERATOR, UNLIMITED, 1);
    }

    function testFuzz_priceFloor(address priceToken, uint96 floor, uint96 fee) public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        (grant.priceToken, grant.priceFloor) = (priceToken, floor);
        _activate(grant);
        VM.deal(requester, fee);
        if (floor > 0 && (priceToken != address(0) || fee < floor)) {
            VM.expectRevert(
                abi.encodeWithSelector(ILicenseRegistry.PriceBelowFloor.selector, requester, priceToken, floor)
            );
        }
        _request(ask, fee);
    }

    /// @dev Of both grants; whoever is named in a request is paid by its answer.
    function testFuzz_payTo(address requesters, address operators) public {
        VM.assume(requesters != operators && requesters != operator && operators != operator);
        VM.assume(requesters != address(0) && operators != address(0));
        Grant memory first = _grant(requester, Role.REQUESTER, 1);
        first.payTo = requesters;
        _activate(first);
        Grant memory second = _grant(operator, Role.OPERATOR, 2);
        (second.payTo, second.royaltyBps) = (operators, 300);
        _activate(second);
        _request(ask, 10_001);
        Plain memory made = _made(ask, requester, 1, 10_001, ROYALTY_BPS);
        made.payTo = requesters;
        // a later voucher does not reach back
        (first.seq, first.payTo, first.royaltyBps) = (2, stranger, 5000);
        _activate(first);
        _fulfill(made);
        VM.assertEq(oracle.credits(address(0), requesters), 1250);
        VM.assertEq(oracle.credits(address(0), operators), 300);
        _assertTill(8451, 0);
    }

    /// @dev Rounded down, both of them, and nothing is lost.
    function testFuzz_royalty_isExact(uint96 fee, uint16 requesters, uint16 operators) public {
        fee = uint96(bound(fee, 1, type(uint96).max));
        (requesters, operators) = (uint16(bound(requesters, 1, 5000)), uint16(bound(operators, 0, 5000)));
        Grant memory first = _grant(requester, Role.REQUESTER, 1);
        (first.royaltyBps, first.payTo) = (requesters, stranger);
        _activate(first);
        Grant memory second = _grant(operator, Role.OPERATOR, 2);
        second.royaltyBps = operators;
        _activate(second);
        VM.deal(requester, fee);
        _request(ask, fee);
        Plain memory made = _made(ask, requester, 1, fee, requesters);
        made.payTo = stranger;
        _fulfill(made);
        uint256 one = oracle.credits(address(0), stranger);
        (uint256 pay, uint256 two) = oracle.tillOf(address(0), modelId, operator);
        VM.assertEq(one, uint256(fee) * requesters / 10_000);
        VM.assertEq(two, uint256(fee) * operators / 10_000);
        VM.assertEq(pay, fee - one - two);
    }

    function testFuzz_termsVersion(uint24 version) public {
        version = uint24(bound(version, 1, 4));
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.termsVersion = version;
        _activate(grant);
        if (version != 1) {
            VM.expectRevert(
                abi.encodeWithSelector(ILicenseRegistry.GrantForOtherTerms.selector, requester, Role.REQUESTER, version)
            );
        }
        _request(ask, 0);
    }

    function testFuzz_cancel(uint256 nonce, uint256 other) public {
        VM.assume(nonce != other);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        grant.nonce = nonce;
        VM.prank(stranger); // cancels its own, not the licensor's
        registry.cancel(nonce);
        VM.assertFalse(registry.isCanceled(licensor, nonce));

        VM.expectEmit(address(registry));
        emit ILicenseRegistry.NonceCanceled(licensor, nonce);
        VM.prank(licensor);
        registry.cancel(nonce);

        VM.assertTrue(registry.isCanceled(licensor, nonce));
        VM.assertFalse(registry.isCanceled(licensor, other));
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.VoucherCanceled.selector, licensor, nonce));
        registry.activate(grant, signature);
        grant.nonce = other;
        _activate(grant);
        VM.prank(licensor);
        registry.cancel(other); // too late: it is in force
        _request(ask, 0);
    }

    /// @dev One call ends every grant and every voucher, of both roles; those of the new epoch work. What was asked before it may
    /// still be answered, under a grant of the request's epoch or a later one.
    function testFuzz_raiseEpoch(address from) public {
        VM.assume(from != licensor);
        _activate(requester, Role.REQUESTER);
        _request(ask, 0);
        Plain memory before = _made(ask, requester, 1, 0, ROYALTY_BPS);
        ask.lane = 8;
        _request(ask, 0);
        Plain memory another = _made(ask, requester, 1, 0, ROYALTY_BPS);
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, from, licensor));
        registry.raiseEpoch(modelId);

        VM.expectEmit(address(registry));
        emit ILicenseRegistry.EpochRaised(modelId, 1);
        VM.prank(licensor);
        VM.assertEq(registry.raiseEpoch(modelId), 1);

        VM.assertEq(registry.epochOf(modelId), 1);
        _fulfill(before);
        ask.lane = 9;
        _refused(_outdated(requester, Role.REQUESTER));
        Grant memory grant = _grant(requester, Role.REQUESTER, 2);
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.expectRevert(_outdated(requester, Role.REQUESTER));
        registry.activate(grant, signature);
        grant.epoch = 1;
        _activate(grant);
        _request(ask, 0);
        Plain memory made = _made(ask, requester, 1, 0, ROYALTY_BPS);
        made.grantSeq = 2;
        VM.expectRevert(_outdated(operator, Role.OPERATOR));
        _fulfill(made);
        (grant.licensee, grant.role) = (operator, Role.OPERATOR);
        _activate(grant);
        _fulfill(made);
        _fulfill(another);
    }

    /// @dev Numbers begin anew with an epoch: not even the highest bars an account for ever.
    function testFuzz_raiseEpoch_numbersBeginAnew(bool revoked) public {
        if (revoked) {
            VM.prank(licensor);
            registry.revoke(modelId, requester, Role.REQUESTER, type(uint32).max);
        } else {
            _activate(_grant(requester, Role.REQUESTER, type(uint32).max));
        }
        VM.prank(licensor);
        registry.raiseEpoch(modelId);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        (grant.epoch, grant.nonce) = (1, 77);
        _activate(grant);
        bytes32 id = _request(ask, 0);
        VM.assertEq(id, oracle.idOf(_made(ask, requester, 1, 0, ROYALTY_BPS).wire()));
        VM.prank(licensor);
        registry.revoke(modelId, requester, Role.REQUESTER, 1);
        ask.lane = 8;
        _refused(abi.encodeWithSelector(ILicenseRegistry.GrantIsRevoked.selector, requester, Role.REQUESTER, 1));
    }

    /// @dev A use comes back to the grant it was taken from, not to one that has its number in a later epoch.
    function test_raiseEpoch_refundGivesNothingToAnother() public {
        _limited(1, UNLIMITED);
        _request(ask, 0);
        VM.prank(licensor);
        registry.raiseEpoch(modelId);
        Grant memory grant = _metered(requester, Role.REQUESTER, 1, 1, UNLIMITED);
        grant.epoch = 1;
        _activate(grant);
        Plain memory old = _made(ask, requester, 1, 0, ROYALTY_BPS);
        (ask.lane, ask.deadline) = (8, uint40(START + 10 days));
        _request(ask, 0);
        VM.warp(old.deadline + 1);
        oracle.refund(old.wire());
        VM.assertEq(oracle.usesOf(registry.hashGrant(grant)).total, 1);
        ask.lane = 9;
        _refused(abi.encodeWithSelector(ILicenseRegistry.QuotaExhausted.selector, requester, Role.REQUESTER));
    }

    function test_requestWithGrant_reverts_badVoucher() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        bytes memory signature = _sign(0xBAD, grant);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, licensor));
        VM.prank(requester);
        oracle.requestWithGrant(ask, INPUT, address(0), 0, grant, signature);
    }

    /// @dev Somebody else's voucher is activated for somebody else.
    function test_requestWithGrant_reverts_othersGrant() public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.AuthorizationRequired.selector, stranger, Role.REQUESTER, UseClass.PERSONAL
            )
        );
        VM.prank(stranger);
        oracle.requestWithGrant(ask, INPUT, address(0), 0, grant, signature);
    }

    /// @dev First use in one transaction, also when somebody activated the voucher first, and again after it.
    function testFuzz_requestWithGrant(bool frontRun, uint96 fee) public {
        Grant memory grant = _metered(requester, Role.REQUESTER, 1, 2, UNLIMITED);
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        if (frontRun) registry.activate(grant, signature);
        VM.deal(requester, uint256(fee) * 2);
        Plain memory made = _made(ask, requester, 1, fee, ROYALTY_BPS);
        bytes32 expected = oracle.idOf(made.wire());
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Requested(expected, operator, made.wire(), INPUT);
        VM.prank(requester);
        VM.assertEq(oracle.requestWithGrant{value: fee}(ask, INPUT, address(0), fee, grant, signature), expected);
        _assertLane(requester, ask.lane, State.OPEN, 1, expected);
        _assertUses(requester, Role.REQUESTER, 1, 1);
        VM.assertEq(address(oracle).balance, fee);
        ask.lane = 9;
        VM.prank(requester);
        oracle.requestWithGrant{value: fee}(ask, INPUT, address(0), fee, grant, signature);
        _assertUses(requester, Role.REQUESTER, 0, 2);
    }

    /// @dev What is sent is the fee in ether, and nothing where the fee is a token's.
    function testFuzz_requestWithGrant_reverts_otherValue(bool inToken, uint96 fee, uint96 sent) public {
        address token = inToken ? address(0xdead) : address(0);
        uint256 due = inToken ? 0 : fee;
        VM.assume(sent != due);
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        VM.deal(requester, sent);
        VM.expectRevert(abi.encodeWithSelector(IPayments.FeeNotReceived.selector, address(0), sent, due));
        VM.prank(requester);
        oracle.requestWithGrant{value: sent}(ask, INPUT, token, fee, grant, signature);
    }

    /// @dev Whatever a grant says: `checkUse` gives the request's own answer, to the byte.
    function testFuzz_checkUse_isWhatRequestSays(
        uint32 quota,
        uint32 rate,
        uint96 floor,
        uint8 classSeed,
        uint40 at,
        bool elsewhere
    ) public {
        Grant memory grant = _grant(requester, Role.REQUESTER, 1);
        (grant.quota, grant.dailyRate, grant.priceFloor) = (quota % 2, rate % 2, floor % 2);
        grant.market = elsewhere ? stranger : address(oracle);
        (grant.classes, grant.notBefore) = (uint8(1 + classSeed % 7), uint40(START + 1 days));
        grant.expiry = uint40(START + 2 days);
        _activate(grant);
        VM.warp(bound(at, START, START + 3 days));
        for (uint96 fee; fee < 2; ++fee) {
            ask.lane = uint64(fee);
            bytes memory check =
                abi.encodeCall(lens.checkUse, (modelId, requester, Role.REQUESTER, ask.useClass, address(0), fee));
            (bool allowed, bytes memory reason) = address(lens).call(check);
            VM.prank(requester);
            (bool done, bytes memory said) =
                address(oracle).call{value: fee}(abi.encodeCall(oracle.request, (ask, INPUT)));
            VM.assertEq(allowed, done);
            VM.assertEq(allowed ? abi.encode(ROYALTY_BPS) : said, reason);
        }
    }

    function _limited(uint32 quota, uint32 dailyRate) private {
        _activate(_metered(requester, Role.REQUESTER, 1, quota, dailyRate));
    }

    function _useUp(uint64 firstLane, uint32 rate, bytes memory reached) private {
        for (uint32 i; i < rate; ++i) {
            ask.lane = firstLane + i;
            _request(ask, 0);
            _assertUses(requester, Role.REQUESTER, UNLIMITED, i + 1);
        }
        ask.lane = firstLane + 99;
        _refused(reached);
    }

    function _outdated(address licensee, Role role) private view returns (bytes memory) {
        return abi.encodeWithSelector(ILicenseRegistry.GrantOutdated.selector, licensee, role, 0);
    }

    function _refused(bytes memory reason) private {
        VM.expectRevert(reason);
        _request(ask, 0);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {ITermsRegistry, Terms} from "../src/interfaces/ITermsRegistry.sol";
import {Ask, IInferenceOracle} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Policy} from "../src/types/Policy.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, account} from "./support/Vm.sol";

/// @notice What happened to MiniMax M2, with an invented licensor: two permissive versions, then one that keeps non-commercial use free
/// and asks for an authorization of commercial use. Announced with notice; looked at in every second around the change.
contract TermsStoryTest is Fixture {
    uint40 private constant M2 = uint40(START);
    uint40 private constant M25 = M2 + 20 days;
    uint40 private constant M27 = M25 + 30 days;
    uint40 private constant AROUND = 40; // seconds
    uint40 private constant CLOSE = 12; // seconds; every pair of them is tried

    string private constant BUILT_WITH = "Built with M2.7";

    address private holder = address(0x401d);
    uint64 private lanes;

    function setUp() public override {
        super.setUp();
        VM.prank(licensor);
        registry.publishTerms(modelId, "M2", ALL_OPEN, 0, "ipfs://m2", "");
        _serve(0);
        _publish("M2.5", ALL_OPEN, M25, "");
        VM.warp(M25);
        _publish("M2.7", NON_COMMERCIAL_FREE, M27, BUILT_WITH);
        // standing grants, one for any version, one for M2.5 alone
        Grant memory any = _grant(requester, Role.REQUESTER, 1);
        any.expiry = M27 + 365 days;
        _activate(any);
        (any.licensee, any.termsVersion) = (holder, 2);
        _activate(any);
    }

    function test_versions_inEverySecond() public {
        VM.assertEq(registry.latestTerms(modelId), 3);
        VM.expectRevert(abi.encodeWithSelector(ITermsRegistry.TermsNotInForce.selector, modelId));
        lens.termsAt(modelId, M2 - 1);
        VM.assertEq(lens.termsAt(modelId, M2), 1);
        VM.assertEq(lens.termsAt(modelId, M25 - 1), 1);
        for (uint40 t = M27 - AROUND; t < M27 + AROUND; ++t) {
            VM.warp(t);
            (uint24 version, Policy policy) = registry.termsInForce(modelId);
            VM.assertEq(version, t < M27 ? 2 : 3);
            VM.assertEq(Policy.unwrap(policy), Policy.unwrap(t < M27 ? ALL_OPEN : NON_COMMERCIAL_FREE));
            // the answer about a moment does not depend on when it is asked
            VM.assertEq(lens.termsAt(modelId, M27 - 1), 2);
            VM.assertEq(lens.termsAt(modelId, M27), 3);
            VM.assertEq(lens.termsAt(modelId, t), version);
        }
    }

    /// @dev The history keeps every word of every version.
    function test_history() public view {
        Terms memory first = registry.termsOf(modelId, 1);
        Terms memory last = registry.termsOf(modelId, 3);
        Terms memory none = registry.termsOf(modelId, 4);
        VM.assertEq(abi.encode(first), abi.encode(Terms("M2", ALL_OPEN, M2, M2, "ipfs://m2", "")));
        VM.assertEq(
            abi.encode(last), abi.encode(Terms("M2.7", NON_COMMERCIAL_FREE, M27, M25, "ipfs://terms", BUILT_WITH))
        );
        VM.assertEq(none.publishedAt, 0);
        VM.assertEq(lens.attributionOf(modelId, 1), "");
        VM.assertEq(lens.attributionOf(modelId, 3), BUILT_WITH);
    }

    /// @dev Who may ask for what, in every second: commercial use stays free to the last second, then needs a grant.
    function test_requests_inEverySecond() public {
        for (uint40 t = M27 - AROUND; t < M27 + AROUND; ++t) {
            VM.warp(t);
            uint24 version = t < M27 ? 2 : 3;
            bytes4 required = ILicenseRegistry.AuthorizationRequired.selector;
            bytes4 other = ILicenseRegistry.GrantForOtherTerms.selector;
            _assertRequest(stranger, t, UseClass.PERSONAL, version, bytes4(0));
            _assertRequest(stranger, t, UseClass.RESEARCH, version, bytes4(0));
            _assertRequest(stranger, t, UseClass.COMMERCIAL, version, version == 2 ? bytes4(0) : required);
            _assertRequest(requester, t, UseClass.COMMERCIAL, version, bytes4(0));
            _assertRequest(holder, t, UseClass.COMMERCIAL, version, version == 2 ? bytes4(0) : other);
        }
    }

    /// @dev Asked in any second and answered in any later one: judged by the terms it was asked under. Before the change a paid answer
    /// needs nothing, after it the operator's own grant.
    function test_answers_inEverySecond() public {
        address licensed = account("licensed operator");
        Grant memory grant = _grant(licensed, Role.OPERATOR, 1);
        (grant.expiry, grant.royaltyBps) = (M27 + 1 days, 0);
        _activate(grant);
        VM.prank(licensed);
        oracle.serve(modelId, address(0), 0, 0);
        for (uint40 asked = M27 - CLOSE; asked < M27 + CLOSE; ++asked) {
            for (uint40 answered = asked; answered < M27 + CLOSE; ++answered) {
                _assertAnswer(asked, answered, 1, licensed, true);
                _assertAnswer(asked, answered, 1, operator, asked < M27);
            }
        }
    }

    /// @dev The free lane pays nobody anything, and needs nothing of the operator, before and after.
    function test_freeLane_inEverySecond() public {
        for (uint40 t = M27 - AROUND; t < M27 + AROUND; ++t) {
            _assertAnswer(t, t, 0, operator, true);
        }
        _assertTill(0, 0);
        VM.assertEq(oracle.credits(address(0), operator) + oracle.credits(address(0), licensor), 0);
    }

    function _publish(bytes32 termsHash, Policy policy, uint40 effectiveAt, string memory attribution) private {
        VM.prank(licensor);
        registry.publishTerms(modelId, termsHash, policy, effectiveAt, "ipfs://terms", attribution);
    }

    function _assertAnswer(uint40 asked, uint40 answered, uint96 fee, address by, bool allowed) private {
        VM.warp(asked);
        Ask memory ask = _ask();
        (ask.operator, ask.lane) = (by, ++lanes);
        VM.deal(stranger, fee);
        VM.prank(stranger);
        bytes32 id = oracle.request{value: fee}(ask, INPUT);
        Plain memory made = _made(ask, stranger, 1, fee, 0);
        made.termsVersion = asked < M27 ? 2 : 3;
        (uint256 before,) = oracle.tillOf(address(0), modelId, by);
        bytes32 resultHash = oracle.resultHashOf(id, modelId, OUTPUT);
        VM.warp(answered);
        if (allowed) {
            VM.expectEmit(address(oracle));
            emit IInferenceOracle.Fulfilled(id, by, resultHash, made.termsVersion, 0, OUTPUT);
        } else {
            bytes4 selector = ILicenseRegistry.AuthorizationRequired.selector;
            VM.expectRevert(abi.encodeWithSelector(selector, by, Role.OPERATOR, UseClass.COMMERCIAL));
        }
        _fulfill(made);
        (uint256 earned, uint256 models) = oracle.tillOf(address(0), modelId, by);
        VM.assertEq(earned, before + (allowed ? fee : 0));
        VM.assertEq(models, 0);
    }

    /// @dev Asks in a lane of its own; an allowed request is pinned to `version`, a refused one is refused with `error`.
    function _assertRequest(address from, uint40 t, UseClass useClass, uint24 version, bytes4 error) private {
        Ask memory ask = _ask();
        (ask.lane, ask.useClass) = (t, useClass);
        if (useClass != UseClass.PERSONAL) ask.lane += uint64(1 << 40) * uint8(useClass);
        VM.prank(from);
        (bool done, bytes memory said) = address(oracle).call(abi.encodeCall(oracle.request, (ask, INPUT)));
        VM.assertEq(done, error == bytes4(0));
        if (!done) {
            VM.assertEq(bytes32(bytes4(said)), bytes32(error));
            return;
        }
        bool granted = from != stranger && version == 3;
        Plain memory made = _made(ask, from, 1, 0, granted ? ROYALTY_BPS : 0);
        made.termsVersion = version;
        VM.assertEq(oracle.idOf(made.wire()), abi.decode(said, (bytes32)));
    }
}

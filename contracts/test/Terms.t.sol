// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITermsRegistry, Terms} from "../src/interfaces/ITermsRegistry.sol";
import {ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Mode, Policy} from "../src/types/Policy.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, bound} from "./support/Vm.sol";

contract TermsTest is Fixture {
    function test_publishTerms_reverts_unknownModel() public {
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        registry.publishTerms("?", "t", ALL_OPEN, 0, "", "");
    }

    function testFuzz_publishTerms_reverts_notLicensor(address from) public {
        VM.assume(from != licensor);
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.NotLicensor.selector, modelId, from, licensor));
        registry.publishTerms(modelId, "t", ALL_OPEN, 0, "", "");
    }

    function test_publishTerms_reverts_pastFirstVersion() public {
        uint40 past = uint40(START - 1);
        VM.prank(licensor);
        VM.expectRevert(abi.encodeWithSelector(ITermsRegistry.NoticeTooShort.selector, past, START));
        registry.publishTerms(modelId, "t", ALL_OPEN, past, "", "");
    }

    function testFuzz_publishTerms_reverts_shortNotice(uint40 effectiveAt) public {
        _publish(ALL_OPEN);
        effectiveAt = uint40(bound(effectiveAt, 0, START + NOTICE - 1));
        uint40 named = effectiveAt == 0 ? uint40(START) : effectiveAt; // 0 means now
        VM.prank(licensor);
        VM.expectRevert(abi.encodeWithSelector(ITermsRegistry.NoticeTooShort.selector, named, START + NOTICE));
        registry.publishTerms(modelId, "t", ALL_GRANT, effectiveAt, "", "");
    }

    /// @dev Milliseconds for seconds, in the first version too, would lock the model.
    function testFuzz_publishTerms_reverts_longNotice(bool first, uint40 effectiveAt) public {
        if (!first) _publish(ALL_OPEN);
        uint40 latest = uint40(START) + registry.MAX_NOTICE();
        effectiveAt = uint40(bound(effectiveAt, latest + 1, type(uint40).max));
        VM.prank(licensor);
        VM.expectRevert(abi.encodeWithSelector(ITermsRegistry.NoticeTooLong.selector, effectiveAt, latest));
        registry.publishTerms(modelId, "t", ALL_GRANT, effectiveAt, "", "");
        VM.prank(licensor);
        registry.publishTerms(modelId, "t", ALL_GRANT, latest, "", "");
    }

    function test_publishTerms_reverts_pending() public {
        _publish(ALL_OPEN);
        uint40 at = uint40(START) + NOTICE;
        VM.prank(licensor);
        registry.publishTerms(modelId, "t2", ALL_GRANT, at, "", "");
        VM.warp(at - 1);
        VM.prank(licensor);
        VM.expectRevert(abi.encodeWithSelector(ITermsRegistry.TermsPending.selector, modelId, at));
        registry.publishTerms(modelId, "t3", ALL_GRANT, at + NOTICE, "", "");
    }

    function testFuzz_publishTerms_first(bytes32 termsHash, uint16 bits, uint40 effectiveAt, string calldata uri)
        public
    {
        Policy policy = Policy.wrap(bits);
        effectiveAt = uint40(bound(effectiveAt, START - 10, START + registry.MAX_NOTICE()));
        effectiveAt = effectiveAt < START ? 0 : effectiveAt;
        uint40 recorded = effectiveAt == 0 ? uint40(START) : effectiveAt;

        VM.expectEmit(address(registry));
        emit ITermsRegistry.TermsPublished(modelId, 1, termsHash, policy, recorded, uri, "by");
        VM.prank(licensor);
        uint24 version = registry.publishTerms(modelId, termsHash, policy, effectiveAt, uri, "by");

        VM.assertEq(version, 1);
        _assertTerms(1, termsHash, policy, recorded);
        if (recorded > START) {
            VM.expectRevert(abi.encodeWithSelector(ITermsRegistry.TermsNotInForce.selector, modelId));
            registry.termsInForce(modelId);
        }
        VM.warp(recorded);
        _assertInForce(1, policy);
        VM.assertEq(registry.licensorOf(modelId), licensor);
    }

    /// @dev The old terms hold until the very second, and stay readable after it.
    function testFuzz_publishTerms_change(uint40 notice) public {
        _publish(ALL_OPEN);
        uint40 at = uint40(START + bound(notice, NOTICE, registry.MAX_NOTICE()));
        VM.prank(licensor);
        uint24 version = registry.publishTerms(modelId, "t2", ALL_GRANT, at, "", "");
        VM.assertEq(version, 2);
        _assertInForce(1, ALL_OPEN);
        VM.warp(at - 1);
        _assertInForce(1, ALL_OPEN);
        VM.warp(at);
        _assertInForce(2, ALL_GRANT);
        _assertTerms(1, "terms", ALL_OPEN, uint40(START));
        _assertTerms(2, "t2", ALL_GRANT, at);
    }

    function test_termsInForce_reverts_unknownAndWithout() public {
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        registry.termsInForce("?");
        VM.expectRevert(abi.encodeWithSelector(ITermsRegistry.TermsNotInForce.selector, modelId));
        registry.termsInForce(modelId);
    }

    function test_checkLicense_reverts_unknownModel() public {
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("?")));
        lens.checkLicense("?", 1, requester, Role.REQUESTER, UseClass.PERSONAL);
    }

    /// @dev Version 0, a version to come and a version that is only announced permit nothing.
    function testFuzz_checkLicense_reverts_versionNotInForce(uint24 version) public {
        _publish(ALL_OPEN);
        VM.prank(licensor);
        registry.publishTerms(modelId, "t2", ALL_OPEN, uint40(START) + NOTICE, "", "");
        VM.assume(version != 1);
        VM.expectRevert(abi.encodeWithSelector(ITermsRegistry.TermsNotInForce.selector, modelId));
        lens.checkLicense(modelId, version, requester, Role.REQUESTER, UseClass.PERSONAL);
    }

    /// @dev Each role and class reads its own two bits; what is neither OPEN nor GRANT is closed.
    function testFuzz_checkLicense_followsPolicy(uint16 bits, uint8 roleSeed, uint8 classSeed) public {
        Role role = Role(roleSeed % 2);
        UseClass useClass = UseClass(classSeed % 3);
        _publish(Policy.wrap(bits));
        uint256 mode = (bits >> (2 * (3 * uint256(role) + uint256(useClass)))) & 3;
        if (mode == uint256(Mode.GRANT)) {
            VM.expectRevert(
                abi.encodeWithSelector(ILicenseRegistry.AuthorizationRequired.selector, requester, role, useClass)
            );
        } else if (mode != uint256(Mode.OPEN)) {
            VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.UseClosed.selector, role, useClass));
        }
        VM.assertEq(lens.checkLicense(modelId, 1, requester, role, useClass), 0);
    }

    /// @dev A pinned version keeps its policy after a change.
    function test_checkLicense_ofAnEarlierVersion() public {
        _publish(ALL_OPEN);
        VM.prank(licensor);
        registry.publishTerms(modelId, "t2", ALL_CLOSED, uint40(START) + NOTICE, "", "");
        VM.warp(START + NOTICE);
        lens.checkLicense(modelId, 1, requester, Role.OPERATOR, UseClass.COMMERCIAL);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.UseClosed.selector, Role.OPERATOR, UseClass.COMMERCIAL));
        lens.checkLicense(modelId, 2, requester, Role.OPERATOR, UseClass.COMMERCIAL);
    }

    function _assertInForce(uint24 version, Policy policy) private view {
        (uint24 gotVersion, Policy gotPolicy) = registry.termsInForce(modelId);
        VM.assertEq(gotVersion, version);
        VM.assertEq(Policy.unwrap(gotPolicy), Policy.unwrap(policy));
    }

    function _assertTerms(uint24 version, bytes32 termsHash, Policy policy, uint40 effectiveAt) private view {
        Terms memory terms = registry.termsOf(modelId, version);
        VM.assertEq(terms.termsHash, termsHash);
        VM.assertEq(Policy.unwrap(terms.policy), Policy.unwrap(policy));
        VM.assertEq(terms.effectiveAt, effectiveAt);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceOracle, Uses} from "./interfaces/IInferenceOracle.sol";
import {ILens, GrantState} from "./interfaces/ILens.sol";
import {ILicenseRegistry, License, Limits, Role, UseClass} from "./interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {ITermsRegistry} from "./interfaces/ITermsRegistry.sol";
import {GrantLimits} from "./libraries/GrantLimits.sol";
import {GrantRules} from "./libraries/GrantRules.sol";
import {GrantWord, GrantWords} from "./types/GrantWord.sol";
import {Mode, Policy} from "./types/Policy.sol";

/// @title What people ask a market and its registry
/// @dev Views only; nobody's rules depend on it. Anyone can write a better one and put it beside this.
contract Lens is ILens {
    using GrantRules for GrantWord;
    using GrantLimits for Limits;
    using GrantLimits for Uses;

    /// @inheritdoc ILens
    IInferenceOracle public immutable ORACLE;

    constructor(IInferenceOracle oracle) {
        ORACLE = oracle;
    }

    /// @inheritdoc ILens
    function grantOf(bytes32 modelId, address licensee, Role role) external view returns (GrantState memory) {
        (GrantWord word,) = _registry().grantsOf(modelId, licensee, role);
        return _stateOf(word, modelId, licensee, role);
    }

    /// @inheritdoc ILens
    function waitingOf(bytes32 modelId, address licensee, Role role) external view returns (GrantState memory) {
        (, GrantWord word) = _registry().grantsOf(modelId, licensee, role);
        return _stateOf(word, modelId, licensee, role);
    }

    /// @inheritdoc ILens
    function grantFor(bytes32 modelId, address account, Role role, UseClass useClass, uint24 version)
        external
        view
        returns (address licensee, GrantState memory)
    {
        IRegistry registry = _registry();
        licensee = account;
        (GrantWord word, GrantWord waiting) = registry.grantsOf(modelId, licensee, role);
        if (word.isUnset()) {
            licensee = registry.principalOf(account);
            (word, waiting) = registry.grantsOf(modelId, licensee, role);
        }
        if (waiting.allows(useClass, version, registry.epochOf(modelId))) word = waiting;
        return (licensee, _stateOf(word, modelId, licensee, role));
    }

    /// @inheritdoc ILens
    function checkLicense(bytes32 modelId, uint24 version, address account, Role role, UseClass useClass)
        external
        view
        returns (uint16 royaltyBps)
    {
        IRegistry registry = _registry();
        (uint24 inForce, Policy policy) = registry.termsInForce(modelId);
        if (version == 0 || version > inForce) revert ITermsRegistry.TermsNotInForce(modelId);
        if (version < inForce) policy = registry.termsOf(modelId, version).policy;
        return _licenseOf(modelId, version, policy, account, role, useClass).word.royaltyBps();
    }

    /// @inheritdoc ILens
    function checkUse(bytes32 modelId, address account, Role role, UseClass useClass, address token, uint96 fee)
        external
        view
        returns (uint16 royaltyBps)
    {
        (uint24 version, Policy policy) = _registry().termsInForce(modelId);
        License memory license = _licenseOf(modelId, version, policy, account, role, useClass);
        if (license.word.has(GrantWords.COUNTED | GrantWords.FLOORED)) {
            address licensee = license.licensee == address(0) ? account : license.licensee;
            Limits memory limits = _registry().limitsOf(modelId, licensee, role, license.word.seq());
            Uses memory uses = ORACLE.usesOf(limits.digest);
            limits.check(uses, licensee, role, token, fee, 1, address(ORACLE));
        }
        return license.word.royaltyBps();
    }

    /// @inheritdoc ILens
    function termsAt(bytes32 modelId, uint40 time) external view returns (uint24 version) {
        IRegistry registry = _registry();
        if (registry.licensorOf(modelId) == address(0)) revert IModelRegistry.UnknownModel(modelId);
        version = registry.latestTerms(modelId);
        while (version > 0 && registry.termsOf(modelId, version).effectiveAt > time) {
            --version;
        }
        if (version == 0) revert ITermsRegistry.TermsNotInForce(modelId);
    }

    /// @inheritdoc ILens
    function attributionOf(bytes32 modelId, uint24 version) external view returns (string memory) {
        return _registry().termsOf(modelId, version).attribution;
    }

    function _registry() private view returns (IRegistry) {
        return ORACLE.REGISTRY();
    }

    function _licenseOf(bytes32 modelId, uint24 version, Policy policy, address account, Role role, UseClass useClass)
        private
        view
        returns (License memory license)
    {
        Mode mode = policy.mode(role, useClass);
        if (mode == Mode.CLOSED) revert ILicenseRegistry.UseClosed(role, useClass);
        if (mode == Mode.GRANT) license = _granted(modelId, version, account, role, useClass);
    }

    function _granted(bytes32 modelId, uint24 version, address account, Role role, UseClass useClass)
        private
        view
        returns (License memory)
    {
        uint16 epoch = _registry().epochOf(modelId);
        return _registry().pinnedLicense(modelId, account, role, useClass, version, epoch);
    }

    function _stateOf(GrantWord word, bytes32 modelId, address licensee, Role role)
        private
        view
        returns (GrantState memory state)
    {
        if (word.isUnset()) return state;
        IRegistry registry = _registry();
        bool revoked = word.has(GrantWords.REVOKED);
        (state.seq, state.revoked, state.epoch) = (word.seq(), revoked, word.epoch());
        if (revoked) return state;
        Limits memory limits = registry.limitsOf(modelId, licensee, role, word.seq());
        Uses memory uses = ORACLE.usesOf(limits.digest);
        (state.classes, state.termsVersion) = (word.classes(), word.termsVersion());
        (state.notBefore, state.expiry) = (word.notBefore(), word.expiry());
        (state.quota, state.dailyRate, state.market) = (limits.quota, limits.dailyRate, limits.market);
        (state.used, state.usedToday) = (uses.total, uses.onDay());
        state.royaltyBps = word.royaltyBps();
        (state.priceToken, state.priceFloor) = (limits.priceToken, limits.priceFloor);
        (state.payTo, state.digest) = (limits.payTo, limits.digest);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Model, ModelRegistry} from "./ModelRegistry.sol";
import {ITermsRegistry, Terms} from "./interfaces/ITermsRegistry.sol";
import {ModelWord} from "./types/ModelWord.sol";
import {Policy} from "./types/Policy.sol";

/// @title The terms history of models
abstract contract TermsRegistry is ITermsRegistry, ModelRegistry {
    /// @notice How long changed terms must be public before they apply.
    uint40 public constant NOTICE_PERIOD = 14 days;

    /// @notice How far ahead terms may be announced: a slip of the pen locks no model for good, as nothing can be published meanwhile.
    uint40 public constant MAX_NOTICE = 366 days;

    mapping(bytes32 modelId => mapping(uint24 version => Terms)) private _terms;

    /// @inheritdoc ITermsRegistry
    function publishTerms(
        bytes32 modelId,
        bytes32 termsHash,
        Policy policy,
        uint40 effectiveAt,
        string calldata uri,
        string calldata attribution
    ) external returns (uint24 version) {
        Model storage model = _requireLicensor(modelId);
        if (model.effectiveAt > block.timestamp) revert TermsPending(modelId, model.effectiveAt);
        uint40 now_ = uint40(block.timestamp);
        uint40 earliest = model.version > 0 ? now_ + NOTICE_PERIOD : now_;
        if (effectiveAt == 0) effectiveAt = now_;
        if (effectiveAt < earliest) revert NoticeTooShort(effectiveAt, earliest);
        if (effectiveAt > now_ + MAX_NOTICE) revert NoticeTooLong(effectiveAt, now_ + MAX_NOTICE);

        version = model.version + 1;
        _terms[modelId][version] = Terms(termsHash, policy, effectiveAt, now_, uri, attribution);
        (model.version, model.policy, model.effectiveAt) = (version, policy, effectiveAt);

        emit TermsPublished(modelId, version, termsHash, policy, effectiveAt, uri, attribution);
    }

    /// @inheritdoc ITermsRegistry
    function termsInForce(bytes32 modelId) external view returns (uint24 version, Policy policy) {
        return _termsInForce(modelId, _knownWord(modelId));
    }

    /// @inheritdoc ITermsRegistry
    function latestTerms(bytes32 modelId) external view returns (uint24 version) {
        return _models[modelId].version;
    }

    /// @inheritdoc ITermsRegistry
    function termsOf(bytes32 modelId, uint24 version) external view returns (Terms memory) {
        return _terms[modelId][version];
    }

    /// @dev The latest version, or the one before it while the latest is pending.
    function _termsInForce(bytes32 modelId, ModelWord model) internal view returns (uint24 version, Policy policy) {
        (version, policy) = (model.version(), model.policy());
        if (model.effectiveAt() > block.timestamp) {
            version -= 1;
            policy = _terms[modelId][version].policy;
        }
        if (version == 0) revert TermsNotInForce(modelId);
    }
}

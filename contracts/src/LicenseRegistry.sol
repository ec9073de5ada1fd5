// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "solady/utils/EIP712.sol";

import {Model, ModelRegistry} from "./ModelRegistry.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "./interfaces/ILicenseRegistry.sol";
import {Mode, Policy} from "./libraries/Policies.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Terms in force and the grants that lift them
/// @dev The EIP-712 domain is {name "Themis", version "1", chainId, verifyingContract}; see `eip712Domain` (EIP-5267).
abstract contract LicenseRegistry is ILicenseRegistry, ModelRegistry, EIP712 {
    /// @dev One published version of a model's terms.
    struct Terms {
        bytes32 termsHash;
        Policy policy;
        uint40 effectiveAt;
    }

    /// @dev What is kept of an activated voucher: one slot.
    struct CachedGrant {
        uint32 seq;
        bool revoked;
        uint8 classes;
        uint40 notBefore;
        uint40 expiry;
        uint16 royaltyBps;
        bytes14 digest; // tells the same voucher from another one with its sequence number
    }

    /// @notice The EIP-712 type of a grant.
    bytes32 public constant GRANT_TYPEHASH = keccak256(
        "Grant(bytes32 modelId,address licensor,address licensee,uint8 role,uint8 classes,uint40 notBefore,uint40 expiry,uint16 royaltyBps,uint32 seq)"
    );

    /// @notice How long changed terms must be public before they apply.
    uint40 public constant NOTICE_PERIOD = 14 days;

    /// @notice The largest royalty, in basis points of the fee.
    uint16 public constant MAX_ROYALTY_BPS = 5000;

    /// @dev A bit for every use class.
    uint8 private constant ALL_CLASSES = 7;

    mapping(bytes32 modelId => mapping(uint24 version => Terms)) private _terms;
    mapping(bytes32 modelId => mapping(address licensee => mapping(Role => CachedGrant))) private _grants;

    /// @inheritdoc ILicenseRegistry
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
        uint40 earliest = uint40(block.timestamp);
        if (effectiveAt == 0) effectiveAt = earliest;
        if (model.version > 0) earliest += NOTICE_PERIOD;
        if (effectiveAt < earliest) revert NoticeTooShort(effectiveAt, earliest);

        version = model.version + 1;
        _terms[modelId][version] = Terms(termsHash, policy, effectiveAt);
        (model.version, model.policy, model.effectiveAt) = (version, policy, effectiveAt);

        emit TermsPublished(modelId, version, termsHash, policy, effectiveAt, uri, attribution);
    }

    /// @inheritdoc ILicenseRegistry
    function activate(Grant calldata grant, bytes calldata signature) external {
        CachedGrant storage cached = _grants[grant.modelId][grant.licensee][grant.role];
        bytes32 digest = hashGrant(grant);
        if (grant.seq <= cached.seq) {
            if (cached.revoked) revert GrantIsRevoked(grant.modelId, grant.licensee, grant.role, cached.seq);
            if (grant.seq == cached.seq && bytes14(digest) == cached.digest) return;
            revert StaleGrant(grant.seq, cached.seq);
        }
        _requireWellFormed(grant);
        if (!Signatures.isValid(grant.licensor, digest, signature)) revert InvalidSignature(grant.licensor);

        _grants[grant.modelId][grant.licensee][grant.role] = CachedGrant({
            seq: grant.seq,
            revoked: false,
            classes: grant.classes,
            notBefore: grant.notBefore,
            expiry: grant.expiry,
            royaltyBps: grant.royaltyBps,
            digest: bytes14(digest)
        });

        emit GrantActivated(grant.modelId, grant.licensee, digest, grant);
    }

    /// @inheritdoc ILicenseRegistry
    function revoke(bytes32 modelId, address licensee, Role role, uint32 seq) external {
        _requireLicensor(modelId);
        uint32 current = _grants[modelId][licensee][role].seq;
        if (seq == 0 || seq < current) revert StaleGrant(seq, current);

        _grants[modelId][licensee][role] = CachedGrant(seq, true, 0, 0, 0, 0, 0);

        emit GrantRevoked(modelId, licensee, role, seq);
    }

    /// @inheritdoc ILicenseRegistry
    function termsInForce(bytes32 modelId) external view returns (uint24 version, Policy policy) {
        return _termsInForce(modelId, _knownModel(modelId));
    }

    /// @inheritdoc ILicenseRegistry
    function termsOf(bytes32 modelId, uint24 version)
        external
        view
        returns (bytes32 termsHash, Policy policy, uint40 effectiveAt)
    {
        Terms storage terms = _terms[modelId][version];
        return (terms.termsHash, terms.policy, terms.effectiveAt);
    }

    /// @inheritdoc ILicenseRegistry
    function grantOf(bytes32 modelId, address licensee, Role role)
        external
        view
        returns (uint32 seq, bool revoked, uint8 classes, uint40 notBefore, uint40 expiry, uint16 royaltyBps)
    {
        CachedGrant memory grant = _grants[modelId][licensee][role];
        return (grant.seq, grant.revoked, grant.classes, grant.notBefore, grant.expiry, grant.royaltyBps);
    }

    /// @inheritdoc ILicenseRegistry
    function checkLicense(bytes32 modelId, uint24 version, address account, Role role, UseClass useClass)
        external
        view
        returns (uint16 royaltyBps)
    {
        Mode mode = _modeOf(modelId, version, _policyOf(modelId, version), role, useClass);
        return _checkGrant(mode, modelId, version, account, role, useClass);
    }

    /// @inheritdoc ILicenseRegistry
    function hashGrant(Grant calldata grant) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(GRANT_TYPEHASH, grant)));
    }

    /// @dev The latest version, or the one before it while the latest is pending.
    function _termsInForce(bytes32 modelId, Model storage model) internal view returns (uint24 version, Policy policy) {
        (version, policy) = (model.version, model.policy);
        if (model.effectiveAt > block.timestamp) {
            version -= 1;
            policy = _terms[modelId][version].policy;
        }
        if (version == 0) revert TermsNotInForce(modelId);
    }

    /// @dev What the policy of `version` says; reverts where it says CLOSED.
    function _modeOf(bytes32 modelId, uint24 version, Policy policy, Role role, UseClass useClass)
        internal
        pure
        returns (Mode mode)
    {
        mode = policy.mode(role, useClass);
        if (mode == Mode.CLOSED) revert UseClosed(modelId, version, role, useClass);
    }

    /// @dev Reverts with the reason unless `account` has a grant, where `mode` asks for one.
    function _checkGrant(Mode mode, bytes32 modelId, uint24 version, address account, Role role, UseClass useClass)
        internal
        view
        returns (uint16 royaltyBps)
    {
        if (mode == Mode.OPEN) return 0;
        CachedGrant storage grant = _grants[modelId][account][role];
        if (grant.revoked) revert GrantIsRevoked(modelId, account, role, grant.seq);
        if ((grant.classes >> uint8(useClass)) & 1 == 0) {
            revert AuthorizationRequired(modelId, version, account, role, useClass);
        }
        if (block.timestamp < grant.notBefore) revert GrantNotYetValid(modelId, account, role, grant.notBefore);
        if (block.timestamp > grant.expiry) revert GrantExpired(modelId, account, role, grant.expiry);
        return grant.royaltyBps;
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Themis", "1");
    }

    /// @dev The policy of a version that is or was in force.
    function _policyOf(bytes32 modelId, uint24 version) private view returns (Policy) {
        Model storage model = _knownModel(modelId);
        (uint24 latest, Policy policy) = _termsInForce(modelId, model);
        if (version == latest) return policy;
        if (version == 0 || version > latest) revert TermsNotInForce(modelId);
        return _terms[modelId][version].policy;
    }

    function _requireLicensor(bytes32 modelId) private view returns (Model storage model) {
        model = _knownModel(modelId);
        if (msg.sender != model.licensor) revert NotLicensor(modelId, msg.sender, model.licensor);
    }

    function _requireWellFormed(Grant calldata grant) private view {
        address licensor = _knownModel(grant.modelId).licensor;
        if (grant.licensor != licensor) revert NotLicensor(grant.modelId, grant.licensor, licensor);
        if (grant.classes == 0 || grant.classes > ALL_CLASSES) revert InvalidGrant();
        if (grant.notBefore > grant.expiry || grant.royaltyBps > MAX_ROYALTY_BPS) revert InvalidGrant();
        if (block.timestamp > grant.expiry) {
            revert GrantExpired(grant.modelId, grant.licensee, grant.role, grant.expiry);
        }
    }
}

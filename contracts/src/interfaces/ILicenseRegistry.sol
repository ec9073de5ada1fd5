// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Policy} from "../libraries/Policies.sol";

/// @notice What a model is used for. The requester declares it; a false declaration breaks the license.
enum UseClass {
    PERSONAL,
    RESEARCH,
    COMMERCIAL
}

/// @notice The side of a request an account stands on.
enum Role {
    REQUESTER,
    OPERATOR
}

/// @notice An authorization by a licensor: an EIP-712 voucher, activated once by anyone.
struct Grant {
    bytes32 modelId;
    address licensor;
    address licensee;
    Role role;
    uint8 classes; // bit set: 1 << UseClass
    uint40 notBefore; // seconds, first moment of validity
    uint40 expiry; // seconds, last moment of validity
    uint16 royaltyBps; // of the fee, paid to the licensor at settlement
    uint32 seq; // strictly increasing per (modelId, licensee, role); a lower one never overwrites a higher one
}

/// @title Terms in force and the grants that lift them
/// @notice Fails closed: an unknown model, a model without terms and everything a policy leaves unset may not be used.
interface ILicenseRegistry {
    /// @notice A new version of a model's terms; `termsHash` is keccak256 of their text.
    event TermsPublished(
        bytes32 indexed modelId,
        uint24 indexed version,
        bytes32 termsHash,
        Policy policy,
        uint40 effectiveAt,
        string uri,
        string attribution
    );
    /// @notice A voucher was activated; it replaces the licensee's earlier grant in this role.
    event GrantActivated(bytes32 indexed modelId, address indexed licensee, bytes32 grantHash, Grant grant);
    /// @notice The licensee's grant, and every voucher up to `seq`, is void.
    event GrantRevoked(bytes32 indexed modelId, address indexed licensee, Role role, uint32 seq);

    /// @notice The model has no terms in force (of this version): every use is closed.
    error TermsNotInForce(bytes32 modelId);
    /// @notice A version is announced and not yet in force; the next one has to wait for it.
    error TermsPending(bytes32 modelId, uint40 effectiveAt);
    /// @notice Terms may take effect at `earliest`, not before.
    error NoticeTooShort(uint40 effectiveAt, uint40 earliest);
    /// @notice The terms permit this use to nobody.
    error UseClosed(bytes32 modelId, uint24 version, Role role, UseClass useClass);
    /// @notice The terms permit this use by authorization, and the licensee has no grant for it.
    error AuthorizationRequired(bytes32 modelId, uint24 version, address licensee, Role role, UseClass useClass);
    /// @notice The grant begins later.
    error GrantNotYetValid(bytes32 modelId, address licensee, Role role, uint40 notBefore);
    /// @notice The grant has ended; ask the licensor for a renewal.
    error GrantExpired(bytes32 modelId, address licensee, Role role, uint40 expiry);
    /// @notice The licensor has revoked the grant; a new one needs a sequence number above `seq`.
    error GrantIsRevoked(bytes32 modelId, address licensee, Role role, uint32 seq);
    /// @notice The sequence number must be above the current one (for a revocation: not below it, and not 0).
    error StaleGrant(uint32 seq, uint32 current);
    /// @notice No class or an unknown one, an end before the start, or a royalty above `MAX_ROYALTY_BPS`.
    error InvalidGrant();
    /// @notice Neither the licensor's key nor its contract (ERC-1271) has signed this voucher.
    error InvalidSignature(address licensor);

    /// @notice Publishes the next version of a model's terms. Only its licensor; at most one version may be pending.
    /// @param policy Mode per role and use class; see `Policies`.
    /// @param effectiveAt Seconds; 0 means now. From the second version on, `NOTICE_PERIOD` must lie before it.
    function publishTerms(
        bytes32 modelId,
        bytes32 termsHash,
        Policy policy,
        uint40 effectiveAt,
        string calldata uri,
        string calldata attribution
    ) external returns (uint24 version);

    /// @notice Activates a voucher. Idempotent; anyone may call it; the signer must be the licensor (EOA or ERC-1271).
    function activate(Grant calldata grant, bytes calldata signature) external;

    /// @notice Ends the licensee's grant and every voucher up to its sequence number, activated or not.
    /// @param seq At least the current one; a new grant needs a higher one.
    function revoke(bytes32 modelId, address licensee, Role role, uint32 seq) external;

    /// @notice The version whose terms apply now, with its policy. Reverts if there is none.
    function termsInForce(bytes32 modelId) external view returns (uint24 version, Policy policy);

    /// @notice One published version.
    function termsOf(bytes32 modelId, uint24 version)
        external
        view
        returns (bytes32 termsHash, Policy policy, uint40 effectiveAt);

    /// @notice The cached grant of an account; `seq` 0 means it never had one.
    function grantOf(bytes32 modelId, address licensee, Role role)
        external
        view
        returns (uint32 seq, bool revoked, uint8 classes, uint40 notBefore, uint40 expiry, uint16 royaltyBps);

    /// @notice Reverts with the reason unless `account` may use the model now, under the terms of `version`.
    /// @return royaltyBps of the grant that permits it, 0 where the policy is open.
    function checkLicense(bytes32 modelId, uint24 version, address account, Role role, UseClass useClass)
        external
        view
        returns (uint16 royaltyBps);

    /// @notice The EIP-712 digest a licensor signs.
    function hashGrant(Grant calldata grant) external view returns (bytes32);
}

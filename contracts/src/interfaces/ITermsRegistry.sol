// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Policy} from "../types/Policy.sol";

/// @notice One published version of a model's terms. Never changed.
struct Terms {
    bytes32 termsHash; // keccak256 of the license text
    Policy policy; // mode per role and use class; see `Policies`
    uint40 effectiveAt; // seconds
    uint40 publishedAt; // seconds
    string uri; // where the text can be read; a hint, `termsHash` is the text's identity
    string attribution; // "Built with ...": what whoever uses a result has to say
}

/// @title The terms history of models
/// @notice Append-only. A request is pinned to the version in force when it is made; a change never touches it.
interface ITermsRegistry {
    /// @notice A new version, in force from `effectiveAt` on.
    event TermsPublished(
        bytes32 indexed modelId,
        uint24 indexed version,
        bytes32 termsHash,
        Policy policy,
        uint40 effectiveAt,
        string uri,
        string attribution
    );

    /// @notice No terms are in force (at that time, or under that version): every use is closed.
    error TermsNotInForce(bytes32 modelId);
    /// @notice A published version has yet to take effect.
    error TermsPending(bytes32 modelId, uint40 effectiveAt);
    /// @notice Changed terms need `NOTICE_PERIOD`.
    error NoticeTooShort(uint40 effectiveAt, uint40 earliest);
    /// @notice Terms may be announced a year ahead, not more.
    error NoticeTooLong(uint40 effectiveAt, uint40 latest);

    /// @notice Publishes the next version of a model's terms. Only its licensor; at most one version may be pending.
    /// @param effectiveAt Seconds; 0 means now. From the second version on, `NOTICE_PERIOD` must lie before it.
    function publishTerms(
        bytes32 modelId,
        bytes32 termsHash,
        Policy policy,
        uint40 effectiveAt,
        string calldata uri,
        string calldata attribution
    ) external returns (uint24 version);

    /// @notice The version whose terms apply now, with its policy. Reverts if there is none.
    function termsInForce(bytes32 modelId) external view returns (uint24 version, Policy policy);

    /// @notice The newest version, in force or pending; 0 for none.
    function latestTerms(bytes32 modelId) external view returns (uint24 version);

    /// @notice One published version; all zero for one that is not.
    function termsOf(bytes32 modelId, uint24 version) external view returns (Terms memory);
}

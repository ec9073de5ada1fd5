// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceOracle} from "./IInferenceOracle.sol";
import {Role, UseClass} from "./ILicenseRegistry.sol";

/// @notice A grant, and what is used of it at one market. All zero: the account never had one.
struct GrantState {
    uint32 seq;
    bool revoked; // the rest is zero then, but for `epoch`
    uint8 classes;
    uint24 termsVersion;
    uint40 notBefore;
    uint40 expiry;
    uint32 quota;
    uint32 used; // reserved and spent at this market
    uint32 dailyRate;
    uint32 usedToday; // likewise
    address market;
    uint16 royaltyBps;
    address priceToken;
    uint96 priceFloor;
    address payTo;
    uint16 epoch;
    bytes32 digest; // zero where nothing is counted
}

/// @title Views that only people need
/// @notice What a market and its registry know, put together: for command lines, pages and dry runs.
interface ILens {
    /// @notice The market whose counts are told.
    function ORACLE() external view returns (IInferenceOracle);

    /// @notice The grant of an account; `seq` 0 means it never had one.
    function grantOf(bytes32 modelId, address licensee, Role role) external view returns (GrantState memory);

    /// @notice The grant that waits beside it for its time or its terms; `seq` 0 means none does.
    function waitingOf(bytes32 modelId, address licensee, Role role) external view returns (GrantState memory);

    /// @notice The grant that counts for a use of an account under those terms now: that of the licensee it acts for, where it never
    /// had one of its own, and the one that waits, where that permits it already.
    function grantFor(bytes32 modelId, address account, Role role, UseClass useClass, uint24 version)
        external
        view
        returns (address licensee, GrantState memory);

    /// @notice Reverts with the reason unless `account` may use the model now, under the terms of `version`. Quota, rate and price
    /// are left out: what a request has reserved stays its own.
    /// @return royaltyBps of the grant that permits it, 0 where the policy is open.
    function checkLicense(bytes32 modelId, uint24 version, address account, Role role, UseClass useClass)
        external
        view
        returns (uint16 royaltyBps);

    /// @notice Reverts with the reason unless `account` may make one more use at this market now, under the terms in force, for that
    /// fee.
    /// @return royaltyBps of the grant that permits it, 0 where the policy is open.
    function checkUse(bytes32 modelId, address account, Role role, UseClass useClass, address token, uint96 fee)
        external
        view
        returns (uint16 royaltyBps);

    /// @notice The version whose terms apply, applied or will apply at a time (seconds), as far as is published.
    function termsAt(bytes32 modelId, uint40 time) external view returns (uint24 version);

    /// @notice What whoever uses a result under that version has to say.
    function attributionOf(bytes32 modelId, uint24 version) external view returns (string memory);
}

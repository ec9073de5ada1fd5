// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Uses} from "../interfaces/IInferenceOracle.sol";
import {ILicenseRegistry, Limits, Role, UNLIMITED} from "../interfaces/ILicenseRegistry.sol";

/// @title What limits a use besides time, class and terms
library GrantLimits {
    /// @notice Reverts with the reason unless so many more uses are left at this market, for that fee together.
    function check(
        Limits memory limits,
        Uses memory uses,
        address licensee,
        Role role,
        address token,
        uint96 fee,
        uint256 more,
        address market
    ) internal view {
        if (limits.market != address(0) && limits.market != market) {
            revert ILicenseRegistry.GrantForOtherMarket(licensee, role, limits.market);
        }
        if (limits.quota != UNLIMITED && uses.total + more > limits.quota) {
            revert ILicenseRegistry.QuotaExhausted(licensee, role);
        }
        if (limits.dailyRate != UNLIMITED && onDay(uses) + more > limits.dailyRate) {
            revert ILicenseRegistry.DailyRateReached(licensee, role, limits.dailyRate);
        }
        if (limits.priceFloor > 0 && (limits.priceToken != token || fee < limits.priceFloor * more)) {
            revert ILicenseRegistry.PriceBelowFloor(licensee, limits.priceToken, limits.priceFloor);
        }
    }

    /// @notice Uses of today (UTC).
    function onDay(Uses memory uses) internal view returns (uint32) {
        return uses.day == today() ? uses.today : 0;
    }

    /// @notice Days since the epoch.
    function today() internal view returns (uint32) {
        return uint32(block.timestamp / 1 days);
    }
}

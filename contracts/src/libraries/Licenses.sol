// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ILicenseRegistry, Role, UseClass} from "../interfaces/ILicenseRegistry.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {GrantWord, GrantWords} from "../types/GrantWord.sol";
import {Mode} from "../types/Policy.sol";

/// @notice Where in memory a `License` stands as the registry has told it: three words.
type LicenseAt is uint256;

using Licenses for LicenseAt global;

/// @title Asking the registry
/// @dev Every request and every answer does. What the compiler makes of such a call, copies and checks of each word, costs 700 gas
/// more. The registry is believed: a market that is deployed over another contract than `Registry` is another market.
library Licenses {
    /// @notice See `ILicenseRegistry.licenseNow`.
    function now_(IRegistry registry, bytes32 modelId, address account, UseClass useClass, UseClass operatorsUse)
        internal
        view
        returns (LicenseAt license, uint24 version, uint16 epoch, Mode operatorsMode)
    {
        uint256 at = _begin(ILicenseRegistry.licenseNow.selector, modelId);
        assembly ("memory-safe") {
            mstore(add(at, 0x24), account)
            mstore(add(at, 0x44), useClass)
            mstore(add(at, 0x64), operatorsUse)
        }
        _ask(registry, at, 0x84, 0xc0);
        assembly ("memory-safe") {
            license := at
            version := mload(add(at, 0x60))
            epoch := mload(add(at, 0x80))
            operatorsMode := mload(add(at, 0xa0))
        }
    }

    /// @notice See `ILicenseRegistry.licensesOfOrder`.
    function ofOrder(
        IRegistry registry,
        bytes32 modelId,
        address requester,
        UseClass requestersUse,
        address operator,
        UseClass operatorsUse
    ) internal view returns (LicenseAt requesters, LicenseAt operators, uint24 version) {
        uint256 at = _begin(ILicenseRegistry.licensesOfOrder.selector, modelId);
        assembly ("memory-safe") {
            mstore(add(at, 0x24), requester)
            mstore(add(at, 0x44), requestersUse)
            mstore(add(at, 0x64), operator)
            mstore(add(at, 0x84), operatorsUse)
        }
        _ask(registry, at, 0xa4, 0xe0);
        assembly ("memory-safe") {
            requesters := at
            operators := add(at, 0x60)
            version := mload(add(at, 0xc0))
        }
    }

    /// @notice See `ILicenseRegistry.pinnedLicense`; of an operator.
    function pinned(
        IRegistry registry,
        bytes32 modelId,
        address operator,
        UseClass useClass,
        uint24 version,
        uint16 epoch
    ) internal view returns (LicenseAt license) {
        uint256 at = _begin(ILicenseRegistry.pinnedLicense.selector, modelId);
        Role role = Role.OPERATOR;
        assembly ("memory-safe") {
            mstore(add(at, 0x24), operator)
            mstore(add(at, 0x44), role)
            mstore(add(at, 0x64), useClass)
            mstore(add(at, 0x84), version)
            mstore(add(at, 0xa4), epoch)
        }
        _ask(registry, at, 0xc4, 0x60);
        return LicenseAt.wrap(at);
    }

    /// @notice The license of whoever needs none: all zero.
    function none() internal pure returns (LicenseAt license) {
        assembly ("memory-safe") {
            license := mload(0x40)
            mstore(0x40, add(license, 0x60))
            calldatacopy(license, calldatasize(), 0x60)
        }
    }

    function word(LicenseAt license) internal pure returns (GrantWord read) {
        assembly ("memory-safe") {
            read := mload(license)
        }
    }

    /// @notice Whether the market has to look at more than that.
    function isLimited(LicenseAt license) internal pure returns (bool) {
        return license.word().has(GrantWords.COUNTED | GrantWords.FLOORED);
    }

    /// @notice Whose grant it is; zero: the account's own.
    function licensee(LicenseAt license) internal pure returns (address read) {
        assembly ("memory-safe") {
            read := mload(add(license, 0x20))
        }
    }

    /// @notice Receives the royalty; zero: the model's licensor.
    function payTo(LicenseAt license) internal pure returns (address read) {
        assembly ("memory-safe") {
            read := mload(add(license, 0x40))
        }
    }

    /// @dev Room for what is asked and for what is told, 0xe0 bytes, with the selector and the first argument in it.
    function _begin(bytes4 selector, bytes32 modelId) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := mload(0x40)
            mstore(0x40, add(at, 0xe0))
            mstore(at, selector)
            mstore(add(at, 4), modelId)
        }
    }

    /// @dev What is told takes the place of what was asked. Reverts with the registry's reason.
    function _ask(IRegistry registry, uint256 at, uint256 asked, uint256 told) private view {
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), registry, at, asked, at, told)) {
                returndatacopy(at, 0, returndatasize())
                revert(at, returndatasize())
            }
            if lt(returndatasize(), told) { revert(0, 0) } // no registry
        }
    }
}

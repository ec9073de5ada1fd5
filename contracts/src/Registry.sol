// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "solady/utils/EIP712.sol";

import {LicenseRegistry} from "./LicenseRegistry.sol";
import {IERC165} from "./interfaces/IERC165.sol";
import {ILicenseRegistry} from "./interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {ITermsRegistry} from "./interfaces/ITermsRegistry.sol";

/// @title Themis: the facts about models
/// @notice Models, the history of their terms, grants and delegation. Immutable, without owner; it holds no money, knows no market
/// and calls nobody but contract wallets that are asked for their signature. Markets read it.
/// @custom:security-contact See SECURITY.md
contract Registry is LicenseRegistry, IRegistry, IERC165 {
    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(ILicenseRegistry).interfaceId || interfaceId == type(ITermsRegistry).interfaceId
            || interfaceId == type(IModelRegistry).interfaceId || interfaceId == type(IERC165).interfaceId
            || interfaceId == EIP712.eip712Domain.selector; // ERC-5267
    }
}

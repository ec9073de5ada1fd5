// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ILicenseRegistry} from "./ILicenseRegistry.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {ITermsRegistry} from "./ITermsRegistry.sol";

/// @title All the facts about models, in one contract
interface IRegistry is ILicenseRegistry, ITermsRegistry, IModelRegistry {}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "solady/utils/ECDSA.sol";

import {ITermsRegistry} from "../../src/interfaces/ITermsRegistry.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {Policy} from "../../src/types/Policy.sol";

/// @notice A contract wallet (ERC-1271) with one owner key, able to license a model.
contract OwnedWallet {
    address public immutable OWNER;

    constructor(address owner) {
        OWNER = owner;
    }

    receive() external payable {}

    function registerModel(IModelRegistry registry, bytes32 root) external returns (bytes32) {
        return registry.registerModel(root, root, root, "");
    }

    function publishTerms(ITermsRegistry registry, bytes32 modelId, Policy policy) external {
        registry.publishTerms(modelId, keccak256("terms"), policy, 0, "", "");
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        bool signed = ECDSA.tryRecoverCalldata(digest, signature) == OWNER;
        return signed ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}

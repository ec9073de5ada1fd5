// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {Policy} from "./libraries/Policies.sol";

/// @dev What every request reads of a model, in one slot. The last three fields belong to `LicenseRegistry`.
struct Model {
    address licensor;
    uint24 version; // latest published terms, in force or pending
    Policy policy; // of that version
    uint40 effectiveAt; // of that version
}

/// @title Who licenses which model
/// @dev Append-only: a model is neither changed, transferred nor deleted.
abstract contract ModelRegistry is IModelRegistry {
    /// @dev The domain of model ids, written as an EIP-712 type.
    bytes32 public constant MODEL_TYPEHASH = keccak256(
        "Model(uint256 chainId,address registry,address licensor,bytes32 programRoot,bytes32 weightsRoot,bytes32 manifestHash)"
    );

    mapping(bytes32 modelId => Model) internal _models;

    /// @inheritdoc IModelRegistry
    function registerModel(bytes32 programRoot, bytes32 weightsRoot, bytes32 manifestHash, string calldata uri)
        external
        returns (bytes32 modelId)
    {
        if (programRoot == 0 || weightsRoot == 0 || manifestHash == 0) revert EmptyCommitment();
        modelId = modelIdOf(msg.sender, programRoot, weightsRoot, manifestHash);
        if (_models[modelId].licensor != address(0)) revert ModelExists(modelId);

        _models[modelId].licensor = msg.sender;

        emit ModelRegistered(modelId, msg.sender, programRoot, weightsRoot, manifestHash, uri);
    }

    /// @inheritdoc IModelRegistry
    function licensorOf(bytes32 modelId) external view returns (address) {
        return _models[modelId].licensor;
    }

    /// @inheritdoc IModelRegistry
    function modelIdOf(address licensor, bytes32 programRoot, bytes32 weightsRoot, bytes32 manifestHash)
        public
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(MODEL_TYPEHASH, block.chainid, address(this), licensor, programRoot, weightsRoot, manifestHash)
        );
    }

    /// @dev One SLOAD. Reverts for a model that was never registered.
    function _knownModel(bytes32 modelId) internal view returns (Model storage model) {
        model = _models[modelId];
        if (model.licensor == address(0)) revert UnknownModel(modelId);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {ModelWord} from "./types/ModelWord.sol";
import {Policy} from "./types/Policy.sol";

/// @dev What every request reads of a model, in one slot, as a `ModelWord`. All but the first field belong to the registries above.
struct Model {
    address licensor;
    uint24 version; // latest published terms, in force or pending
    Policy policy; // of that version
    uint40 effectiveAt; // of that version
    uint16 epoch; // grants of earlier ones are void
}

/// @title Who licenses which model
/// @dev Append-only: a model is neither changed nor deleted, and its id names its first licensor for ever.
abstract contract ModelRegistry is IModelRegistry {
    /// @dev The domain of model ids, written as an EIP-712 type.
    bytes32 public constant MODEL_TYPEHASH = keccak256(
        "Model(uint256 chainId,address registry,address licensor,bytes32 programRoot,bytes32 weightsRoot,bytes32 manifestHash)"
    );

    mapping(bytes32 modelId => Model) internal _models;

    /// @inheritdoc IModelRegistry
    mapping(bytes32 modelId => address) public registrantOf;

    /// @inheritdoc IModelRegistry
    mapping(bytes32 modelId => address) public successorOf;

    /// @inheritdoc IModelRegistry
    function registerModel(bytes32 programRoot, bytes32 weightsRoot, bytes32 manifestHash, string calldata uri)
        external
        returns (bytes32 modelId)
    {
        if (programRoot == 0 || weightsRoot == 0 || manifestHash == 0) revert EmptyCommitment();
        modelId = modelIdOf(msg.sender, programRoot, weightsRoot, manifestHash);
        if (_models[modelId].licensor != address(0)) revert ModelExists(modelId);

        _models[modelId].licensor = msg.sender;
        registrantOf[modelId] = msg.sender;

        emit ModelRegistered(modelId, msg.sender, programRoot, weightsRoot, manifestHash, uri);
    }

    /// @inheritdoc IModelRegistry
    function transferLicensor(bytes32 modelId, address successor) external {
        _requireLicensor(modelId);

        successorOf[modelId] = successor;

        emit LicensorTransferStarted(modelId, msg.sender, successor);
    }

    /// @inheritdoc IModelRegistry
    function acceptLicensor(bytes32 modelId) external {
        Model storage model = _knownModel(modelId);
        if (msg.sender != successorOf[modelId]) revert NotSuccessor(modelId, msg.sender, successorOf[modelId]);
        address from = model.licensor;

        model.licensor = msg.sender;
        delete successorOf[modelId];

        emit LicensorTransferred(modelId, from, msg.sender);
    }

    /// @inheritdoc IModelRegistry
    function licensorOf(bytes32 modelId) external view returns (address) {
        return _models[modelId].licensor;
    }

    /// @inheritdoc IModelRegistry
    function modelIdOf(address registrant, bytes32 programRoot, bytes32 weightsRoot, bytes32 manifestHash)
        public
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(MODEL_TYPEHASH, block.chainid, address(this), registrant, programRoot, weightsRoot, manifestHash)
        );
    }

    /// @dev One SLOAD. Reverts for a model that was never registered.
    function _knownModel(bytes32 modelId) internal view returns (Model storage model) {
        model = _models[modelId];
        if (model.licensor == address(0)) revert UnknownModel(modelId);
    }

    /// @dev The same, read whole.
    function _knownWord(bytes32 modelId) internal view returns (ModelWord word) {
        Model storage model = _models[modelId];
        assembly ("memory-safe") {
            word := sload(model.slot)
        }
        if (!word.isKnown()) revert UnknownModel(modelId);
    }

    function _requireLicensor(bytes32 modelId) internal view returns (Model storage model) {
        model = _knownModel(modelId);
        if (msg.sender != model.licensor) revert NotLicensor(modelId, msg.sender, model.licensor);
    }
}

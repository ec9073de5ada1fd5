// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Content-addressed registry of models
/// @notice A model id commits to the model's program, weights and manifest, and to the licensor who registered it.
interface IModelRegistry {
    /// @notice A model was registered. `uri` tells where its bundle can be fetched; it is a hint, not an identity.
    event ModelRegistered(
        bytes32 indexed modelId,
        address indexed licensor,
        bytes32 programRoot,
        bytes32 weightsRoot,
        bytes32 manifestHash,
        string uri
    );

    /// @notice Nobody has registered this model here.
    error UnknownModel(bytes32 modelId);
    /// @notice The caller has registered this model before.
    error ModelExists(bytes32 modelId);
    /// @notice Only the model's licensor may do this, or sign for it.
    error NotLicensor(bytes32 modelId, address caller, address licensor);
    /// @notice A root or the manifest hash is zero.
    error EmptyCommitment();

    /// @notice Registers a model with the caller as its licensor. Until terms are published every use is closed.
    /// @param programRoot Merkle root over the graph's nodes in topological order.
    /// @param weightsRoot Merkle root over the weight tensors.
    /// @param manifestHash keccak256 of the bundle's `manifest.toml`, byte for byte.
    /// @return modelId as `modelIdOf` computes it.
    function registerModel(bytes32 programRoot, bytes32 weightsRoot, bytes32 manifestHash, string calldata uri)
        external
        returns (bytes32 modelId);

    /// @notice keccak256(abi.encode(MODEL_TYPEHASH, chainid, this, licensor, programRoot, weightsRoot, manifestHash)).
    function modelIdOf(address licensor, bytes32 programRoot, bytes32 weightsRoot, bytes32 manifestHash)
        external
        view
        returns (bytes32);

    /// @notice The licensor of a model, or the zero address for an unknown one.
    function licensorOf(bytes32 modelId) external view returns (address);
}

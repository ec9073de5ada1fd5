// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Content-addressed registry of models
/// @notice A model id commits to the model's program, weights and manifest, and to the account that registered it. That account is
/// its first licensor; the role moves in two steps, the id never changes.
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
    /// @notice The licensor names a successor, or nobody (zero), who must accept.
    event LicensorTransferStarted(bytes32 indexed modelId, address indexed licensor, address indexed successor);
    /// @notice The successor is the licensor now. Terms and active grants stand.
    event LicensorTransferred(bytes32 indexed modelId, address indexed from, address indexed to);

    /// @notice No model was registered under this id.
    error UnknownModel(bytes32 modelId);
    /// @notice The account has registered this very model before.
    error ModelExists(bytes32 modelId);
    /// @notice Only the model's licensor may do this.
    error NotLicensor(bytes32 modelId, address caller, address licensor);
    /// @notice Only the account that the licensor named may accept.
    error NotSuccessor(bytes32 modelId, address caller, address successor);
    /// @notice A root or the manifest's hash is zero.
    error EmptyCommitment();

    /// @notice Registers a model with the caller as its licensor. Until terms are published every use is closed.
    /// @param programRoot Merkle root over the graph's nodes in topological order.
    /// @param weightsRoot Merkle root over the weight tensors.
    /// @param manifestHash keccak256 of the bundle's `manifest.toml`, byte for byte.
    /// @return modelId as `modelIdOf` computes it.
    function registerModel(bytes32 programRoot, bytes32 weightsRoot, bytes32 manifestHash, string calldata uri)
        external
        returns (bytes32 modelId);

    /// @notice Names who may become the licensor. Zero takes an earlier word back.
    function transferLicensor(bytes32 modelId, address successor) external;

    /// @notice Becomes the licensor, if named.
    function acceptLicensor(bytes32 modelId) external;

    /// @notice keccak256(abi.encode(MODEL_TYPEHASH, chainid, this, registrant, programRoot, weightsRoot, manifestHash)).
    function modelIdOf(address registrant, bytes32 programRoot, bytes32 weightsRoot, bytes32 manifestHash)
        external
        view
        returns (bytes32);

    /// @notice The licensor of a model, or the zero address for an unknown one.
    function licensorOf(bytes32 modelId) external view returns (address);

    /// @notice The account whose address is part of the model's id.
    function registrantOf(bytes32 modelId) external view returns (address);

    /// @notice Whom the licensor has named; zero for nobody.
    function successorOf(bytes32 modelId) external view returns (address);
}

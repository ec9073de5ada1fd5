// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What a contract implements to be called back
interface IInferenceConsumer {
    /// @notice Delivers the final answer to a request this contract made. Must check that the caller is the oracle.
    /// @param id The request's.
    /// @param lane The requester's lane it was asked in: what was asked can be kept by it.
    function onInference(bytes32 id, uint64 lane, bytes calldata output) external;
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What a contract implements to be called back
interface IInferenceConsumer {
    /// @notice Delivers the final answer to a request this contract made. Must check that the caller is the oracle.
    function onInference(bytes32 id, bytes calldata output) external;
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Opening, Piece, Roots} from "../../../referee/src/Types.sol";

/// @notice What shows that the inputs of a trace are not what a request's bytes say, or its outputs not what the answer's bytes say.
/// @dev Leaves of one tree share their path, as in a `Proof` (`contracts/referee/src/Types.sol`).
struct Link {
    uint256 word; // of the tensor that is accused, as the trace names it
    bool whole; // of another type or shape than it should have; else one element is accused
    uint256 element; // its place in the tensor, row by row
    Opening interface_; // leaf 0 of the program, which names the graph's inputs and outputs
    Opening[] headers; // of the tensors that are looked into, in the trace
    Piece[] pieces; // leaves of these
    bytes said; // what an adaptor cannot read elsewhere: see there
}

/// @title How models of one preprocessing read requests and write answers
/// @notice Stateless. Each function says whether the accused is convicted; it reverts with BadProof or Undefined where nothing is decided.
interface IAdaptor {
    /// @notice The preprocessing that it referees, as manifests name it.
    function preprocessing() external view returns (string memory);

    /// @notice Whether an input of the graph is another than the request's bytes give, or the preprocessing refuses these bytes: then
    /// there is no honest answer.
    function refutesInput(Roots calldata roots, bytes calldata input, Link calldata link) external view returns (bool);

    /// @notice Whether the answer's bytes are others than an output of the graph gives.
    /// @param inputHash keccak256 of the request's bytes.
    /// @param witness What the guarantor named when it revealed; zero where the adaptor needs nothing.
    function refutesOutput(
        Roots calldata roots,
        bytes32 inputHash,
        bytes32 witness,
        bytes calldata output,
        Link calldata link
    ) external view returns (bool);
}

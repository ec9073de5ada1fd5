// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Opening, Roots} from "../../../referee/src/Types.sol";

/// @notice What shows that the inputs of a trace are not what a request's bytes say, or its outputs not what the answer's bytes say.
/// @dev All under the trace's root, but for `interface_`: leaf 0 of the program, which names the graph's inputs and outputs.
struct Link {
    Opening interface_; // of the program
    Opening header; // of the tensor that is wrong, in the trace
    Opening piece; // a leaf of that tensor; left out (count 0) where its type or shape is wrong
    uint256 element; // in that leaf
}

/// @title How models of one preprocessing read requests and write answers
/// @notice Stateless. Each function says whether the accused is convicted; it reverts with BadProof or Undefined where nothing is decided.
interface IAdaptor {
    /// @notice The preprocessing that it referees, as manifests name it.
    function preprocessing() external view returns (string memory);

    /// @notice Whether an input of the graph is another than the request's bytes give, or the preprocessing refuses these bytes: then
    /// there is no honest answer, and `link` is not looked at.
    function refutesInput(Roots calldata roots, bytes calldata input, Link calldata link) external view returns (bool);

    /// @notice Whether the answer's bytes are others than an output of the graph gives.
    /// @param witness What the guarantor named when it revealed; zero where the adaptor needs nothing.
    function refutesOutput(Roots calldata roots, bytes32 witness, bytes calldata output, Link calldata link)
        external
        view
        returns (bool);
}

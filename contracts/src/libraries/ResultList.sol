// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceOracle, Request} from "../interfaces/IInferenceOracle.sol";
import {Merkle} from "./Merkle.sol";

/// @title Proving one answer to an order for a list of inputs
/// @dev The order's input hash is the root of a tree of its inputs' hashes, its output the root of a tree of (hash of an input, hash of its
/// output): both bind the number of leaves, which is the order's `items` (ADR 39).
library ResultList {
    /// @notice Whether an order is final, as long as its lane is not reused, and answered `input`, at `index` of its list, with `output`.
    /// Whoever asks has to know the order, or at least check its model, its operator and its requester.
    /// @param root What the order was answered with.
    /// @param siblings From the leaf up; levels where the node moves up unchanged have none.
    function proves(
        IInferenceOracle oracle,
        Request calldata order,
        bytes32 root,
        uint256 index,
        bytes calldata input,
        bytes calldata output,
        bytes32[] calldata siblings
    ) internal view returns (bool) {
        bytes32 leaf = Merkle.leafHash(keccak256(input), keccak256(output));
        return
            Merkle.opens(root, leaf, index, order.facts.items(), siblings) && oracle.finalized(order, abi.encode(root));
    }
}

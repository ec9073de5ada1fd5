// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Request} from "../../src/interfaces/IInferenceOracle.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {Requests} from "../../src/libraries/Requests.sol";
import {IWarranty, Item} from "./interfaces/IWarranty.sol";

/// @title Items of lists, which are covered as single answers are
/// @dev Read where they lie in calldata. Whoever lets a field lie outside of what is passed on says something else, and proves no less.
library Items {
    uint256 private constant HEAD_BYTES = 224;

    /// @notice Opens an item under both roots of its list. Reverts with NotInList.
    /// @return itemId Its own id.
    /// @return answer Its result hash.
    /// @return whole That of the order.
    function open(address oracle, Request calldata order, bytes32 orderId, bytes calldata said)
        internal
        view
        returns (bytes32 itemId, bytes32 answer, bytes32 whole)
    {
        Item calldata item = _read(said);
        uint256 items = order.facts.items();
        bytes32 input = Merkle.leafHash(abi.encode(item.inputHash));
        bytes32 result = Merkle.leafHash(item.about, keccak256(item.output));
        if (
            !Merkle.opens(order.inputHash, input, item.index, items, item.inputs)
                || !Merkle.opens(item.root, result, item.index, items, item.results)
        ) revert IWarranty.NotInList(orderId);

        itemId = keccak256(abi.encode(orderId, item.index));
        bytes calldata output = item.about == item.inputHash ? item.output : said[32:96];
        answer = Requests.resultHash(oracle, itemId, order.modelId, output);
        whole = Requests.resultHash(oracle, orderId, order.modelId, said[:32]);
    }

    /// @notice Of the input that an item is about.
    function inputHashOf(bytes calldata said) internal pure returns (bytes32) {
        return _read(said).inputHash;
    }

    function _read(bytes calldata said) private pure returns (Item calldata item) {
        if (said.length < HEAD_BYTES) revert IWarranty.NotInList(0);
        assembly ("memory-safe") {
            item := said.offset
        }
    }
}

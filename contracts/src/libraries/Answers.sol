// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IInferenceOracle, Request} from "../interfaces/IInferenceOracle.sol";
import {Requests} from "./Requests.sol";

/// @notice Where in memory an output stands: its length, its bytes, zeros up to a whole word, and nine words of room before it.
type AnswerAt is uint256;

using Answers for AnswerAt global;

/// @title An output, copied once: it is hashed, logged and called back from the same place
/// @dev What comes before it in each of these is written into the room before it.
library Answers {
    uint256 private constant ROOM = 0x120;

    function copied(bytes calldata output) internal pure returns (AnswerAt answer) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            answer := add(free, ROOM)
            mstore(answer, output.length)
            let end := add(add(answer, 0x20), output.length)
            mstore(end, 0)
            calldatacopy(add(answer, 0x20), output.offset, output.length)
            mstore(0x40, and(add(end, 0x1f), not(0x1f)))
        }
    }

    /// @notice What an answer commits to in this contract on this chain.
    function resultHash(AnswerAt answer, bytes32 id, bytes32 modelId) internal view returns (bytes32 hash) {
        bytes32 typehash = Requests.RESULT_TYPEHASH;
        assembly ("memory-safe") {
            let start := sub(answer, 0xc0)
            mstore(start, typehash)
            mstore(add(start, 0x20), chainid())
            mstore(add(start, 0x40), address())
            mstore(add(start, 0x60), id)
            mstore(add(start, 0x80), modelId)
            mstore(add(start, 0xa0), keccak256(add(answer, 0x20), mload(answer)))
            hash := keccak256(start, 0xc0)
        }
    }

    /// @notice Emits `Fulfilled`.
    function logFulfilled(AnswerAt answer, bytes32 id, bytes32 hash, uint24 version, uint16 royaltyBps) internal {
        bytes32 topic = IInferenceOracle.Fulfilled.selector;
        assembly ("memory-safe") {
            let start := sub(answer, 0x80)
            mstore(start, hash)
            mstore(add(start, 0x20), version)
            mstore(add(start, 0x40), royaltyBps)
            mstore(add(start, 0x60), 0x80)
            log3(start, add(0xa0, and(add(mload(answer), 0x1f), not(0x1f))), topic, id, caller())
        }
    }

    /// @notice Emits `OrderFulfilled`. The order's words are logged as they are: let none have bits above its width.
    function logOrder(AnswerAt answer, bytes32 id, Request calldata order, uint16 requestersBps, uint16 operatorsBps)
        internal
    {
        bytes32 topic = IInferenceOracle.OrderFulfilled.selector;
        assembly ("memory-safe") {
            let start := sub(answer, ROOM)
            calldatacopy(start, order, 0x60) // requester, model, input hash
            calldatacopy(add(start, 0x60), add(order, 0x80), 0x40) // token, fee
            calldatacopy(add(start, 0xa0), add(order, 0x100), 0x20) // facts
            mstore(add(start, 0xc0), requestersBps)
            mstore(add(start, 0xe0), operatorsBps)
            mstore(add(start, 0x100), ROOM)
            log3(start, add(0x140, and(add(mload(answer), 0x1f), not(0x1f))), topic, id, caller())
        }
    }

    /// @notice Calls a requester back with so much gas. Whatever it returns is left where it is.
    function callBack(AnswerAt answer, address requester, uint256 gasLimit, bytes32 id, uint64 lane)
        internal
        returns (bool done)
    {
        bytes4 selector = IInferenceConsumer.onInference.selector;
        assembly ("memory-safe") {
            let start := sub(answer, 0x64)
            mstore(start, selector)
            mstore(add(start, 0x04), id)
            mstore(add(start, 0x24), lane)
            mstore(add(start, 0x44), 0x60)
            let size := add(0x84, and(add(mload(answer), 0x1f), not(0x1f)))
            done := call(gasLimit, requester, 0, start, size, 0, 0)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Request} from "../interfaces/IInferenceOracle.sol";

/// @title Hashing requests
/// @dev keccak256(abi.encode(REQUEST_TYPEHASH, chainid, this, request)) without abi.encode's copy and checks, 1,100 gas less.
/// A request is nine words both in calldata and in memory. One with dirty upper bits has a hash that was never opened.
library Requests {
    /// @notice The domain of request ids, written as an EIP-712 type.
    bytes32 internal constant TYPEHASH = keccak256(
        "Request(uint256 chainId,address oracle,address requester,bytes32 modelId,bytes32 inputHash,address operator,address token,uint96 fee,address payTo,address licensee,uint256 facts)"
    );

    /// @notice The domain of result hashes, written as an EIP-712 type.
    bytes32 internal constant RESULT_TYPEHASH =
        keccak256("Result(uint256 chainId,address oracle,bytes32 id,bytes32 modelId,bytes32 outputHash)");

    /// @notice The id of a request in calldata that was made here, on the chain with this id.
    function ofCalldata(Request calldata request, uint256 chainId) internal view returns (bytes32 hash) {
        return madeIn(address(this), request, chainId);
    }

    /// @notice The id of a request in calldata that was made in an oracle, on the chain with this id.
    function madeIn(address oracle, Request calldata request, uint256 chainId) internal pure returns (bytes32 hash) {
        bytes32 typehash = TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            mstore(add(free, 0x20), chainId)
            mstore(add(free, 0x40), oracle)
            calldatacopy(add(free, 0x60), request, 0x120)
            hash := keccak256(free, 0x180)
        }
    }

    /// @notice The id of a request in memory. Borrows the three words before it.
    function ofMemory(Request memory request) internal view returns (bytes32 hash) {
        bytes32 typehash = TYPEHASH;
        assembly ("memory-safe") {
            let start := sub(request, 0x60)
            let a := mload(start)
            let b := mload(add(start, 0x20))
            let c := mload(add(start, 0x40))
            mstore(start, typehash)
            mstore(add(start, 0x20), chainid())
            mstore(add(start, 0x40), address())
            hash := keccak256(start, 0x180)
            mstore(start, a)
            mstore(add(start, 0x20), b)
            mstore(add(start, 0x40), c)
        }
    }

    /// @notice What an answer commits to in an oracle on this chain.
    function resultHash(address oracle, bytes32 id, bytes32 modelId, bytes calldata output)
        internal
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(RESULT_TYPEHASH, block.chainid, oracle, id, modelId, keccak256(output)));
    }
}

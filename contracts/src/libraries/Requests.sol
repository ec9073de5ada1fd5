// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceOracle, Request} from "../interfaces/IInferenceOracle.sol";
import {Facts} from "../types/Facts.sol";

/// @notice Where in memory a request stands that is about to be made: nine words, with what its id and its event need around them.
type RequestAt is uint256;

using Requests for RequestAt global;

/// @title Hashing requests, and reading them
/// @dev keccak256(abi.encode(REQUEST_TYPEHASH, chainid, this, request)) without abi.encode's copy and checks.
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

    /// @notice Begins the caller's request in memory that nobody has yet: it must be made before any is taken. Its payee and
    /// licensee are zero.
    function begin(bytes32 modelId, address operator, address token, uint96 fee, bytes calldata input)
        internal
        view
        returns (RequestAt made)
    {
        assembly ("memory-safe") {
            made := add(mload(0x40), 0x60)
            mstore(made, caller())
            mstore(add(made, 0x20), modelId)
            mstore(add(made, 0x60), operator)
            mstore(add(made, 0x80), token)
            mstore(add(made, 0xa0), fee)
            mstore(add(made, 0xc0), 0)
            mstore(add(made, 0xe0), 0)
            mstore(add(made, 0x120), 0x140)
            mstore(add(made, 0x140), input.length)
            let copy := add(made, 0x160)
            mstore(add(copy, input.length), 0)
            calldatacopy(copy, input.offset, input.length)
            mstore(add(made, 0x40), keccak256(copy, input.length))
        }
    }

    function setLicense(RequestAt made, address payTo, address licensee) internal pure {
        assembly ("memory-safe") {
            mstore(add(made, 0xc0), payTo)
            mstore(add(made, 0xe0), licensee)
        }
    }

    /// @notice Completes it, and gives its id.
    function idWith(RequestAt made, Facts facts) internal view returns (bytes32 id) {
        bytes32 typehash = TYPEHASH;
        assembly ("memory-safe") {
            mstore(add(made, 0x100), facts)
            let start := sub(made, 0x60)
            mstore(start, typehash)
            mstore(add(start, 0x20), chainid())
            mstore(add(start, 0x40), address())
            id := keccak256(start, 0x180)
        }
    }

    /// @notice Emits `Requested`.
    function log(RequestAt made, bytes32 id) internal {
        bytes32 topic = IInferenceOracle.Requested.selector;
        assembly ("memory-safe") {
            let size := add(0x160, and(add(mload(add(made, 0x140)), 0x1f), not(0x1f)))
            log3(made, size, topic, id, mload(add(made, 0x60)))
        }
    }

    /// @notice What an answer commits to in an oracle on this chain.
    function resultHash(address oracle, bytes32 id, bytes32 modelId, bytes calldata output)
        internal
        view
        returns (bytes32 hash)
    {
        bytes32 typehash = RESULT_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, output.offset, output.length)
            mstore(add(free, 0xa0), keccak256(free, output.length))
            mstore(free, typehash)
            mstore(add(free, 0x20), chainid())
            mstore(add(free, 0x40), oracle)
            mstore(add(free, 0x60), id)
            mstore(add(free, 0x80), modelId)
            hash := keccak256(free, 0xc0)
        }
    }

    // Fields of a request whose id is known to be open, or of an order: no word has bits above its width, so none is checked.

    function requesterOf(Request calldata request) internal pure returns (address read) {
        assembly ("memory-safe") {
            read := calldataload(request)
        }
    }

    function tokenOf(Request calldata request) internal pure returns (address read) {
        assembly ("memory-safe") {
            read := calldataload(add(request, 0x80))
        }
    }

    function feeOf(Request calldata request) internal pure returns (uint96 read) {
        assembly ("memory-safe") {
            read := calldataload(add(request, 0xa0))
        }
    }

    function payToOf(Request calldata request) internal pure returns (address read) {
        assembly ("memory-safe") {
            read := calldataload(add(request, 0xc0))
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Claim, Cover, IWarranty} from "./interfaces/IWarranty.sol";

/// @title Covers and claims where they lie in calldata
/// @dev Both are words without offsets, alike in calldata, in memory and in what they are hashed over: so they are copied as they are,
/// without the encoder's copy and checks. One with dirty upper bits has a hash that nothing is kept under: `IWarranty.cover` reads each
/// field. Nothing here keeps the memory that it uses.
library Claims {
    uint256 private constant COVER_BYTES = 320;
    uint256 private constant CLAIM_BYTES = 480;

    /// @notice keccak256(abi.encode(cover)).
    function idOf(Cover calldata cover) internal pure returns (bytes32 id) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, cover, COVER_BYTES)
            id := keccak256(free, COVER_BYTES)
        }
    }

    /// @notice keccak256(abi.encode(claim)).
    function hashOf(Claim calldata claim) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, claim, CLAIM_BYTES)
            hash := keccak256(free, CLAIM_BYTES)
        }
    }

    /// @notice keccak256(abi.encode(Claim(cover, requestId, answer, inputHash, requester, fee))).
    function hashWith(
        Cover calldata cover,
        bytes32 requestId,
        bytes32 answer,
        bytes32 inputHash,
        address requester,
        uint96 fee
    ) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, cover, COVER_BYTES)
            mstore(add(free, 320), requestId)
            mstore(add(free, 352), answer)
            mstore(add(free, 384), inputHash)
            mstore(add(free, 416), requester)
            mstore(add(free, 448), fee)
            hash := keccak256(free, CLAIM_BYTES)
        }
    }

    /// @notice keccak256(abi.encode(hash, challenger)).
    function gameOf(bytes32 hash, address challenger) internal pure returns (bytes32 game) {
        assembly ("memory-safe") {
            mstore(0, hash)
            mstore(32, challenger)
            game := keccak256(0, 64)
        }
    }

    /// @notice Calls a function of the warranty with the very arguments of this call, and returns the three words that it does.
    /// Reverts with what it reverts with.
    function passOn(IWarranty warranty, bytes4 selector)
        internal
        returns (bytes32 first, bytes32 second, bytes32 third)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            calldatacopy(add(free, 4), 4, sub(calldatasize(), 4))
            if iszero(call(gas(), warranty, 0, free, calldatasize(), free, 96)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
            first := mload(free)
            second := mload(add(free, 32))
            third := mload(add(free, 64))
        }
    }

    /// @notice `IWarranty.convict`.
    function convict(IWarranty warranty, Claim calldata claim, address challenger)
        internal
        returns (bool taken, bool repaid)
    {
        bytes4 selector = IWarranty.convict.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            calldatacopy(add(free, 4), claim, CLAIM_BYTES)
            mstore(add(free, 484), challenger)
            if iszero(call(gas(), warranty, 0, free, 516, free, 64)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
            taken := mload(free)
            repaid := mload(add(free, 32))
        }
    }
}

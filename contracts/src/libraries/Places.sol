// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Where storage keeps what has several keys: one hash, instead of one for each key
/// @dev What is hashed is 28, 40, 72 or 73 bytes long, and 64 in a mapping: no two kinds share a place.
library Places {
    /// @notice Of a requester's lane.
    function ofLane(address requester, uint64 lane) internal pure returns (bytes32 place) {
        assembly ("memory-safe") {
            mstore(0x00, or(shl(64, requester), and(lane, 0xffffffffffffffff)))
            place := keccak256(0x04, 0x1c)
        }
    }

    /// @notice Of an account's deposit in a token.
    function ofDeposit(address token, address account) internal pure returns (bytes32 place) {
        assembly ("memory-safe") {
            mstore(0x14, account)
            mstore(0x00, token)
            place := keccak256(0x0c, 0x28)
        }
    }

    /// @notice Of what an operator earns with a model in a token.
    function ofTill(address token, bytes32 modelId, address operator) internal pure returns (bytes32 place) {
        return _ofThree(token, modelId, operator, 0x48);
    }

    /// @notice Of what an operator offers for a model in a token.
    function ofOffer(address token, bytes32 modelId, address operator) internal pure returns (bytes32 place) {
        return _ofThree(token, modelId, operator, 0x49);
    }

    /// @dev Behind the three is a zero byte for whoever wants one.
    function _ofThree(address token, bytes32 modelId, address operator, uint256 size)
        private
        pure
        returns (bytes32 place)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(add(free, 0x54), 0)
            mstore(add(free, 0x34), modelId)
            mstore(add(free, 0x14), operator)
            mstore(free, token)
            place := keccak256(add(free, 0x0c), size)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Opening} from "./Types.sol";

/// @title Opening the trees of models and of traces
/// @dev Tags: leaves 0x00, nodes 0x01, roots 0x02. A level of odd length moves its last node up; the root binds the count (ADR 27).
/// Models hash with keccak256, traces with SHA-256 (ADR 46).
library Trees {
    function opens(bytes32 root, Opening calldata opening, bool sha) internal pure returns (bool) {
        uint256 index = opening.index;
        uint256 width = opening.count;
        if (index >= width) return false;
        bytes32 node = _hash(abi.encodePacked(bytes1(0x00), opening.leaf), sha);
        bytes32[] calldata siblings = opening.siblings;
        bytes memory buffer = new bytes(65);
        uint256 used;
        while (width > 1) {
            if (index ^ 1 < width) {
                if (used == siblings.length) return false;
                bytes32 sibling = siblings[used];
                if (index & 1 == 1) _write(buffer, 1, sibling, node);
                else _write(buffer, 1, node, sibling);
                node = _hash(buffer, sha);
            }
            unchecked {
                if (index ^ 1 < width) ++used;
                (index, width) = (index >> 1, (width >> 1) + (width & 1));
            }
        }
        _write(buffer, 2, bytes32(opening.count), node);
        return used == siblings.length && root == _hash(buffer, sha);
    }

    /// @dev A tag and two words, in place: a proof has some hundred nodes.
    function _write(bytes memory buffer, uint8 tag, bytes32 left, bytes32 right) private pure {
        assembly ("memory-safe") {
            mstore8(add(buffer, 32), tag)
            mstore(add(buffer, 33), left)
            mstore(add(buffer, 65), right)
        }
    }

    function _hash(bytes memory data, bool sha) private pure returns (bytes32) {
        return sha ? sha256(data) : keccak256(data);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Opening Merkle trees
/// @dev keccak256 of a tag and what it covers: leaves 0x00, nodes 0x01, roots 0x02. A level of odd length moves its last node up
/// unchanged. The root binds the number of leaves, so a proof opens a leaf at one place and at no other (ADR 0027).
library Merkle {
    bytes1 private constant LEAF = 0x00;
    bytes1 private constant NODE = 0x01;
    bytes1 private constant ROOT = 0x02;

    /// @notice The hash of a leaf.
    function leafHash(bytes memory leaf) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(LEAF, leaf));
    }

    /// @notice The hash of a leaf of two words.
    function leafHash(bytes32 first, bytes32 second) internal pure returns (bytes32) {
        return _tagged(LEAF, first, second);
    }

    /// @notice The root of a tree over leaves' hashes, of which it needs one at least and leaves none.
    function rootOf(bytes32[] memory nodes) internal pure returns (bytes32) {
        uint256 width = nodes.length;
        while (width > 1) {
            for (uint256 i; i < width / 2; ++i) {
                nodes[i] = _node(nodes[2 * i], nodes[2 * i + 1]);
            }
            if (width & 1 == 1) nodes[width / 2] = nodes[width - 1];
            width = (width + 1) / 2;
        }
        return keccak256(abi.encodePacked(ROOT, nodes.length, nodes[0]));
    }

    /// @notice Whether the tree of `count` leaves with this root has a leaf of this hash at `index`.
    /// @param siblings From the leaf up; levels where the node moves up unchanged have none. None may be missing or left over.
    function opens(bytes32 root, bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata siblings)
        internal
        pure
        returns (bool)
    {
        if (index >= count) return false;
        bytes32 node = leaf;
        uint256 used;
        for (uint256 width = count; width > 1; width = (width + 1) / 2) {
            if (index ^ 1 < width) {
                if (used == siblings.length) return false;
                bytes32 sibling = siblings[used++];
                node = index & 1 == 1 ? _node(sibling, node) : _node(node, sibling);
            }
            index /= 2;
        }
        return used == siblings.length && root == keccak256(abi.encodePacked(ROOT, count, node));
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return _tagged(NODE, left, right);
    }

    /// @dev keccak256(abi.encodePacked(tag, first, second)), in memory that is not taken.
    function _tagged(bytes1 tag, bytes32 first, bytes32 second) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, tag)
            mstore(add(free, 0x01), first)
            mstore(add(free, 0x21), second)
            hash := keccak256(free, 0x41)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Nodes of the trees of traces
/// @dev SHA-256, tags and odd levels as in `contracts/referee/src/Trees.sol`, which opens leaves.
library Places {
    /// @notice Nodes below one that are asked at once: 2^5.
    uint256 internal constant LEVELS = 5;
    /// @notice Leaves of a tree at most: no honest trace comes near, and no loop is longer.
    uint256 internal constant MOST_LEAVES = 1 << 40;

    /// @notice Nodes of a level.
    function width(uint256 count, uint256 level) internal pure returns (uint256) {
        return ((count - 1) >> level) + 1;
    }

    /// @notice The lowest level that has at most 32 nodes.
    function upper(uint256 count) internal pure returns (uint256 level) {
        while (width(count, level) > 1 << LEVELS) ++level;
    }

    /// @notice Nodes of `level` beneath node `index` of the level that is `levels` higher.
    function beneath(uint256 count, uint256 level, uint256 index, uint256 levels) internal pure returns (uint256) {
        uint256 left = width(count, level) - (index << levels);
        return left < 1 << levels ? left : 1 << levels;
    }

    /// @notice Whether the tree of `count` leaves with this root has this node there, with no sibling missing or left over.
    function leads(bytes32 root, uint256 count, uint256 level, uint256 index, bytes32 node, bytes32[] calldata siblings)
        internal
        view
        returns (bool)
    {
        if (count > MOST_LEAVES || level > 40) return false;
        uint256 size = width(count, level);
        if (index >= size) return false;
        uint256 used;
        for (; size > 1; size = (size + 1) >> 1) {
            if (index ^ 1 < size) {
                if (used == siblings.length) return false;
                bytes32 sibling = siblings[used++];
                node = index & 1 == 1 ? hash(1, sibling, node) : hash(1, node, sibling);
            }
            index >>= 1;
        }
        return used == siblings.length && hash(2, bytes32(count), node) == root;
    }

    /// @notice What stands over these nodes, of which there is one at least. They are written over.
    function top(bytes32[] memory nodes) internal view returns (bytes32 node) {
        assembly ("memory-safe") {
            let first := add(nodes, 32)
            let free := mload(0x40)
            mstore8(free, 1)
            for { let size := mload(nodes) } gt(size, 1) { size := shr(1, add(size, 1)) } {
                let to := first
                let end := add(first, shl(5, and(size, not(1))))
                for { let from := first } lt(from, end) { from := add(from, 64) } {
                    mstore(add(free, 1), mload(from))
                    mstore(add(free, 33), mload(add(from, 32)))
                    if iszero(staticcall(gas(), 2, free, 65, to, 32)) { revert(0, 0) }
                    to := add(to, 32)
                }
                if and(size, 1) { mstore(to, mload(end)) }
            }
            node := mload(first)
        }
    }

    /// @notice The node of a leaf.
    function ofLeaf(bytes calldata leaf) internal view returns (bytes32 node) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 0)
            calldatacopy(add(free, 1), leaf.offset, leaf.length)
            if iszero(staticcall(gas(), 2, free, add(leaf.length, 1), 0, 32)) { revert(0, 0) }
            node := mload(0)
        }
    }

    /// @notice SHA-256 of a tag and two words.
    function hash(uint256 tag, bytes32 left, bytes32 right) internal view returns (bytes32 found) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, tag)
            mstore(add(free, 1), left)
            mstore(add(free, 33), right)
            if iszero(staticcall(gas(), 2, free, 65, 0, 32)) { revert(0, 0) }
            found := mload(0)
        }
    }
}

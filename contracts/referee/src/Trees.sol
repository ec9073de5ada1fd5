// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Opening} from "./Types.sol";

/// @title Opening the trees of models and of traces
/// @dev Tags: leaves 0x00, nodes 0x01, roots 0x02. A level of odd length moves its last node up; the root binds the count (ADR 27).
/// Models hash with keccak256, traces with SHA-256 (ADR 46). What is opened after another leaf of the same tree needs siblings only up
/// to where its path meets the other's.
library Trees {
    uint256 private constant TOP = 1;
    uint256 private constant MET = 2;

    /// @notice What leads from the leaf that was opened last to the root; zero: none was.
    /// @dev In memory: number of leaves, the leaf's index, the top, 96 bytes to hash in, and of each level the node and its sibling.
    type Path is uint256;

    function opens(bytes32 root, Opening calldata opening, bool sha) internal pure returns (bool) {
        return Path.unwrap(joins(Path.wrap(0), root, opening, sha)) != 0;
    }

    /// @notice Opens a leaf of the tree whose last opened leaf has this path.
    /// @return The new leaf's path; zero where it does not lead to the root, or a sibling is missing or left over.
    function joins(Path path, bytes32 root, Opening calldata opening, bool sha) internal pure returns (Path) {
        return _pure(_join)(path, root, opening, sha);
    }

    /// @dev SHA-256 is a precompile: Solidity calls it pure, its assembly does not.
    function _pure(function(Path, bytes32, Opening calldata, bool) internal view returns (Path) f)
        private
        pure
        returns (function(Path, bytes32, Opening calldata, bool) internal pure returns (Path) g)
    {
        assembly ("memory-safe") {
            g := f
        }
    }

    function _join(Path last, bytes32 root, Opening calldata opening, bool sha) private view returns (Path path) {
        uint256 count = opening.count;
        if (opening.index >= count) return path;
        bytes32 node = _leaf(opening.leaf, sha);
        bool isFirst = Path.unwrap(last) == 0;
        path = isFirst ? _begun(count) : last;
        uint256 at = Path.unwrap(path);
        uint256 outcome;
        (node, outcome) = _climb(at, node, opening.index, opening.siblings, sha);
        bool fine;
        assembly ("memory-safe") {
            let scratch := add(at, 96)
            fine := and(eq(mload(at), count), gt(outcome, 0))
            switch isFirst
            case 0 { if eq(outcome, TOP) { fine := and(fine, eq(node, mload(add(at, 64)))) } }
            default {
                mstore(add(at, 64), node)
                mstore8(scratch, 2)
                mstore(add(scratch, 1), count)
                mstore(add(scratch, 33), node)
                switch sha
                case 0 { node := keccak256(scratch, 65) }
                default {
                    if iszero(staticcall(gas(), 2, scratch, 65, 0, 32)) { revert(0, 0) }
                    node := mload(0)
                }
                fine := and(and(fine, eq(outcome, TOP)), eq(node, root))
            }
        }
        if (!fine) path = Path.wrap(0);
    }

    function _leaf(bytes calldata leaf, bool sha) private view returns (bytes32 node) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 0)
            calldatacopy(add(free, 1), leaf.offset, leaf.length)
            switch sha
            case 0 { node := keccak256(free, add(leaf.length, 1)) }
            default {
                if iszero(staticcall(gas(), 2, free, add(leaf.length, 1), 0, 32)) { revert(0, 0) }
                node := mload(0)
            }
        }
    }

    /// @dev A path without nodes: no index is the one before. `_climb` makes its levels.
    function _begun(uint256 count) private pure returns (Path path) {
        assembly ("memory-safe") {
            path := mload(0x40)
            mstore(path, count)
            mstore(add(path, 32), not(0))
            mstore(0x40, add(path, 192))
        }
    }

    /// @dev From a leaf to the top (1), to a node or sibling of the path before (2), or nowhere (0). What lies behind a path's levels
    /// is free.
    function _climb(uint256 path, bytes32 node, uint256 index, bytes32[] calldata siblings, bool sha)
        private
        view
        returns (bytes32 top, uint256 outcome)
    {
        assembly ("memory-safe") {
            siblings.length := add(siblings.offset, shl(5, siblings.length)) // their end
            outcome := TOP
            top := node
            node := mload(add(path, 32)) // the index before
            mstore(add(path, 32), index)
            mstore8(add(path, 96), 1)
            let level := add(path, 192)
            for { let width := mload(path) } gt(width, 1) { width := add(shr(1, width), and(width, 1)) } {
                if lt(xor(index, node), 2) {
                    switch xor(index, node)
                    case 0 { outcome := mul(MET, eq(top, mload(level))) }
                    default {
                        outcome := mul(MET, eq(top, mload(add(level, 32))))
                        mstore(add(level, 32), mload(level))
                        mstore(level, top)
                    }
                    break
                }
                mstore(level, top)
                if lt(xor(index, 1), width) {
                    if eq(siblings.offset, siblings.length) {
                        outcome := 0
                        break
                    }
                    let right := shl(5, and(index, 1))
                    mstore(add(add(path, 97), right), top)
                    right := sub(add(path, 129), right)
                    mstore(right, calldataload(siblings.offset))
                    mstore(add(level, 32), mload(right))
                    siblings.offset := add(siblings.offset, 32)
                    switch sha
                    case 0 { top := keccak256(add(path, 96), 65) }
                    default {
                        if iszero(staticcall(gas(), 2, add(path, 96), 65, 0, 32)) { revert(0, 0) }
                        top := mload(0)
                    }
                }
                index := shr(1, index)
                node := shr(1, node)
                level := add(level, 64)
            }
            if gt(level, mload(0x40)) { mstore(0x40, level) }
            outcome := mul(outcome, eq(siblings.offset, siblings.length))
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Merkle} from "../src/libraries/Merkle.sol";

/// @notice A proof opens a leaf at its own place and under its own count, whatever index, count and siblings the prover gives.
/// keccak256 is taken to have no collisions. Trees of one to four leaves, counts up to eight and up to three siblings: every kind
/// of step that a proof can have.
contract MerkleTest {
    uint256 private constant MOST = 8;

    function check_oneLeaf(bytes32 a, bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata siblings)
        public
        pure
    {
        if (!_opens(_root(1, a), leaf, index, count, siblings)) return;
        assert(count == 1 && index == 0 && leaf == a);
    }

    function check_twoLeaves(
        bytes32 a,
        bytes32 b,
        bytes32 leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata siblings
    ) public pure {
        if (!_opens(_root(2, _node(a, b)), leaf, index, count, siblings)) return;
        assert(count == 2);
        assert((index == 0 && leaf == a) || (index == 1 && leaf == b));
    }

    function check_threeLeaves(
        bytes32 a,
        bytes32 b,
        bytes32 c,
        bytes32 leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata siblings
    ) public pure {
        if (!_opens(_root(3, _node(_node(a, b), c)), leaf, index, count, siblings)) return;
        assert(count == 3);
        assert((index == 0 && leaf == a) || (index == 1 && leaf == b) || (index == 2 && leaf == c));
    }

    function check_fourLeaves(
        bytes32[4] calldata l,
        bytes32 leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata siblings
    ) public pure {
        if (!_opens(_root(4, _node(_node(l[0], l[1]), _node(l[2], l[3]))), leaf, index, count, siblings)) return;
        assert(count == 4);
        assert(
            (index == 0 && leaf == l[0]) || (index == 1 && leaf == l[1]) || (index == 2 && leaf == l[2])
                || (index == 3 && leaf == l[3])
        );
    }

    function _opens(bytes32 root, bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata siblings)
        private
        pure
        returns (bool)
    {
        return count <= MOST && Merkle.opens(root, leaf, index, count, siblings);
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, right));
    }

    function _root(uint256 count, bytes32 top) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x02), count, top));
    }
}

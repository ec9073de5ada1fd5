// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Merkle} from "../src/libraries/Merkle.sol";
import {VM, bound} from "./support/Vm.sol";

/// @notice The trees of `tests/vectors/merkle.json`, and trees of any leaves: a proof opens one leaf, at one place, under one count.
contract MerkleTest {
    function test_vectors() public view {
        string memory json = VM.readFile("../tests/vectors/merkle.json");
        for (uint256 tree; tree < 9; ++tree) {
            string memory at = string.concat("[", VM.toString(tree), "]");
            bytes32 root = VM.parseJsonBytes32(json, string.concat(at, ".root"));
            bytes32[] memory hashes = new bytes32[](tree + 1);
            for (uint256 index; index <= tree; ++index) {
                string memory place = string.concat("[", VM.toString(index), "]");
                bytes memory leaf = VM.parseJsonBytes(json, string.concat(at, ".leaves", place));
                bytes32[] memory siblings = VM.parseJsonBytes32Array(json, string.concat(at, ".proofs", place));
                hashes[index] = Merkle.leafHash(leaf);
                VM.assertTrue(this.opens(root, hashes[index], index, tree + 1, siblings));
                VM.assertFalse(this.opens(root, Merkle.leafHash(bytes.concat(leaf, "x")), index, tree + 1, siblings));
            }
            VM.assertEq(Merkle.rootOf(hashes), root);
        }
    }

    /// @dev Whatever is claimed with an honest prover's siblings, whole, cut down or with one more.
    function testFuzz_opens_atItsPlaceAlone(uint8 leaves, uint8 at, uint16 index, uint16 count, uint8 cut) public view {
        uint256 size = bound(leaves, 1, 40);
        uint256 place = bound(at, 0, size - 1);
        bytes32[] memory hashes = new bytes32[](size);
        for (uint256 i; i < size; ++i) {
            hashes[i] = Merkle.leafHash(abi.encode(i));
        }
        bytes32 leaf = hashes[place];
        bytes32[] memory same = abi.decode(abi.encode(hashes), (bytes32[]));
        (bytes32 root, bytes32[] memory siblings) = _tree(hashes, place); // overwrites the hashes
        VM.assertEq(Merkle.rootOf(same), root);
        VM.assertTrue(this.opens(root, leaf, place, size, siblings));
        (uint256 otherIndex, uint256 otherCount) = (index % 90, count % 90);
        bytes32[] memory some = _some(siblings, cut);
        bool honest = otherIndex == place && otherCount == size && some.length == siblings.length;
        VM.assertEq(this.opens(root, leaf, otherIndex, otherCount, some), honest);
    }

    /// @dev Leaves a, b, c: with a count of 2, c would open at index 1, though it is leaf 2 of 3.
    function test_opens_countIsBound() public view {
        bytes32[] memory hashes = new bytes32[](3);
        (hashes[0], hashes[1], hashes[2]) = (Merkle.leafHash("a"), Merkle.leafHash("b"), Merkle.leafHash("c"));
        bytes32 leaf = hashes[2];
        (bytes32 root, bytes32[] memory siblings) = _tree(hashes, 2);
        VM.assertTrue(this.opens(root, leaf, 2, 3, siblings));
        VM.assertFalse(this.opens(root, leaf, 1, 2, siblings));
    }

    function opens(bytes32 root, bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata siblings)
        external
        pure
        returns (bool)
    {
        return Merkle.opens(root, leaf, index, count, siblings);
    }

    /// @dev Root, and the siblings of one leaf, level by level.
    function _tree(bytes32[] memory level, uint256 place) private pure returns (bytes32 root, bytes32[] memory) {
        bytes32[] memory siblings = new bytes32[](8);
        (uint256 count, uint256 width, uint256 found) = (level.length, level.length, 0);
        for (; width > 1; width = (width + 1) / 2) {
            if (place ^ 1 < width) siblings[found++] = level[place ^ 1];
            for (uint256 i; i < width; i += 2) {
                level[i / 2] =
                    i + 1 < width ? keccak256(abi.encodePacked(bytes1(0x01), level[i], level[i + 1])) : level[i];
            }
            place /= 2;
        }
        assembly ("memory-safe") {
            mstore(siblings, found)
        }
        return (keccak256(abi.encodePacked(bytes1(0x02), count, level[0])), siblings);
    }

    function _some(bytes32[] memory siblings, uint8 cut) private pure returns (bytes32[] memory some) {
        uint256 length = siblings.length;
        if (cut % 3 == 1 && length > 0) --length;
        if (cut % 3 == 2) ++length;
        some = new bytes32[](length);
        for (uint256 i; i < length; ++i) {
            some[i] = i < siblings.length ? siblings[i] : bytes32(uint256(i));
        }
    }
}

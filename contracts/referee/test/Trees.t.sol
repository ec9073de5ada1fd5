// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Trees} from "../src/Trees.sol";
import {Opening} from "../src/Types.sol";

/// @notice Leaves of one tree, opened one after the other.
contract TreesTest {
    bytes32[][] private levels;
    bool private sha;

    function open(bytes32 root, Opening[] calldata openings, bool isSha) external pure returns (bool) {
        Trees.Path path;
        for (uint256 i; i < openings.length; ++i) {
            path = Trees.joins(path, root, openings[i], isSha);
            if (Trees.Path.unwrap(path) == 0) return false;
        }
        return true;
    }

    /// @dev Each leaf that follows needs siblings up to the path of the one before; a leaf, place, count or sibling that is another
    /// opens nothing, and no sibling may be left over.
    function testFuzz_leavesInTurn(uint256 count, uint256[4] memory places, bool isSha, uint256 which) public {
        count = 1 + count % 300;
        bytes32 root = _grow(count, isSha);
        Opening[] memory openings = new Opening[](4);
        for (uint256 i; i < 4; ++i) {
            places[i] %= count;
            openings[i] = _opening(places[i], i == 0 ? type(uint256).max : places[i - 1]);
        }
        require(this.open(root, openings, isSha), "honest");
        Opening memory changed = openings[which % 4];
        changed.leaf = "another";
        require(!this.open(root, openings, isSha), "leaf");
        changed.leaf = _leaf(changed.index);
        changed.index ^= 1;
        require(!this.open(root, openings, isSha), "place");
        changed.index ^= 1;
        changed.count += 1;
        require(!this.open(root, openings, isSha), "count");
        changed.count -= 1;
        bytes32[] memory siblings = changed.siblings;
        if (siblings.length > 0) {
            siblings[which % siblings.length] ^= bytes32(uint256(1));
            require(!this.open(root, openings, isSha), "sibling");
            siblings[which % siblings.length] ^= bytes32(uint256(1));
            changed.siblings = new bytes32[](siblings.length - 1);
            for (uint256 i; i + 1 < siblings.length; ++i) {
                changed.siblings[i] = siblings[i];
            }
            require(!this.open(root, openings, isSha), "one is missing");
        }
        changed.siblings = new bytes32[](siblings.length + 1);
        for (uint256 i; i < siblings.length; ++i) {
            changed.siblings[i] = siblings[i];
        }
        require(!this.open(root, openings, isSha), "one is left over");
        changed.siblings = siblings;
        require(this.open(root, openings, isSha), "honest again");
        require(!this.open(root ^ bytes32(uint256(1)), openings, isSha), "root");
    }

    /// @dev A node of a tree is no leaf, also where the path before has it.
    function test_aNodeIsNoLeaf() public {
        bytes32 root = _grow(4, true);
        Opening[] memory openings = new Opening[](2);
        openings[0] = _opening(0, type(uint256).max);
        openings[1] = Opening(abi.encodePacked(levels[0][2], levels[0][3]), 1, 2, new bytes32[](0));
        require(!this.open(root, openings, true));
        openings[1] = Opening(abi.encodePacked(levels[0][2], levels[0][3]), 1, 4, new bytes32[](0));
        require(!this.open(root, openings, true));
    }

    function _opening(uint256 index, uint256 before) private view returns (Opening memory) {
        bytes32[] memory siblings = new bytes32[](levels.length);
        uint256 used;
        (uint256 at, uint256 last) = (index, before);
        for (uint256 level; level + 1 < levels.length && at ^ last > 1; ++level) {
            if (at ^ 1 < levels[level].length) siblings[used++] = levels[level][at ^ 1];
            (at, last) = (at >> 1, before == type(uint256).max ? before : last >> 1);
        }
        assembly ("memory-safe") {
            mstore(siblings, used)
        }
        return Opening(_leaf(index), index, levels[0].length, siblings);
    }

    function _leaf(uint256 index) private pure returns (bytes memory) {
        return abi.encode("leaf", index);
    }

    function _grow(uint256 count, bool isSha) private returns (bytes32) {
        delete levels;
        sha = isSha;
        bytes32[] memory level = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            level[i] = _hash(abi.encodePacked(bytes1(0x00), _leaf(i)));
        }
        levels.push(level);
        while (level.length > 1) {
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i; i < above.length; ++i) {
                above[i] = 2 * i + 1 < level.length
                    ? _hash(abi.encodePacked(bytes1(0x01), level[2 * i], level[2 * i + 1]))
                    : level[2 * i];
            }
            level = above;
            levels.push(level);
        }
        return _hash(abi.encodePacked(bytes1(0x02), count, level[0]));
    }

    function _hash(bytes memory data) private view returns (bytes32) {
        return sha ? sha256(data) : keccak256(data);
    }
}

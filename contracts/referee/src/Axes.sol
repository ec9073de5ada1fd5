// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Attributes} from "./Attributes.sol";
import {Cases} from "./Cases.sol";
import {Case, Operand, Undefined} from "./Types.sol";

/// @title Places and axes that are counted from the end, and shapes that are broadcast
library Axes {
    /// @notice A place that may be counted from the end.
    function wrapped(int256 place, uint256 size) internal pure returns (uint256) {
        if (place < -int256(size) || place >= int256(size)) revert Undefined();
        return uint256(place < 0 ? place + int256(size) : place);
    }

    function axis(Case memory c, int256 otherwise, uint256 rank) internal pure returns (uint256) {
        return wrapped(Attributes.integer(c, "axis", otherwise), rank);
    }

    /// @notice The place in an operand that is broadcast to `index`.
    function aligned(uint256[] memory index, uint256[] memory shape) internal pure returns (uint256[] memory place) {
        if (shape.length > index.length) revert Undefined();
        place = new uint256[](shape.length);
        uint256 skipped = index.length - shape.length;
        for (uint256 i; i < shape.length; ++i) {
            place[i] = shape[i] == 1 ? 0 : index[skipped + i];
        }
    }

    /// @notice `index` with its places from `from` to below `to` replaced by others.
    function spliced(uint256[] memory index, uint256 from, uint256 to, uint256[] memory others)
        internal
        pure
        returns (uint256[] memory found)
    {
        if (from > to || to > index.length) revert Undefined();
        found = new uint256[](index.length + others.length - (to - from));
        for (uint256 i; i < from; ++i) {
            found[i] = index[i];
        }
        for (uint256 i; i < others.length; ++i) {
            found[from + i] = others[i];
        }
        for (uint256 i = to; i < index.length; ++i) {
            found[i + others.length - (to - from)] = index[i];
        }
    }

    /// @notice A shape with one number.
    function one(uint256 size) internal pure returns (uint256[] memory found) {
        found = new uint256[](1);
        found[0] = size;
    }

    /// @notice `index` with another place on an axis.
    function moved(uint256[] memory index, uint256 along, uint256 place)
        internal
        pure
        returns (uint256[] memory found)
    {
        if (along >= index.length) revert Undefined();
        found = Cases.copy(index);
        found[along] = place;
    }

    /// @notice The one axis that a reduction takes away.
    function reduced(Case memory c, uint256 rank) internal pure returns (uint256) {
        int256[] memory axes;
        bool said;
        if (Cases.has(c, 1)) (said, axes) = (true, Cases.vector(c, c.operands[1]));
        else (said, axes) = Attributes.integers(c, "axes");
        if (!said && rank == 1) return 0;
        if (axes.length != 1) revert Undefined();
        return wrapped(axes[0], rank);
    }

    /// @notice Terms of one step of a reduction: 256 along the last axis, 16 across it.
    function step(uint256 along, uint256 rank) internal pure returns (uint256) {
        return along + 1 == rank ? 256 : 16;
    }

    /// @notice Sizes of all parts of a Split.
    function parts(Case memory c) internal pure returns (uint256[] memory sizes) {
        Operand memory data = Cases.operand(c, 0);
        uint256 whole = data.shape[axis(c, 0, data.shape.length)];
        uint256 count = c.node.outputs;
        sizes = new uint256[](count);
        uint256 total;
        bool said = Cases.has(c, 1);
        int256[] memory given;
        if (said) given = Cases.vector(c, c.operands[1]);
        if (said && given.length != count) revert Undefined();
        for (uint256 i; i < count; ++i) {
            if (said && given[i] < 0) revert Undefined();
            sizes[i] = said ? uint256(given[i]) : whole / count;
            total += sizes[i];
        }
        if (total != whole) revert Undefined();
    }
}

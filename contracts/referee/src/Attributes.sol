// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Case, Undefined} from "./Types.sol";

/// @title A node's attributes, as its leaf of the program spells them
/// @dev `name=2:value` for an integer, `name=7:[value, value]` for several; `tests/vectors/roots.json` freezes the spelling.
library Attributes {
    /// @notice An integer, or what it is where the node does not say.
    function integer(Case memory c, string memory name, int256 otherwise) internal pure returns (int256) {
        (bytes memory text, uint256 from) = _find(c, name, "=2:");
        if (from == 0) return otherwise;
        (int256 value, uint256 end) = _number(text, from);
        if (end != text.length) revert Undefined();
        return value;
    }

    /// @notice Integers, or none where the node does not say.
    function integers(Case memory c, string memory name) internal pure returns (bool said, int256[] memory values) {
        (bytes memory text, uint256 from) = _find(c, name, "=7:[");
        if (from == 0) return (false, values);
        values = new int256[](text.length);
        uint256 count;
        while (from < text.length && text[from] != "]") {
            (values[count++], from) = _number(text, from);
            if (text[from] == ",") from += 2;
        }
        assembly ("memory-safe") {
            mstore(values, count)
        }
        said = true;
    }

    /// @dev Text of an attribute and where in it the value begins, 0 where there is none.
    function _find(Case memory c, string memory name, string memory kind)
        private
        pure
        returns (bytes memory text, uint256 from)
    {
        bytes memory wanted = bytes.concat(bytes(name), bytes(kind));
        for (uint256 i; i < c.node.attributes.length; ++i) {
            text = bytes(c.node.attributes[i]);
            if (text.length < wanted.length) continue;
            uint256 same;
            while (same < wanted.length && text[same] == wanted[same]) ++same;
            if (same == wanted.length) return (text, same);
        }
    }

    function _number(bytes memory text, uint256 from) private pure returns (int256 value, uint256 end) {
        bool negative = text[from] == "-";
        end = negative ? from + 1 : from;
        uint256 begun = end;
        while (end < text.length && text[end] >= "0" && text[end] <= "9") {
            value = value * 10 + int256(uint256(uint8(text[end++])) - 48);
        }
        if (end == begun) revert Undefined();
        if (negative) value = -value;
    }
}

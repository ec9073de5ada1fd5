// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Attributes} from "./Attributes.sol";
import {Axes} from "./Axes.sol";
import {Cases} from "./Cases.sol";
import "./Types.sol";

/// @title Operators that only move elements: each is one of an operand's, at another place
/// @dev The specification is `node/themis/exact/referee/moves.py`.
contract Moves is IReferee {
    /// @inheritdoc IReferee
    function rule(Roots calldata roots, Proof calldata proof) external pure returns (bool convicted) {
        if (proof.accusation != Accusation.ELEMENT) revert Undefined();
        Case memory c = Cases.open(roots, proof);
        int256 claimed = Cases.at(c, Cases.result(c, c.output), proof.index);
        return claimed != _element(c, proof.index);
    }

    function _element(Case memory c, uint256[] memory index) private pure returns (int256) {
        bytes32 op = c.op;
        if (
            op == keccak256("Identity") || op == keccak256("Reshape") || op == keccak256("Squeeze")
                || op == keccak256("Unsqueeze")
        ) return _reshaped(c, index);
        if (op == keccak256("Transpose")) return _transposed(c, index);
        if (op == keccak256("Gather")) return _gathered(c, index);
        if (op == keccak256("GatherElements")) return _picked(c, index);
        if (op == keccak256("Split")) return _part(c, index);
        if (op == keccak256("Concat")) return _joined(c, index);
        revert OtherOperator(c.node.op);
    }

    function _reshaped(Case memory c, uint256[] memory index) private pure returns (int256) {
        Operand memory x = Cases.operand(c, 0);
        uint256 position = Cases.flat(index, Cases.result(c, c.output).shape, 0, index.length);
        uint256[] memory place = new uint256[](x.shape.length);
        for (uint256 i = place.length; i > 0; --i) {
            if (x.shape[i - 1] == 0) revert Undefined();
            place[i - 1] = position % x.shape[i - 1];
            position /= x.shape[i - 1];
        }
        if (position != 0) revert Undefined();
        return Cases.at(c, x, place);
    }

    function _transposed(Case memory c, uint256[] memory index) private pure returns (int256) {
        (bool said, int256[] memory order) = Attributes.integers(c, "perm");
        uint256 rank = index.length;
        if (said && order.length != rank) revert Undefined();
        uint256[] memory place = new uint256[](rank);
        for (uint256 i; i < rank; ++i) {
            place[said ? Axes.wrapped(order[i], rank) : rank - 1 - i] = index[i];
        }
        return Cases.at(c, Cases.operand(c, 0), place);
    }

    function _gathered(Case memory c, uint256[] memory index) private pure returns (int256) {
        (Operand memory data, Operand memory places) = (Cases.operand(c, 0), Cases.operand(c, 1));
        uint256 along = Axes.axis(c, 0, data.shape.length);
        uint256 rank = places.shape.length;
        uint256[] memory at = new uint256[](rank);
        for (uint256 i; i < rank; ++i) {
            at[i] = index[along + i];
        }
        uint256 place = Axes.wrapped(Cases.at(c, places, at), data.shape[along]);
        return Cases.at(c, data, Axes.spliced(index, along, along + rank, Axes.one(place)));
    }

    function _picked(Case memory c, uint256[] memory index) private pure returns (int256) {
        Operand memory data = Cases.operand(c, 0);
        uint256 along = Axes.axis(c, 0, data.shape.length);
        uint256 place = Axes.wrapped(Cases.at(c, Cases.operand(c, 1), index), data.shape[along]);
        return Cases.at(c, data, Axes.moved(index, along, place));
    }

    function _part(Case memory c, uint256[] memory index) private pure returns (int256) {
        uint256 along = Axes.axis(c, 0, index.length);
        uint256[] memory sizes = Axes.parts(c);
        uint256 first;
        for (uint256 i; i < c.output; ++i) {
            first += sizes[i];
        }
        return Cases.at(c, Cases.operand(c, 0), Axes.moved(index, along, first + index[along]));
    }

    function _joined(Case memory c, uint256[] memory index) private pure returns (int256) {
        uint256 along = Axes.axis(c, 0, index.length);
        uint256 place = index[along];
        for (uint256 i; i < c.operands.length; ++i) {
            Operand memory part = Cases.operand(c, i);
            if (place < part.shape[along]) return Cases.at(c, part, Axes.moved(index, along, place));
            place -= part.shape[along];
        }
        revert Undefined();
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Attributes} from "./Attributes.sol";
import {Axes} from "./Axes.sol";
import {Cases} from "./Cases.sol";
import "./Types.sol";

/// @title Sums and largest elements along an axis, by a witness: what they come to after each step
/// @dev The specification is `node/themis/exact/referee/reductions.py`.
contract Reductions is IReferee {
    /// @inheritdoc IReferee
    function rule(Roots calldata roots, Proof calldata proof) external pure returns (bool convicted) {
        if (proof.accusation != Accusation.ELEMENT) revert Undefined();
        Case memory c = Cases.open(roots, proof);
        bool sums = c.op == keccak256("ReduceSum");
        if (!sums && c.op != keccak256("ReduceMax")) revert OtherOperator(c.node.op);
        int256 claimed = Cases.at(c, Cases.result(c, c.output), proof.index);
        return claimed != (c.output == WITNESS ? _step(c, proof.index, sums) : _last(c, proof.index, sums));
    }

    function _last(Case memory c, uint256[] memory index, bool sums) private pure returns (int256) {
        Operand memory running = Cases.result(c, WITNESS);
        uint256 rank = running.shape.length;
        uint256 along = Axes.reduced(c, rank);
        uint256 steps = running.shape[along];
        if (steps == 0) {
            if (!sums) revert Undefined();
            return 0;
        }
        uint256 gone = Attributes.integer(c, "keepdims", 1) == 0 ? 0 : 1;
        return Cases.at(c, running, Axes.spliced(index, along, along + gone, Axes.one(steps - 1)));
    }

    function _step(Case memory c, uint256[] memory index, bool sums) private pure returns (int256 total) {
        Operand memory x = Cases.operand(c, 0);
        uint256 along = Axes.reduced(c, x.shape.length);
        uint256 terms = Axes.step(along, x.shape.length);
        uint256 first = index[along] * terms;
        if (first >= x.shape[along]) revert Undefined();
        if (terms > x.shape[along] - first) terms = x.shape[along] - first;
        int256[] memory values = Cases.line(c, x, index, along, first, terms);
        total = values[0];
        unchecked {
            for (uint256 i = 1; i < terms; ++i) {
                total = _both(total, values[i], sums); // of 256 elements of 64 bits
            }
        }
        if (index[along] == 0) return total;
        int256 before = Cases.at(c, Cases.result(c, WITNESS), Axes.moved(index, along, index[along] - 1));
        return _both(total, before, sums);
    }

    function _both(int256 x, int256 y, bool sums) private pure returns (int256) {
        return sums ? x + y : x > y ? x : y;
    }
}

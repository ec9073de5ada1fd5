// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Axes} from "./Axes.sol";
import {Cases} from "./Cases.sol";
import {Rounding} from "./Rounding.sol";
import "./Types.sol";

/// @title Matrix products: one element is a row times a column, and for the quantized one a shift and a rounding
/// @dev The specification is `node/themis/exact/referee/products.py`.
contract Products is IReferee {
    /// @inheritdoc IReferee
    function rule(Roots calldata roots, Proof calldata proof) external pure returns (bool convicted) {
        if (proof.accusation != Accusation.ELEMENT) revert Undefined();
        Case memory c = Cases.open(roots, proof);
        bool quantized = c.op == keccak256("QLinearMatMul");
        if (!quantized && c.op != keccak256("MatMul") && c.op != keccak256("MatMulInteger")) {
            revert OtherOperator(c.node.op);
        }
        int256 claimed = Cases.at(c, Cases.result(c, c.output), proof.index);
        Operand memory b = Cases.operand(c, quantized ? 3 : 1);
        if (c.output == WITNESS) return claimed != Cases.at(c, b, _turned(proof.index));
        if (!quantized) return claimed != _dot(c, b, proof.index, _zero(c, 2), _zero(c, 3));
        return claimed != _scaled(c, _dot(c, b, proof.index, _zero(c, 2), _zero(c, 5)), proof.index);
    }

    function _scaled(Case memory c, int256 total, uint256[] memory index) private pure returns (int256) {
        uint256 column = index[index.length - 1];
        int256 power = Rounding.power(Cases.operand(c, 1), 0) + Rounding.power(Cases.operand(c, 4), column)
            - Rounding.power(Cases.operand(c, 6), 0);
        Operand memory zero = Cases.operand(c, 7);
        return Rounding.saturated(Rounding.scaled(total, power) + Cases.scalar(c, zero), zero.dtype);
    }

    /// @dev A row of the first operand times a column of the second; one that is no constant has its columns in the witness.
    function _dot(Case memory c, Operand memory b, uint256[] memory index, int256 aZero, int256 bZero)
        private
        pure
        returns (int256 total)
    {
        Operand memory a = Cases.operand(c, 0);
        uint256 terms = a.shape[a.shape.length - 1];
        int256[] memory rows = Cases.line(c, a, _place(a, index, false), a.shape.length - 1, 0, terms);
        int256[] memory columns;
        if (b.kind == Kind.TRACED) {
            Operand memory turned = Cases.result(c, WITNESS);
            uint256 last = turned.shape.length - 1;
            uint256[] memory place = _place(turned, index, true);
            (place[last - 1], place[last]) = (index[index.length - 1], 0);
            columns = Cases.line(c, turned, place, last, 0, terms);
        } else {
            columns = Cases.line(c, b, _place(b, index, true), b.shape.length - 2, 0, terms);
        }
        assembly ("memory-safe") {
            // elements have 64 bits at most, zero points 8: no sum that fits a transaction comes near 256
            let from := add(rows, 32)
            let other := sub(columns, rows)
            for { let end := add(from, shl(5, terms)) } lt(from, end) { from := add(from, 32) } {
                total := add(total, mul(sub(mload(from), aZero), sub(mload(add(from, other)), bZero)))
            }
        }
    }

    /// @dev Where a row of the first operand begins, or a column of the second.
    function _place(Operand memory o, uint256[] memory index, bool second)
        private
        pure
        returns (uint256[] memory place)
    {
        uint256 rank = o.shape.length;
        if (rank < 2 || rank > index.length) revert Undefined();
        place = new uint256[](rank);
        uint256 skipped = index.length - rank;
        for (uint256 i; i + 2 < rank; ++i) {
            place[i] = o.shape[i] == 1 ? 0 : index[skipped + i];
        }
        if (second) place[rank - 1] = index[index.length - 1];
        else place[rank - 2] = index[index.length - 2];
    }

    /// @dev The witness is the second operand's transpose.
    function _turned(uint256[] memory index) private pure returns (uint256[] memory place) {
        place = Cases.copy(index);
        uint256 last = place.length - 1;
        (place[last - 1], place[last]) = (index[last], index[last - 1]);
    }

    function _zero(Case memory c, uint256 place) private pure returns (int256) {
        return Cases.has(c, place) ? Cases.scalar(c, c.operands[place]) : int256(0);
    }
}

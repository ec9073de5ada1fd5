// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Axes} from "./Axes.sol";
import {Cases} from "./Cases.sol";
import {Rounding} from "./Rounding.sol";
import "./Types.sol";

/// @title Operators whose element follows from the elements at its own place
/// @dev The specification is `node/themis/exact/referee/pointwise.py`.
contract Pointwise is IReferee {
    /// @inheritdoc IReferee
    function rule(Roots calldata roots, Proof calldata proof) external pure returns (bool convicted) {
        if (proof.accusation != Accusation.ELEMENT) revert Undefined();
        Case memory c = Cases.open(roots, proof);
        int256 claimed = Cases.at(c, Cases.result(c, c.output), proof.index);
        if (c.op == keccak256("Root")) return _refuted(Cases.at(c, Cases.operand(c, 0), proof.index), claimed);
        return claimed != _element(c, proof.index);
    }

    function _element(Case memory c, uint256[] memory index) private pure returns (int256) {
        bytes32 op = c.op;
        if (op == keccak256("Where")) return _at(c, _at(c, 0, index) != 0 ? 1 : 2, index);
        if (op == keccak256("Max")) return _largest(c, index);
        int256 x = _at(c, 0, index);
        if (op == keccak256("Cast") || op == keccak256("Floor")) return x;
        if (op == keccak256("Clip")) return _clipped(c, x);
        if (op == keccak256("DequantizeLinear")) return x - Cases.scalar(c, Cases.operand(c, 2));
        if (op == keccak256("QuantizeLinear")) return _quantized(c, x);
        return _combined(c, op, x, _at(c, 1, index));
    }

    function _combined(Case memory c, bytes32 op, int256 x, int256 y) private pure returns (int256) {
        if (op == keccak256("Add")) return x + y;
        if (op == keccak256("Sub")) return x - y;
        if (op == keccak256("Mul")) return x * y;
        if (op == keccak256("Equal")) return x == y ? int256(1) : int256(0);
        if (op == keccak256("GreaterOrEqual")) return x >= y ? int256(1) : int256(0);
        if (op == keccak256("Div")) {
            if (y == 0) revert Undefined();
            return x / y; // toward zero, as ONNX
        }
        if (op == keccak256("Mod")) {
            if (y < 1) revert Undefined();
            int256 rest = x % y;
            return rest < 0 ? rest + y : rest;
        }
        if (op == keccak256("BitShift")) {
            if (y < 0 || y >= int256(8 * Cases.width(c.operands[0].dtype))) revert Undefined();
            return x >> uint256(y);
        }
        revert OtherOperator(c.node.op);
    }

    function _at(Case memory c, uint256 place, uint256[] memory index) private pure returns (int256) {
        Operand memory o = Cases.operand(c, place);
        return Cases.at(c, o, Axes.aligned(index, o.shape));
    }

    function _largest(Case memory c, uint256[] memory index) private pure returns (int256 most) {
        most = _at(c, 0, index);
        for (uint256 i = 1; i < c.operands.length; ++i) {
            int256 other = _at(c, i, index);
            if (other > most) most = other;
        }
    }

    function _clipped(Case memory c, int256 x) private pure returns (int256) {
        int256 low = Cases.scalar(c, Cases.operand(c, 1));
        int256 high = Cases.scalar(c, Cases.operand(c, 2));
        if (x < low) x = low;
        return x > high ? high : x;
    }

    function _quantized(Case memory c, int256 x) private pure returns (int256) {
        Operand memory zero = Cases.operand(c, 2);
        int256 power = -Rounding.power(Cases.operand(c, 1), 0);
        return Rounding.saturated(Rounding.scaled(x, power) + Cases.scalar(c, zero), zero.dtype);
    }

    /// @dev Whether y is not the root of x rounded down: the one whose square is at most x, and the next one's is not.
    function _refuted(int256 x, int256 y) private pure returns (bool) {
        if (x < 0) revert Undefined();
        return y < 0 || y * y > x || (y + 1) * (y + 1) <= x;
    }
}

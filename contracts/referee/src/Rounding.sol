// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cases} from "./Cases.sol";
import {FLOAT32, FLOAT64, INT8, Kind, Operand, UINT8, Undefined} from "./Types.sol";

/// @title Scaling by powers of two, and saturation
library Rounding {
    /// @notice x * 2^exponent to the nearest integer, halves to the even one.
    function scaled(int256 x, int256 exponent) internal pure returns (int256) {
        if (exponent >= 0) {
            if (exponent > 160) revert Undefined();
            return x * int256(uint256(1) << uint256(exponent));
        }
        uint256 shift = uint256(-exponent);
        if (shift > 250) revert Undefined();
        int256 quotient = x >> shift;
        int256 rest = x - (quotient << shift);
        int256 half = int256(uint256(1) << (shift - 1));
        return rest > half || (rest == half && quotient & 1 == 1) ? quotient + 1 : quotient;
    }

    /// @notice Within what the type holds.
    function saturated(int256 x, uint256 dtype) internal pure returns (int256) {
        if (dtype != UINT8 && dtype != INT8) revert Undefined();
        (int256 low, int256 high) = dtype == UINT8 ? (int256(0), int256(255)) : (int256(-128), int256(127));
        return x < low ? low : x > high ? high : x;
    }

    /// @notice The exponent of a scale, a power of two: the one there is, or a column's. It is a constant of the node's leaf.
    function power(Operand memory o, uint256 column) internal pure returns (int256) {
        if (o.kind != Kind.INLINE) revert Undefined();
        uint256 size = Cases.width(o.dtype);
        uint256 word = Cases.bits(o.data, (o.data.length == size ? 0 : column) * size, size);
        if (o.dtype == FLOAT32 && word & 0x807fffff == 0 && word >> 23 > 0 && word >> 23 < 255) {
            return int256(word >> 23) - 127;
        }
        if (o.dtype == FLOAT64 && word & 0x800fffffffffffff == 0 && word >> 52 > 0 && word >> 52 < 2047) {
            return int256(word >> 52) - 1023;
        }
        revert Undefined();
    }
}

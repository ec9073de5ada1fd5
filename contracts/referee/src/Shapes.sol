// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Attributes} from "./Attributes.sol";
import {Axes} from "./Axes.sol";
import {Cases} from "./Cases.sol";
import "./Types.sol";

/// @title Types and shapes of what a node gives; and Shape and Range, whose elements are sizes and steps
/// @dev The specification is `node/themis/exact/referee/shapes.py`.
contract Shapes is IReferee {
    /// @inheritdoc IReferee
    function rule(Roots calldata roots, Proof calldata proof) external pure returns (bool convicted) {
        Case memory c = Cases.open(roots, proof);
        Operand memory claimed = Cases.result(c, c.output);
        if (proof.accusation == Accusation.ELEMENT) {
            return Cases.at(c, claimed, proof.index) != _element(c, proof.index);
        }
        if (proof.accusation != Accusation.KIND) revert Undefined();
        (uint256 dtype, uint256[] memory shape) = c.output == WITNESS ? _witness(c) : _kind(c);
        return dtype != claimed.dtype || keccak256(abi.encode(shape)) != keccak256(abi.encode(claimed.shape));
    }

    function _element(Case memory c, uint256[] memory index) private pure returns (int256) {
        if (c.op == keccak256("Shape")) {
            (uint256 start,) = _span(c);
            return int256(Cases.operand(c, 0).shape[start + index[0]]);
        }
        if (c.op != keccak256("Range")) revert OtherOperator(c.node.op);
        return _value(c, 0) + int256(index[0]) * _value(c, 2);
    }

    function _kind(Case memory c) private pure returns (uint256 dtype, uint256[] memory shape) {
        bytes32 op = c.op;
        if (op == keccak256("Shape")) {
            (uint256 start, uint256 end) = _span(c);
            return (INT64, Axes.one(end - start));
        }
        if (op == keccak256("Concat")) return _joined(c);
        if (op == keccak256("Where")) return (Cases.operand(c, 1).dtype, _broadcast(c));
        Operand memory x = Cases.operand(c, 0);
        (dtype, shape) = (x.dtype, x.shape);
        if (op == keccak256("Equal") || op == keccak256("GreaterOrEqual")) return (BOOL, _broadcast(c));
        if (_is(op, "Add", "Sub", "Mul", "Div") || _is(op, "Mod", "Max", "BitShift", "Max")) {
            return (dtype, _broadcast(c));
        }
        if (_is(op, "Identity", "Clip", "Floor", "Root")) return (dtype, shape);
        if (op == keccak256("Cast")) return (uint256(Attributes.integer(c, "to", 0)), shape);
        if (op == keccak256("QuantizeLinear")) return (Cases.operand(c, 2).dtype, shape);
        if (op == keccak256("DequantizeLinear")) return (Cases.operand(c, 1).dtype, shape);
        if (op == keccak256("Range")) return (dtype, _counted(c));
        if (op == keccak256("TopK")) return (c.output == 0 ? dtype : INT64, _best(c, shape));
        if (_is(op, "MatMul", "MatMulInteger", "QLinearMatMul", "MatMul")) return _product(c, x);
        if (op == keccak256("ReduceSum") || op == keccak256("ReduceMax")) return (dtype, _reduced(c, shape));
        return (dtype, _moved(c, op, shape));
    }

    function _moved(Case memory c, bytes32 op, uint256[] memory shape) private pure returns (uint256[] memory) {
        if (op == keccak256("Reshape")) return _reshaped(c, shape);
        if (op == keccak256("Squeeze")) return _squeezed(c, shape);
        if (op == keccak256("Unsqueeze")) return _unsqueezed(c, shape);
        if (op == keccak256("Transpose")) return _transposed(c, shape);
        if (op == keccak256("GatherElements")) return Cases.operand(c, 1).shape;
        if (op == keccak256("Gather")) {
            uint256 along = Axes.axis(c, 0, shape.length);
            return Axes.spliced(shape, along, along + 1, Cases.operand(c, 1).shape);
        }
        if (op == keccak256("Split")) {
            uint256[] memory sizes = Axes.parts(c);
            if (c.output >= sizes.length) revert Undefined();
            return Axes.moved(shape, Axes.axis(c, 0, shape.length), sizes[c.output]);
        }
        revert OtherOperator(c.node.op);
    }

    /// @dev Of a product the second operand's transpose, of a reduction one element for each step.
    function _witness(Case memory c) private pure returns (uint256, uint256[] memory) {
        if (c.op == keccak256("ReduceSum") || c.op == keccak256("ReduceMax")) {
            Operand memory x = Cases.operand(c, 0);
            uint256 along = Axes.reduced(c, x.shape.length);
            uint256 terms = Axes.step(along, x.shape.length);
            return (x.dtype, Axes.moved(x.shape, along, (x.shape[along] + terms - 1) / terms));
        }
        if (!_is(c.op, "MatMul", "MatMulInteger", "QLinearMatMul", "MatMul")) revert OtherOperator(c.node.op);
        Operand memory b = Cases.operand(c, c.op == keccak256("QLinearMatMul") ? 3 : 1);
        uint256 rank = b.shape.length;
        if (rank < 2) revert Undefined();
        uint256[] memory turned = Cases.copy(b.shape);
        (turned[rank - 2], turned[rank - 1]) = (b.shape[rank - 1], b.shape[rank - 2]);
        return (b.dtype, turned);
    }

    function _broadcast(Case memory c) private pure returns (uint256[] memory shape) {
        shape = Cases.operand(c, 0).shape;
        for (uint256 i = 1; i < c.operands.length; ++i) {
            shape = _together(shape, Cases.operand(c, i).shape);
        }
    }

    function _together(uint256[] memory one, uint256[] memory other) private pure returns (uint256[] memory shape) {
        (uint256[] memory short, uint256[] memory long) = one.length < other.length ? (one, other) : (other, one);
        shape = Cases.copy(long);
        uint256 skipped = long.length - short.length;
        for (uint256 i; i < short.length; ++i) {
            uint256 size = short[i];
            if (shape[skipped + i] == 1) shape[skipped + i] = size;
            else if (size != 1 && size != shape[skipped + i]) revert Undefined();
        }
    }

    function _product(Case memory c, Operand memory a) private pure returns (uint256 dtype, uint256[] memory shape) {
        bool quantized = c.op == keccak256("QLinearMatMul");
        Operand memory b = Cases.operand(c, quantized ? 3 : 1);
        (uint256 rows, uint256 columns) = (a.shape.length, b.shape.length);
        if (rows < 2 || columns < 2 || a.shape[rows - 1] != b.shape[columns - 2]) revert Undefined();
        shape = _together(_front(a.shape), _front(b.shape));
        uint256[] memory matrix = new uint256[](2);
        (matrix[0], matrix[1]) = (a.shape[rows - 2], b.shape[columns - 1]);
        shape = Axes.spliced(shape, shape.length, shape.length, matrix);
        dtype = quantized ? Cases.operand(c, 7).dtype : c.op == keccak256("MatMul") ? a.dtype : INT32;
    }

    function _front(uint256[] memory shape) private pure returns (uint256[] memory) {
        return Axes.spliced(shape, shape.length - 2, shape.length, new uint256[](0));
    }

    function _reduced(Case memory c, uint256[] memory shape) private pure returns (uint256[] memory) {
        uint256 along = Axes.reduced(c, shape.length);
        if (Attributes.integer(c, "keepdims", 1) != 0) return Axes.moved(shape, along, 1);
        return Axes.spliced(shape, along, along + 1, new uint256[](0));
    }

    function _best(Case memory c, uint256[] memory shape) private pure returns (uint256[] memory) {
        uint256 along = Axes.axis(c, -1, shape.length);
        int256 count = _value(c, 1);
        if (count < 0 || count > int256(shape[along])) revert Undefined();
        return Axes.moved(shape, along, uint256(count));
    }

    function _counted(Case memory c) private pure returns (uint256[] memory) {
        int256 span = _value(c, 1) - _value(c, 0);
        int256 step = _value(c, 2);
        if (step == 0) revert Undefined();
        if (step < 0) (span, step) = (-span, -step);
        return Axes.one(span <= 0 ? 0 : uint256((span + step - 1) / step));
    }

    function _joined(Case memory c) private pure returns (uint256 dtype, uint256[] memory shape) {
        Operand memory first = Cases.operand(c, 0);
        (dtype, shape) = (first.dtype, Cases.copy(first.shape));
        uint256 along = Axes.axis(c, 0, shape.length);
        for (uint256 i = 1; i < c.operands.length; ++i) {
            uint256[] memory part = Cases.operand(c, i).shape;
            if (part.length != shape.length) revert Undefined();
            for (uint256 axis; axis < part.length; ++axis) {
                if (axis == along) shape[axis] += part[axis];
                else if (part[axis] != shape[axis]) revert Undefined();
            }
        }
    }

    function _reshaped(Case memory c, uint256[] memory shape) private pure returns (uint256[] memory found) {
        int256[] memory said = Cases.vector(c, Cases.operand(c, 1));
        bool zeroes = Attributes.integer(c, "allowzero", 0) != 0;
        found = new uint256[](said.length);
        (uint256 whole, uint256 known, uint256 open) = (_size(shape), 1, said.length);
        for (uint256 i; i < said.length; ++i) {
            if (said[i] == -1) {
                if (open != said.length) revert Undefined();
                open = i;
                continue;
            }
            if (said[i] < 0 || (said[i] == 0 && !zeroes && i >= shape.length)) revert Undefined();
            found[i] = said[i] == 0 && !zeroes ? shape[i] : uint256(said[i]);
            known *= found[i];
        }
        if (open < said.length) {
            if (known == 0) revert Undefined();
            found[open] = whole / known;
        }
        if (_size(found) != whole) revert Undefined();
    }

    function _squeezed(Case memory c, uint256[] memory shape) private pure returns (uint256[] memory) {
        bool[] memory gone = new bool[](shape.length);
        if (Cases.has(c, 1)) {
            int256[] memory axes = Cases.vector(c, c.operands[1]);
            if (axes.length == 0) revert Undefined();
            for (uint256 i; i < axes.length; ++i) {
                gone[Axes.wrapped(axes[i], shape.length)] = true;
            }
        } else {
            for (uint256 i; i < shape.length; ++i) {
                gone[i] = shape[i] == 1;
            }
        }
        uint256[] memory found = new uint256[](shape.length);
        uint256 count;
        for (uint256 i; i < shape.length; ++i) {
            if (!gone[i]) found[count++] = shape[i];
            else if (shape[i] != 1) revert Undefined();
        }
        return Axes.spliced(found, count, found.length, new uint256[](0));
    }

    function _unsqueezed(Case memory c, uint256[] memory shape) private pure returns (uint256[] memory found) {
        int256[] memory axes = Cases.vector(c, Cases.operand(c, 1));
        found = new uint256[](shape.length + axes.length);
        bool[] memory isNew = new bool[](found.length);
        for (uint256 i; i < axes.length; ++i) {
            uint256 axis = Axes.wrapped(axes[i], found.length);
            if (isNew[axis]) revert Undefined();
            isNew[axis] = true;
        }
        uint256 next;
        for (uint256 i; i < found.length; ++i) {
            found[i] = isNew[i] ? 1 : shape[next++];
        }
    }

    function _transposed(Case memory c, uint256[] memory shape) private pure returns (uint256[] memory found) {
        (bool said, int256[] memory order) = Attributes.integers(c, "perm");
        if (said && order.length != shape.length) revert Undefined();
        found = new uint256[](shape.length);
        bool[] memory used = new bool[](shape.length);
        for (uint256 i; i < found.length; ++i) {
            uint256 axis = said ? Axes.wrapped(order[i], shape.length) : shape.length - 1 - i;
            if (used[axis]) revert Undefined();
            used[axis] = true;
            found[i] = shape[axis];
        }
    }

    /// @dev The axes whose sizes a Shape gives, from `start` to below `end`.
    function _span(Case memory c) private pure returns (uint256 start, uint256 end) {
        uint256 rank = Cases.operand(c, 0).shape.length;
        start = _clamped(Attributes.integer(c, "start", 0), rank);
        end = _clamped(Attributes.integer(c, "end", int256(rank)), rank);
        if (end < start) end = start;
    }

    function _clamped(int256 place, uint256 rank) private pure returns (uint256) {
        if (place < 0) place += int256(rank);
        return place < 0 ? 0 : place > int256(rank) ? rank : uint256(place);
    }

    function _value(Case memory c, uint256 place) private pure returns (int256) {
        return Cases.scalar(c, Cases.operand(c, place));
    }

    function _size(uint256[] memory shape) private pure returns (uint256 size) {
        size = 1;
        for (uint256 i; i < shape.length; ++i) {
            size *= shape[i];
        }
    }

    function _is(bytes32 op, string memory a, string memory b, string memory c, string memory d)
        private
        pure
        returns (bool)
    {
        return op == keccak256(bytes(a)) || op == keccak256(bytes(b)) || op == keccak256(bytes(c))
            || op == keccak256(bytes(d));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Trees} from "./Trees.sol";
import "./Types.sol";

/// @title Opening a case: what is proved of a node, its operands and its results
/// @dev The specification is `node/themis/exact/referee/case.py`.
library Cases {
    uint256 private constant RESULT = 2;
    uint256 private constant WEIGHT = 3;
    uint256 private constant INLINE = 4;
    uint256 private constant LEAF_BYTES = 256;
    uint256 private constant CHUNK_BYTES = 1024;

    /// @notice Check everything that a proof opens. Reverts with BadProof.
    function open(Roots calldata roots, Proof calldata proof) internal pure returns (Case memory c) {
        _require(proof.word >> 248 == RESULT && proof.node.index > 0);
        c.number = proof.word >> 32 & type(uint32).max;
        c.output = proof.word & type(uint32).max;
        _require(c.number + 1 == proof.node.index && Trees.opens(roots.program, proof.node, false));
        c.node = _node(proof.node.leaf);
        c.op = keccak256(bytes(c.node.op));
        _openTensors(c, roots, proof);
        _openLeaves(c, proof.pieces);
        if (proof.root.count > 0) _fuse(c, roots.program, proof.root);
        c.operands = new Operand[](c.node.operands.length);
        for (uint256 i; i < c.operands.length; ++i) {
            c.operands[i] = _operand(c, i);
        }
    }

    /// @notice An operand that must be there.
    function operand(Case memory c, uint256 place) internal pure returns (Operand memory found) {
        if (!has(c, place)) revert Undefined();
        return c.operands[place];
    }

    function has(Case memory c, uint256 place) internal pure returns (bool) {
        return place < c.operands.length && c.operands[place].kind != Kind.ABSENT;
    }

    /// @notice The node's own output or witness, as it is claimed.
    function result(Case memory c, uint256 output) internal pure returns (Operand memory) {
        return _traced(c, RESULT << 248 | c.number << 32 | output);
    }

    /// @notice One element.
    function at(Case memory c, Operand memory o, uint256[] memory index) internal pure returns (int256) {
        uint256 rank = o.shape.length;
        if (index.length != rank) revert Undefined();
        for (uint256 i; i < rank; ++i) {
            if (index[i] >= o.shape[i]) revert Undefined();
        }
        uint256 size = width(o.dtype);
        if (o.kind == Kind.INLINE) return constantAt(o.data, flat(index, o.shape, 0, rank) * size, o.dtype);
        if (o.kind == Kind.TRACED) {
            if (rank == 0) return tracedAt(leaf(c, o.tensor, 0), 0, o.dtype);
            uint256 place = index[rank - 1] * size;
            uint256 row = flat(index, o.shape, 0, rank - 1) * ((o.shape[rank - 1] * size + 255) / LEAF_BYTES);
            return tracedAt(leaf(c, o.tensor, row + place / LEAF_BYTES), place % LEAF_BYTES, o.dtype);
        }
        if (o.kind == Kind.COLUMNS) {
            uint256 column = flat(index, o.shape, 0, rank - 2) * o.shape[rank - 1] + index[rank - 1];
            return constantAt(leaf(c, o.tensor, column), index[rank - 2] * size, o.dtype);
        }
        uint256 rowBytes = size;
        for (uint256 i = 1; i < rank; ++i) {
            rowBytes *= o.shape[i];
        }
        uint256 rows = rowBytes > CHUNK_BYTES || rowBytes == 0 ? 1 : CHUNK_BYTES / rowBytes;
        uint256 first = rank == 0 ? 0 : index[0];
        uint256 offset = (first % rows) * rowBytes + (rank == 0 ? 0 : flat(index, o.shape, 1, rank) * size);
        return constantAt(leaf(c, o.tensor, first / rows), offset, o.dtype);
    }

    /// @notice The only element of a tensor.
    function scalar(Case memory c, Operand memory o) internal pure returns (int256) {
        for (uint256 i; i < o.shape.length; ++i) {
            if (o.shape[i] != 1) revert Undefined();
        }
        return at(c, o, new uint256[](o.shape.length));
    }

    /// @notice All elements of a vector.
    function vector(Case memory c, Operand memory o) internal pure returns (int256[] memory found) {
        if (o.shape.length != 1) revert Undefined();
        return line(c, o, new uint256[](1), 0, 0, o.shape[0]);
    }

    /// @notice `count` elements along an axis, from `first` on; the other places are those of `index`.
    function line(Case memory c, Operand memory o, uint256[] memory index, uint256 axis, uint256 first, uint256 count)
        internal
        pure
        returns (int256[] memory found)
    {
        found = new int256[](count);
        uint256[] memory moving = copy(index);
        if (axis >= moving.length) revert Undefined();
        if (_isStraight(o, axis)) {
            _readStraight(c, o, moving, axis, first, found);
            return found;
        }
        for (uint256 i; i < count; ++i) {
            moving[axis] = first + i;
            found[i] = at(c, o, moving);
        }
    }

    /// @notice How many elements lie before a place, row by row, in the axes from `from` to below `to`.
    function flat(uint256[] memory index, uint256[] memory shape, uint256 from, uint256 to)
        internal
        pure
        returns (uint256 position)
    {
        for (uint256 i = from; i < to; ++i) {
            position = position * shape[i] + index[i];
        }
    }

    function copy(uint256[] memory index) internal pure returns (uint256[] memory other) {
        other = new uint256[](index.length);
        for (uint256 i; i < index.length; ++i) {
            other[i] = index[i];
        }
    }

    /// @notice Bytes of an element.
    function width(uint256 dtype) internal pure returns (uint256) {
        if (dtype == UINT8 || dtype == INT8 || dtype == BOOL) return 1;
        if (dtype == INT32 || dtype == UINT32 || dtype == FLOAT32) return 4;
        if (dtype == INT64 || dtype == FLOAT64) return 8;
        revert Undefined();
    }

    /// @notice The opened leaf of a tensor.
    function leaf(Case memory c, uint256 tensor, uint256 index) internal pure returns (bytes memory) {
        for (uint256 i; i < c.leaves.length; ++i) {
            if (c.leaves[i].tensor == tensor && c.leaves[i].index == index) return c.leaves[i].data;
        }
        revert BadProof();
    }

    /// @notice An element of a trace: big-endian, whatever carries it.
    function tracedAt(bytes memory data, uint256 offset, uint256 dtype) internal pure returns (int256) {
        uint256 size = width(dtype);
        _require(offset + size <= data.length);
        uint256 word;
        assembly ("memory-safe") {
            word := shr(sub(256, shl(3, size)), mload(add(add(data, 32), offset)))
        }
        return _signed(word, size, dtype);
    }

    /// @notice An element of a constant: little-endian, floats as IEEE 754 has them.
    function constantAt(bytes memory data, uint256 offset, uint256 dtype) internal pure returns (int256) {
        uint256 word = bits(data, offset, width(dtype));
        if (dtype == FLOAT32) return _integer(word, 8, 23);
        if (dtype == FLOAT64) return _integer(word, 11, 52);
        return _signed(word, width(dtype), dtype);
    }

    /// @notice Little-endian bytes as a number.
    function bits(bytes memory data, uint256 offset, uint256 size) internal pure returns (uint256 word) {
        _require(offset + size <= data.length);
        for (uint256 i; i < size; ++i) {
            word |= uint256(uint8(data[offset + i])) << (8 * i);
        }
    }

    function _signed(uint256 word, uint256 size, uint256 dtype) private pure returns (int256) {
        if (dtype == UINT8 || dtype == BOOL || dtype == UINT32) return int256(word);
        uint256 shift = 256 - 8 * size;
        return int256(word << shift) >> shift;
    }

    /// @dev A float that is an integer.
    function _integer(uint256 word, uint256 exponentBits, uint256 mantissaBits) private pure returns (int256 value) {
        uint256 exponent = word >> mantissaBits & ((1 << exponentBits) - 1);
        uint256 mantissa = word & ((1 << mantissaBits) - 1);
        if (exponent == 0) {
            if (mantissa != 0) revert Undefined();
            return 0;
        }
        mantissa |= 1 << mantissaBits;
        uint256 one = (1 << (exponentBits - 1)) - 1 + mantissaBits;
        if (exponent >= one) {
            if (exponent - one > 128) revert Undefined();
            value = int256(mantissa << (exponent - one));
        } else {
            uint256 shift = one - exponent;
            if (shift > mantissaBits || mantissa & ((1 << shift) - 1) != 0) revert Undefined();
            value = int256(mantissa >> shift);
        }
        if (word >> (exponentBits + mantissaBits) == 1) value = -value;
    }

    /// @dev Whether elements along the axis lie next to each other in a leaf.
    function _isStraight(Operand memory o, uint256 axis) private pure returns (bool) {
        uint256 rank = o.shape.length;
        return (o.kind == Kind.TRACED && axis + 1 == rank) || (o.kind == Kind.COLUMNS && axis + 2 == rank);
    }

    /// @dev Leaf by leaf: of each the first element checks the place.
    function _readStraight(
        Case memory c,
        Operand memory o,
        uint256[] memory moving,
        uint256 axis,
        uint256 first,
        int256[] memory found
    ) private pure {
        if (first + found.length > o.shape[axis]) revert Undefined();
        uint256 size = width(o.dtype);
        for (uint256 begun; begun < found.length;) {
            moving[axis] = first + begun;
            found[begun] = at(c, o, moving);
            begun = _fill(found, begun, first, o, size, _leafOf(c, o, moving));
        }
    }

    /// @dev The elements from `begun` on that are in this leaf; returns how far it came.
    function _fill(
        int256[] memory found,
        uint256 begun,
        uint256 first,
        Operand memory o,
        uint256 size,
        bytes memory data
    ) private pure returns (uint256 next) {
        next = found.length;
        if (o.kind == Kind.TRACED) {
            uint256 end = begun + (LEAF_BYTES - (first + begun) * size % LEAF_BYTES) / size;
            if (end < next) next = end;
        }
        uint256 place = (first + begun) * size;
        if (o.kind == Kind.TRACED) place %= LEAF_BYTES;
        if (o.kind == Kind.TRACED || size == 1) {
            _copy(found, begun, next, data, place, o.dtype);
            return next;
        }
        for (uint256 i = begun; i < next; ++i) {
            found[i] = constantAt(data, place + (i - begun) * size, o.dtype);
        }
    }

    /// @dev As `tracedAt` of each: a product has hundreds of them.
    function _copy(int256[] memory found, uint256 begun, uint256 next, bytes memory data, uint256 place, uint256 dtype)
        private
        pure
    {
        uint256 size = width(dtype);
        _require(place + (next - begun) * size <= data.length);
        bool isSigned = !(dtype == UINT8 || dtype == BOOL || dtype == UINT32);
        assembly ("memory-safe") {
            let from := add(add(data, 32), place)
            let to := add(add(found, 32), shl(5, begun))
            let end := add(add(found, 32), shl(5, next))
            let shift := sub(256, shl(3, size))
            switch isSigned
            case 0 {
                for {} lt(to, end) { to := add(to, 32) } {
                    mstore(to, shr(shift, mload(from)))
                    from := add(from, size)
                }
            }
            default {
                for {} lt(to, end) { to := add(to, 32) } {
                    mstore(to, sar(shift, mload(from)))
                    from := add(from, size)
                }
            }
        }
    }

    function _leafOf(Case memory c, Operand memory o, uint256[] memory index) private pure returns (bytes memory) {
        uint256 rank = o.shape.length;
        if (o.kind == Kind.COLUMNS) {
            return leaf(c, o.tensor, flat(index, o.shape, 0, rank - 2) * o.shape[rank - 1] + index[rank - 1]);
        }
        uint256 size = width(o.dtype);
        uint256 row = flat(index, o.shape, 0, rank - 1) * ((o.shape[rank - 1] * size + 255) / LEAF_BYTES);
        return leaf(c, o.tensor, row + index[rank - 1] * size / LEAF_BYTES);
    }

    function _node(bytes calldata said) private pure returns (Node memory n) {
        (n.op, n.operands, n.constants, n.attributes, n.outputs) =
            abi.decode(said, (string, bytes32[], bytes[], string[], uint256));
    }

    function _openTensors(Case memory c, Roots calldata roots, Proof calldata proof) private pure {
        c.traced = proof.headers.length;
        c.tensors = new Tensor[](c.traced + proof.weights.length);
        Trees.Path path;
        for (uint256 i; i < c.traced; ++i) {
            Opening calldata opening = proof.headers[i];
            path = _joined(path, roots.trace, opening, true);
            Tensor memory t = c.tensors[i];
            (t.word, t.dtype, t.shape, t.root) = abi.decode(opening.leaf, (uint256, uint256, uint256[], bytes32));
        }
        path = Trees.Path.wrap(0);
        for (uint256 i; i < proof.weights.length; ++i) {
            Opening calldata opening = proof.weights[i];
            path = _joined(path, roots.weights, opening, false);
            Tensor memory t = c.tensors[c.traced + i];
            t.word = WEIGHT << 248 | opening.index;
            (t.dtype, t.shape, t.root) = abi.decode(opening.leaf, (uint256, uint256[], bytes32));
        }
    }

    function _openLeaves(Case memory c, Piece[] calldata pieces) private pure {
        c.leaves = new Leaf[](pieces.length);
        Trees.Path path;
        uint256 last = type(uint256).max;
        for (uint256 i; i < pieces.length; ++i) {
            Piece calldata piece = pieces[i];
            Opening calldata opening = piece.opening;
            uint256 tensor = piece.tensor;
            _require(tensor < c.tensors.length);
            if (tensor != last) (path, last) = (Trees.Path.wrap(0), tensor);
            path = _joined(path, c.tensors[tensor].root, opening, tensor < c.traced);
            Leaf memory leaf_ = c.leaves[i];
            (leaf_.tensor, leaf_.index, leaf_.data) = (tensor, opening.index, opening.leaf);
        }
    }

    function _joined(Trees.Path last, bytes32 root, Opening calldata opening, bool sha)
        private
        pure
        returns (Trees.Path path)
    {
        path = Trees.joins(last, root, opening, sha);
        _require(Trees.Path.unwrap(path) != 0);
    }

    /// @dev Floor of a Sqrt is one operator: the square root of an integer, rounded down.
    function _fuse(Case memory c, bytes32 program, Opening calldata opening) private pure {
        uint256 word = uint256(c.node.operands[0]);
        Node memory root = _node(opening.leaf);
        _require(c.op == keccak256("Floor") && keccak256(bytes(root.op)) == keccak256("Sqrt"));
        _require(word >> 248 == RESULT && (word >> 32 & type(uint32).max) + 1 == opening.index);
        _require(Trees.opens(program, opening, false));
        (c.op, c.node.operands, c.node.constants) = (keccak256("Root"), root.operands, root.constants);
    }

    function _operand(Case memory c, uint256 place) private pure returns (Operand memory o) {
        uint256 word = uint256(c.node.operands[place]);
        uint256 kind = word >> 248;
        if (kind == 0) return o;
        if (kind == INLINE) {
            o.kind = Kind.INLINE;
            (o.dtype, o.shape, o.data) =
                abi.decode(c.node.constants[word & type(uint32).max], (uint256, uint256[], bytes));
            return o;
        }
        if (kind != WEIGHT) return _traced(c, word);
        o = _find(c, word);
        bool gemm =
            (c.op == keccak256("MatMulInteger") && place == 1) || (c.op == keccak256("QLinearMatMul") && place == 3);
        o.kind = gemm && o.shape.length > 1 ? Kind.COLUMNS : Kind.ROWS;
    }

    function _traced(Case memory c, uint256 word) private pure returns (Operand memory o) {
        o = _find(c, word);
        o.kind = Kind.TRACED;
    }

    function _find(Case memory c, uint256 word) private pure returns (Operand memory o) {
        for (uint256 i; i < c.tensors.length; ++i) {
            if (c.tensors[i].word == word) {
                (o.tensor, o.dtype, o.shape) = (i, c.tensors[i].dtype, c.tensors[i].shape);
                return o;
            }
        }
        revert BadProof();
    }

    function _require(bool fine) private pure {
        if (!fine) revert BadProof();
    }
}

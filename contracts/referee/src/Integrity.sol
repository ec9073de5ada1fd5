// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Trees} from "./Trees.sol";
import {BadProof, Opening, Roots, Undefined, WITNESS} from "./Types.sol";

/// @title Whether what is committed to is a trace at all: every leaf of its form, words rising, tensors that are there and whole
/// @notice Each function says whether the accused is convicted. They revert with BadProof for what does not lead to the roots, and
/// with Undefined where the fault is another one: a neighbor that is no header, a leaf of the program that does not name the tensor.
/// @dev The specification is `node/themis/exact/referee/integrity.py`.
contract Integrity {
    uint256 private constant INPUT = 1;
    uint256 private constant RESULT = 2;
    uint256 private constant LEAF_BYTES = 256;

    struct Head {
        uint256 word;
        uint256 elementBytes;
        uint256[] shape;
        bytes32 root;
    }

    /// @notice A leaf of the trace is no header.
    function unread(Roots calldata roots, Opening calldata header) external pure returns (bool) {
        _require(Trees.opens(roots.trace, header, true));
        (bool isHeader,) = _read(header.leaf);
        return !isHeader;
    }

    /// @notice The words of two neighbors do not rise.
    function unordered(Roots calldata roots, Opening calldata left, Opening calldata right)
        external
        pure
        returns (bool)
    {
        _require(left.index + 1 == right.index);
        return _head(roots, left).word >= _head(roots, right).word;
    }

    /// @notice A tensor has more or fewer leaves than its shape says, or one of another length.
    function misfit(Roots calldata roots, Opening calldata header, Opening calldata leaf) external pure returns (bool) {
        Head memory head = _head(roots, header);
        _require(Trees.opens(head.root, leaf, true));
        uint256 rank = head.shape.length;
        uint256 rows = 1;
        for (uint256 i; i + 1 < rank; ++i) {
            rows *= head.shape[i];
        }
        uint256 rowBytes = head.elementBytes * (rank == 0 ? 1 : head.shape[rank - 1]);
        uint256 perRow = (rowBytes + LEAF_BYTES - 1) / LEAF_BYTES;
        if (rows * perRow == 0) return leaf.count != 1 || leaf.leaf.length != 0;
        uint256 left = rowBytes - LEAF_BYTES * (leaf.index % perRow);
        return leaf.count != rows * perRow || leaf.leaf.length != (left < LEAF_BYTES ? left : LEAF_BYTES);
    }

    /// @notice A tensor that a leaf of the program names is not where it would lie.
    /// @param place Of the operand that names it, or of the graph's output for leaf 0.
    /// @param neighbors The two between which it would lie; or the first or last, before or behind which.
    function missing(
        Roots calldata roots,
        uint256 word,
        Opening calldata said,
        uint256 place,
        Opening[] calldata neighbors
    ) external pure returns (bool) {
        _require(Trees.opens(roots.program, said, false));
        uint256 first = _head(roots, neighbors[0]).word;
        bool between;
        uint256 before;
        if (neighbors.length == 2) {
            _require(neighbors[0].index + 1 == neighbors[1].index);
            (between, before) = (first < word && word < _head(roots, neighbors[1]).word, first);
        } else {
            bool isLast = neighbors[0].index + 1 == neighbors[0].count && first < word;
            _require(neighbors.length == 1 && (isLast || neighbors[0].index == 0));
            (between, before) = isLast ? (true, first) : (word < first, 0);
        }
        bool named = said.index == 0 ? _ofGraph(word, said.leaf, place) : _ofNode(word, said, place, before);
        if (!named) revert Undefined();
        return between;
    }

    /// @dev An output of the graph, or one of its inputs: a trace has all of these.
    function _ofGraph(uint256 word, bytes calldata leaf, uint256 place) private pure returns (bool) {
        (, string[] memory inputs,,, bytes32[] memory sources) =
            abi.decode(leaf, (string[], string[], string[], string[], bytes32[]));
        if (word >> 248 == INPUT) return word & ((1 << 248) - 1) < inputs.length;
        return word >> 248 == RESULT && place < sources.length && uint256(sources[place]) == word;
    }

    /// @dev What a node reads, its witness, or a TopK's indices whose values are there. What Floor reads may be a root, which no trace
    /// has.
    function _ofNode(uint256 word, Opening calldata said, uint256 place, uint256 before) private pure returns (bool) {
        (string memory name, bytes32[] memory operands,,,) =
            abi.decode(said.leaf, (string, bytes32[], bytes[], string[], uint256));
        bytes32 op = keccak256(bytes(name));
        uint256 own = RESULT << 248 | (said.index - 1) << 32;
        if (word == own | WITNESS) {
            if (op == keccak256("ReduceSum") || op == keccak256("ReduceMax")) return true;
            uint256 second = op == keccak256("QLinearMatMul") ? 3 : 1;
            if (second == 1 && op != keccak256("MatMul") && op != keccak256("MatMulInteger")) return false;
            return uint256(operands[second]) >> 248 == INPUT || uint256(operands[second]) >> 248 == RESULT;
        }
        if (word == own | 1 && before == own && op == keccak256("TopK")) return true;
        if (place >= operands.length || uint256(operands[place]) != word) return false;
        return word >> 248 == INPUT || (word >> 248 == RESULT && op != keccak256("Floor"));
    }

    function _head(Roots calldata roots, Opening calldata header) private pure returns (Head memory head) {
        _require(Trees.opens(roots.trace, header, true));
        bool isHeader;
        (isHeader, head) = _read(header.leaf);
        if (!isHeader) revert Undefined();
    }

    /// @dev abi.encode(uint256 word, uint256 dtype, uint256[] shape, bytes32 root) in its one form; nothing reverts here.
    function _read(bytes calldata leaf) private pure returns (bool, Head memory head) {
        if (leaf.length % 32 != 0 || leaf.length < 160) return (false, head);
        uint256 rank = leaf.length / 32 - 5;
        head.word = uint256(bytes32(leaf[0:32]));
        head.elementBytes = _elementBytes(uint256(bytes32(leaf[32:64])));
        head.root = bytes32(leaf[96:128]);
        bool fits = head.word >> 248 == INPUT || head.word >> 248 == RESULT;
        fits = fits && head.elementBytes > 0 && uint256(bytes32(leaf[64:96])) == 128;
        if (!fits || uint256(bytes32(leaf[128:160])) != rank) return (false, head);
        head.shape = new uint256[](rank);
        for (uint256 i; i < rank; ++i) {
            head.shape[i] = uint256(bytes32(leaf[160 + 32 * i:192 + 32 * i]));
            if (head.shape[i] > type(uint32).max) return (false, head);
        }
        return (true, head);
    }

    /// @dev By ONNX's number of a type; 0 for one that no trace has.
    function _elementBytes(uint256 dtype) private pure returns (uint256) {
        if (dtype == 2 || dtype == 3 || dtype == 9) return 1;
        if (dtype == 1 || dtype == 6 || dtype == 12) return 4;
        return dtype == 7 || dtype == 11 ? 8 : 0;
    }

    function _require(bool fine) private pure {
        if (!fine) revert BadProof();
    }
}

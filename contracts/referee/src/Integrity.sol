// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Trees} from "./Trees.sol";
import {BadProof, Opening, Roots, Undefined, WITNESS} from "./Types.sol";

/// @title Whether what is committed to is a trace at all: every leaf of its form, words rising, tensors whole, and those of the program
/// @notice Each function says whether the accused is convicted. They revert with BadProof for what does not lead to the roots, and
/// with Undefined where the fault is another one: a neighbor that is no header, a leaf of the program that does not give the tensor.
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

    /// @notice A tensor that a leaf of the program gives is not where it would lie.
    /// @param neighbors The two between which it would lie; or the first or last, before or behind which.
    function missing(Roots calldata roots, uint256 word, Opening calldata said, Opening[] calldata neighbors)
        external
        pure
        returns (bool)
    {
        _require(Trees.opens(roots.program, said, false));
        if (!_gives(said, word)) revert Undefined();
        uint256 first = _head(roots, neighbors[0]).word;
        if (neighbors.length == 2) {
            _require(neighbors[0].index + 1 == neighbors[1].index);
            return first < word && word < _head(roots, neighbors[1]).word;
        }
        bool isLast = neighbors[0].index + 1 == neighbors[0].count && first < word;
        _require(neighbors.length == 1 && (isLast || neighbors[0].index == 0));
        return isLast || word < first;
    }

    /// @notice A tensor is none that the program gives.
    /// @param said The leaf of the program that would give it; any, where the program has no such node.
    function surplus(Roots calldata roots, Opening calldata header, Opening calldata said)
        external
        pure
        returns (bool)
    {
        _require(Trees.opens(roots.program, said, false));
        uint256 word = _head(roots, header).word;
        uint256 number = word >> 248 == INPUT ? 0 : (word >> 32 & type(uint32).max) + 1;
        if (number >= said.count) return true;
        if (number != said.index) revert Undefined();
        return !_gives(said, word);
    }

    /// @dev Whether the graph has such an input, or the node such an output or witness; of a root there is no trace.
    function _gives(Opening calldata said, uint256 word) private pure returns (bool) {
        if (said.index == 0) {
            (, string[] memory inputs,,,) = abi.decode(said.leaf, (string[], string[], string[], string[], bytes32[]));
            return word >> 248 == INPUT && word & ((1 << 248) - 1) < inputs.length;
        }
        (string memory name, bytes32[] memory operands,,, uint256 outputs) =
            abi.decode(said.leaf, (string, bytes32[], bytes[], string[], uint256));
        bytes32 op = keccak256(bytes(name));
        uint256 own = RESULT << 248 | (said.index - 1) << 32;
        if (word == own | WITNESS) {
            if (op == keccak256("ReduceSum") || op == keccak256("ReduceMax")) return true;
            uint256 second = op == keccak256("QLinearMatMul") ? 3 : 1;
            if (second == 1 && op != keccak256("MatMul") && op != keccak256("MatMulInteger")) return false;
            return uint256(operands[second]) >> 248 == INPUT || uint256(operands[second]) >> 248 == RESULT;
        }
        return word >= own && word - own < outputs && op != keccak256("Sqrt");
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

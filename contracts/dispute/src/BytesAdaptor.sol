// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Trees} from "../../referee/src/Trees.sol";
import {BadProof, Opening, Roots, Undefined} from "../../referee/src/Types.sol";
import {IAdaptor, Link} from "./interfaces/IAdaptor.sol";

/// @title Models that read bytes: preprocessing `bytes/1`
/// @notice Each byte is a token, each pair of neighbors a bucket; an answer is the graph's scores in two bytes each, big-endian.
/// @dev The specification is `node/themis/engine/preprocess.py`, `batch.py` and `exact/selftest.py`, for one request alone.
contract BytesAdaptor is IAdaptor {
    uint256 private constant MOST_BYTES = 256;
    uint256 private constant BUCKETS = 64;
    uint256 private constant INPUT = 1;
    uint256 private constant LEAF_BYTES = 256;

    /// @dev A header, and the place that one of its elements has.
    struct Tensor {
        uint256 word;
        uint256 dtype;
        uint256[] shape;
        bytes32 root;
    }

    /// @inheritdoc IAdaptor
    string public constant preprocessing = "bytes/1";

    /// @inheritdoc IAdaptor
    function refutesInput(Roots calldata roots, bytes calldata input, Link calldata link) external pure returns (bool) {
        if (input.length == 0 || input.length > MOST_BYTES) return true;
        Tensor memory tensor = _header(roots, link);
        (, string[] memory inputs,,,) = _interface(roots, link.interface_);
        uint256 place = tensor.word & type(uint248).max;
        if (tensor.word >> 248 != INPUT || place >= inputs.length) revert Undefined();
        (bytes32 name, uint256 dtype) = _said(bytes(inputs[place]));
        if (tensor.dtype != dtype || !_fits(name, tensor.shape, input.length)) return true;
        (uint256 position, int256 found) = _element(tensor, link);
        return found != _expected(name, input, position);
    }

    /// @inheritdoc IAdaptor
    function refutesOutput(Roots calldata roots, bytes32, bytes calldata output, Link calldata link)
        external
        pure
        returns (bool)
    {
        Tensor memory tensor = _header(roots, link);
        (,,,, bytes32[] memory sources) = _interface(roots, link.interface_);
        if (sources.length != 1 || uint256(sources[0]) != tensor.word || tensor.shape.length != 2) revert Undefined();
        if (tensor.shape[0] != 1) revert Undefined();
        if (output.length != 2 * tensor.shape[1]) return true;
        (uint256 position, int256 found) = _element(tensor, link);
        if (position >= tensor.shape[1]) revert BadProof();
        return uint16(bytes2(output[2 * position:2 * position + 2])) != uint16(uint256(found));
    }

    /// @dev The shape of an input, of so many bytes: one sequence of so many tokens.
    function _fits(bytes32 name, uint256[] memory shape, uint256 size) private pure returns (bool) {
        if (name == keccak256("grams")) return shape.length == 2 && shape[0] == size && shape[1] == 1;
        if (name == keccak256("slot")) return shape.length == 2 && shape[0] == 1 && shape[1] == size;
        if (name == keccak256("owner")) return shape.length == 1 && shape[0] == 1;
        return shape.length == 1 && shape[0] == size;
    }

    function _expected(bytes32 name, bytes calldata input, uint256 position) private pure returns (int256) {
        if (name == keccak256("first") || name == keccak256("owner")) return 0;
        if (position >= input.length) revert BadProof();
        if (name == keccak256("place") || name == keccak256("slot")) return int256(position);
        uint256 token = uint8(input[position]);
        if (name == keccak256("tokens")) return int256(token);
        if (name != keccak256("grams")) revert Undefined();
        uint256 before = position == 0 ? 0 : uint8(input[position - 1]);
        return int256((31 * before + token) % BUCKETS);
    }

    /// @dev An element of the leaf that is opened, and how many lie before it in the tensor.
    function _element(Tensor memory tensor, Link calldata link) private pure returns (uint256 position, int256 found) {
        if (!Trees.opens(tensor.root, link.piece, true)) revert BadProof();
        uint256 size = _width(tensor.dtype);
        uint256 row = tensor.shape[tensor.shape.length - 1];
        if (row == 0) revert Undefined();
        uint256 leavesARow = (row * size + LEAF_BYTES - 1) / LEAF_BYTES;
        uint256 index = link.piece.index;
        position = (index / leavesARow) * row + (index % leavesARow) * (LEAF_BYTES / size) + link.element;
        bytes calldata leaf = link.piece.leaf;
        if ((link.element + 1) * size > leaf.length) revert BadProof();
        uint256 word = uint256(bytes32(leaf[link.element * size:]));
        found = int256(word) >> (256 - 8 * size);
    }

    /// @dev Signed types alone: inputs are int64, scores int32.
    function _width(uint256 dtype) private pure returns (uint256) {
        if (dtype == 6) return 4;
        if (dtype == 7) return 8;
        revert Undefined();
    }

    function _header(Roots calldata roots, Link calldata link) private pure returns (Tensor memory tensor) {
        if (!Trees.opens(roots.trace, link.header, true)) revert BadProof();
        (tensor.word, tensor.dtype, tensor.shape, tensor.root) =
            abi.decode(link.header.leaf, (uint256, uint256, uint256[], bytes32));
    }

    function _interface(Roots calldata roots, Opening calldata said)
        private
        pure
        returns (string[] memory, string[] memory, string[] memory, string[] memory, bytes32[] memory)
    {
        if (said.index != 0 || !Trees.opens(roots.program, said, false)) revert BadProof();
        return abi.decode(said.leaf, (string[], string[], string[], string[], bytes32[]));
    }

    /// @dev Name and type of an input, written `name:type:shape:range`.
    function _said(bytes memory text) private pure returns (bytes32 name, uint256 dtype) {
        uint256 end;
        while (end < text.length && text[end] != ":") ++end;
        bytes memory first = new bytes(end);
        for (uint256 i; i < end; ++i) {
            first[i] = text[i];
        }
        name = keccak256(first);
        for (uint256 i = end + 1; i < text.length && text[i] != ":"; ++i) {
            dtype = dtype * 10 + (uint8(text[i]) - 48);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cases} from "../../referee/src/Cases.sol";
import {Trees} from "../../referee/src/Trees.sol";
import {BadProof, Leaf, Opening, Piece, Roots, Tensor, Undefined} from "../../referee/src/Types.sol";
import {Link} from "./interfaces/IAdaptor.sol";

/// @title Opening what an adaptor looks at
/// @dev The specification is `node/themis/dispute/adaptors/links.py`.
library Links {
    uint256 internal constant INPUT = 1;
    uint256 private constant LEAF_BYTES = 256;

    /// @notice What the program says of its ends, and the tensors and leaves that are opened.
    struct Shown {
        string[] inputs; // each `name:type:shape`, and `:low..high` where a range is declared
        string[] extents; // each `name=most`
        bytes32[] sources; // words of the outputs
        Tensor[] tensors;
        Leaf[] leaves;
    }

    /// @notice Check everything that is opened. Reverts with BadProof.
    function open(Roots calldata roots, Link calldata link) internal pure returns (Shown memory shown) {
        Opening calldata said = link.interface_;
        if (said.index != 0 || !Trees.opens(roots.program, said, false)) revert BadProof();
        (, shown.inputs, shown.extents,, shown.sources) =
            abi.decode(said.leaf, (string[], string[], string[], string[], bytes32[]));
        shown.tensors = new Tensor[](link.headers.length);
        Trees.Path path;
        for (uint256 i; i < link.headers.length; ++i) {
            Opening calldata header = link.headers[i];
            path = _joined(path, roots.trace, header);
            Tensor memory t = shown.tensors[i];
            (t.word, t.dtype, t.shape, t.root) = abi.decode(header.leaf, (uint256, uint256, uint256[], bytes32));
        }
        _openLeaves(shown, link.pieces);
    }

    /// @notice A tensor whose header is opened.
    function find(Shown memory shown, uint256 word) internal pure returns (Tensor memory) {
        return shown.tensors[_place(shown, word)];
    }

    /// @notice One element of a tensor by its place, row by row.
    function at(Shown memory shown, uint256 word, uint256 element) internal pure returns (int256) {
        uint256 place = _place(shown, word);
        Tensor memory t = shown.tensors[place];
        uint256 size = Cases.width(t.dtype);
        if (element >= elements(t.shape)) revert Undefined();
        uint256 row = t.shape.length == 0 ? 1 : t.shape[t.shape.length - 1];
        uint256 offset = (element % row) * size;
        uint256 leaf = (element / row) * ((row * size + LEAF_BYTES - 1) / LEAF_BYTES) + offset / LEAF_BYTES;
        for (uint256 i; i < shown.leaves.length; ++i) {
            if (shown.leaves[i].tensor == place && shown.leaves[i].index == leaf) {
                return Cases.tracedAt(shown.leaves[i].data, offset % LEAF_BYTES, t.dtype);
            }
        }
        revert BadProof();
    }

    function elements(uint256[] memory shape) internal pure returns (uint256 count) {
        count = 1;
        for (uint256 i; i < shape.length; ++i) {
            count *= shape[i];
        }
    }

    /// @notice Which of the graph's inputs a word names.
    function input(Shown memory shown, uint256 word) internal pure returns (uint256 place) {
        place = word & type(uint248).max;
        if (word >> 248 != INPUT || place >= shown.inputs.length) revert Undefined();
    }

    /// @notice Hash of an input's name, and its type.
    function named(string memory said) internal pure returns (bytes32 name, uint256 dtype) {
        bytes memory text = bytes(said);
        uint256 end;
        while (end < text.length && text[end] != ":") ++end;
        assembly ("memory-safe") {
            name := keccak256(add(text, 32), end)
        }
        for (++end; end < text.length && text[end] != ":"; ++end) {
            dtype = dtype * 10 + (uint8(text[end]) - 48);
        }
    }

    function _place(Shown memory shown, uint256 word) private pure returns (uint256) {
        for (uint256 i; i < shown.tensors.length; ++i) {
            if (shown.tensors[i].word == word) return i;
        }
        revert BadProof();
    }

    function _openLeaves(Shown memory shown, Piece[] calldata pieces) private pure {
        shown.leaves = new Leaf[](pieces.length);
        Trees.Path path;
        uint256 last = type(uint256).max;
        for (uint256 i; i < pieces.length; ++i) {
            Piece calldata piece = pieces[i];
            if (piece.tensor >= shown.tensors.length) revert BadProof();
            if (piece.tensor != last) (path, last) = (Trees.Path.wrap(0), piece.tensor);
            path = _joined(path, shown.tensors[last].root, piece.opening);
            Leaf memory leaf = shown.leaves[i];
            (leaf.tensor, leaf.index, leaf.data) = (last, piece.opening.index, piece.opening.leaf);
        }
    }

    function _joined(Trees.Path last, bytes32 root, Opening calldata opening) private pure returns (Trees.Path path) {
        path = Trees.joins(last, root, opening, true);
        if (Trees.Path.unwrap(path) == 0) revert BadProof();
    }
}

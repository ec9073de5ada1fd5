// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Roots, Tensor, Undefined} from "../../referee/src/Types.sol";
import {Links} from "./Links.sol";
import {IAdaptor, Link} from "./interfaces/IAdaptor.sol";

/// @title Models that read bytes: preprocessing `bytes/1`
/// @notice Each byte is a token, each pair of neighbors a bucket; an answer is the graph's scores in two bytes each, big-endian.
/// @dev The specification is `node/themis/dispute/adaptors/plain.py`, for one request alone.
contract BytesAdaptor is IAdaptor {
    uint256 private constant MOST_BYTES = 256;
    uint256 private constant BUCKETS = 64;

    /// @inheritdoc IAdaptor
    string public constant preprocessing = "bytes/1";

    /// @inheritdoc IAdaptor
    function refutesInput(Roots calldata roots, bytes calldata input, Link calldata link) external pure returns (bool) {
        if (input.length == 0 || input.length > MOST_BYTES) return true;
        Links.Shown memory shown = Links.open(roots, link);
        Tensor memory tensor = Links.find(shown, link.word);
        (bytes32 name, uint256 dtype) = Links.named(shown.inputs[Links.input(shown, link.word)]);
        if (tensor.dtype != dtype || !_fits(name, tensor.shape, input.length)) return true;
        if (link.whole) return false;
        int256 found = Links.at(shown, link.word, link.element);
        return found != _expected(name, input, link.element);
    }

    /// @inheritdoc IAdaptor
    function refutesOutput(Roots calldata roots, bytes32, bytes32, bytes calldata output, Link calldata link)
        external
        pure
        returns (bool)
    {
        Links.Shown memory shown = Links.open(roots, link);
        Tensor memory tensor = Links.find(shown, link.word);
        bool isOutput = shown.sources.length == 1 && uint256(shown.sources[0]) == link.word;
        if (!isOutput || tensor.shape.length != 2 || tensor.shape[0] != 1) revert Undefined();
        if (output.length != 2 * tensor.shape[1]) return true;
        if (link.whole) return false;
        int256 found = Links.at(shown, link.word, link.element);
        return uint16(bytes2(output[2 * link.element:2 * link.element + 2])) != uint16(uint256(found));
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
        if (name == keccak256("place") || name == keccak256("slot")) return int256(position);
        uint256 token = uint8(input[position]);
        if (name == keccak256("tokens")) return int256(token);
        if (name != keccak256("grams")) revert Undefined();
        uint256 before = position == 0 ? 0 : uint8(input[position - 1]);
        return int256((31 * before + token) % BUCKETS);
    }
}

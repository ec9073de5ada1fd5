// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cases} from "../../referee/src/Cases.sol";
import {BOOL, FLOAT32, FLOAT64, Roots, Tensor, UINT32, UINT8, Undefined} from "../../referee/src/Types.sol";
import {Links} from "./Links.sol";
import {IAdaptor, Link} from "./interfaces/IAdaptor.sol";

/// @title Models that read tensors: preprocessing `tensors/1`
/// @notice A request is a uint32 for each named size, then each input's elements; an answer each output's elements; big-endian, without
/// gaps, what floats carry in four bytes. Everything is decided: what the model refuses (lengths, sizes, ranges), inputs and outputs.
/// @dev The specification is `node/themis/dispute/adaptors/tensor.py`. Not for models whose answers begin with sizes, or whose floats
/// travel in steps other than one: `themis models check` says so.
contract TensorAdaptor is IAdaptor {
    uint256 private constant SIZE_BYTES = 4;

    /// @dev An input as the program says it, its sizes and place as the request does.
    struct Said {
        bytes32 name;
        uint256 dtype;
        uint256[] shape;
        bool ranged;
        int256 low;
        int256 high;
        uint256 offset;
    }

    /// @dev Sizes that inputs name, in the order in which they do so first.
    struct Sizes {
        uint256 count;
        bytes32[] names;
        uint256[] values;
    }

    /// @inheritdoc IAdaptor
    string public constant preprocessing = "tensors/1";

    /// @inheritdoc IAdaptor
    function refutesInput(Roots calldata roots, bytes calldata input, Link calldata link) external pure returns (bool) {
        Links.Shown memory shown = Links.open(roots, link);
        (bool fits, Said[] memory inputs) = _read(shown, input);
        if (!fits) return true;
        Said memory said = inputs[Links.input(shown, link.word)];
        int256 value;
        if (!link.whole) {
            if (link.element >= Links.elements(said.shape)) revert Undefined();
            value = _value(input, said.offset + link.element * _width(said.dtype), said.dtype);
            if (said.ranged && (value < said.low || value > said.high)) return true;
            if (said.dtype == BOOL && value > 1) return true;
            if (link.headers.length == 0) return false;
        }
        Tensor memory tensor = Links.find(shown, link.word);
        if (tensor.dtype != said.dtype || !_isSame(tensor.shape, said.shape)) return true;
        return !link.whole && Links.at(shown, link.word, link.element) != value;
    }

    /// @inheritdoc IAdaptor
    function refutesOutput(Roots calldata roots, bytes32, bytes32, bytes calldata output, Link calldata link)
        external
        pure
        returns (bool)
    {
        Links.Shown memory shown = Links.open(roots, link);
        uint256 length;
        uint256 offset = type(uint256).max;
        uint256 dtype;
        for (uint256 i; i < shown.sources.length; ++i) {
            uint256 word = uint256(shown.sources[i]);
            Tensor memory tensor = Links.find(shown, word);
            if (word == link.word && offset == type(uint256).max) (offset, dtype) = (length, tensor.dtype);
            length += Links.elements(tensor.shape) * _width(tensor.dtype);
        }
        if (output.length != length) return true;
        if (offset == type(uint256).max) revert Undefined();
        if (link.whole) return false;
        int256 found = Links.at(shown, link.word, link.element);
        return _value(output, offset + link.element * _width(dtype), dtype) != found;
    }

    /// @dev The inputs; false where the model refuses a request of this length or these sizes.
    function _read(Links.Shown memory shown, bytes calldata input) private pure returns (bool, Said[] memory inputs) {
        inputs = new Said[](shown.inputs.length);
        Sizes memory sizes = Sizes(0, new bytes32[](64), new uint256[](64));
        bytes[] memory shapes = new bytes[](inputs.length);
        for (uint256 i; i < inputs.length; ++i) {
            shapes[i] = _parse(bytes(shown.inputs[i]), inputs[i]);
            _collect(sizes, shapes[i]);
        }
        uint256 offset = sizes.count * SIZE_BYTES;
        if (input.length < offset) return (false, inputs);
        for (uint256 i; i < sizes.count; ++i) {
            uint256 size = uint32(bytes4(input[i * SIZE_BYTES:(i + 1) * SIZE_BYTES]));
            if (size == 0 || size > _most(shown.extents, sizes.names[i])) return (false, inputs);
            sizes.values[i] = size;
        }
        for (uint256 i; i < inputs.length; ++i) {
            inputs[i].offset = offset;
            inputs[i].shape = _sized(sizes, shapes[i]);
            offset += Links.elements(inputs[i].shape) * _width(inputs[i].dtype);
        }
        return (input.length == offset, inputs);
    }

    /// @dev `name:type:shape` with `:low..high` or without. Returns the shape's text.
    function _parse(bytes memory text, Said memory said) private pure returns (bytes memory shape) {
        (said.name, said.dtype) = Links.named(string(text));
        uint256 from = _next(text, _next(text, 0, ":") + 1, ":") + 1;
        uint256 to = _next(text, from, ":");
        shape = _part(text, from, to);
        if (to == text.length) return shape;
        said.ranged = true;
        uint256 dots = _next(text, to + 1, ".");
        said.low = _integer(_part(text, to + 1, dots));
        said.high = _integer(_part(text, dots + 2, text.length));
    }

    function _collect(Sizes memory sizes, bytes memory shape) private pure {
        for (uint256 from; from < shape.length;) {
            uint256 to = _next(shape, from, ",");
            if (!_isDigit(shape[from]) && _find(sizes, keccak256(_part(shape, from, to))) == sizes.count) {
                sizes.names[sizes.count++] = keccak256(_part(shape, from, to));
            }
            from = to + 1;
        }
    }

    /// @dev A shape with its names' sizes. A size without a name cannot be read.
    function _sized(Sizes memory sizes, bytes memory shape) private pure returns (uint256[] memory found) {
        uint256 rank = shape.length == 0 ? 0 : 1;
        for (uint256 i; i < shape.length; ++i) {
            if (shape[i] == ",") ++rank;
        }
        found = new uint256[](rank);
        uint256 from;
        for (uint256 i; i < rank; ++i) {
            uint256 to = _next(shape, from, ",");
            bytes memory size = _part(shape, from, to);
            found[i] = _isDigit(shape[from]) ? uint256(_integer(size)) : sizes.values[_find(sizes, keccak256(size))];
            if (found[i] == 0) revert Undefined();
            from = to + 1;
        }
    }

    function _find(Sizes memory sizes, bytes32 name) private pure returns (uint256 place) {
        while (place < sizes.count && sizes.names[place] != name) ++place;
    }

    /// @dev The most that a name stands for, of texts `name=most`.
    function _most(string[] memory extents, bytes32 name) private pure returns (uint256) {
        for (uint256 i; i < extents.length; ++i) {
            bytes memory text = bytes(extents[i]);
            uint256 end = _next(text, 0, "=");
            if (keccak256(_part(text, 0, end)) == name) return uint256(_integer(_part(text, end + 1, text.length)));
        }
        return type(uint256).max;
    }

    function _next(bytes memory text, uint256 from, bytes1 mark) private pure returns (uint256 at) {
        at = from;
        while (at < text.length && text[at] != mark) ++at;
    }

    function _part(bytes memory text, uint256 from, uint256 to) private pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i; i < part.length; ++i) {
            part[i] = text[from + i];
        }
    }

    function _isDigit(bytes1 char) private pure returns (bool) {
        return char >= "0" && char <= "9";
    }

    function _integer(bytes memory text) private pure returns (int256 value) {
        bool isNegative = text.length > 0 && text[0] == "-";
        for (uint256 i = isNegative ? 1 : 0; i < text.length; ++i) {
            if (!_isDigit(text[i])) revert Undefined();
            value = value * 10 + int256(uint256(uint8(text[i]) - 48));
        }
        if (isNegative) value = -value;
    }

    function _isSame(uint256[] memory one, uint256[] memory other) private pure returns (bool) {
        if (one.length != other.length) return false;
        for (uint256 i; i < one.length; ++i) {
            if (one[i] != other[i]) return false;
        }
        return true;
    }

    /// @dev Bytes of an element as it travels.
    function _width(uint256 dtype) private pure returns (uint256) {
        return dtype == FLOAT32 || dtype == FLOAT64 ? 4 : Cases.width(dtype);
    }

    function _value(bytes calldata data, uint256 offset, uint256 dtype) private pure returns (int256) {
        uint256 size = _width(dtype);
        uint256 word = uint256(bytes32(data[offset:offset + size]));
        uint256 shift = 256 - 8 * size;
        return dtype == UINT8 || dtype == BOOL || dtype == UINT32 ? int256(word >> shift) : int256(word) >> shift;
    }
}

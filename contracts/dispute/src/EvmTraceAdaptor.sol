// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BadProof, INT64, Roots, Tensor, Undefined} from "../../referee/src/Types.sol";
import {Links} from "./Links.sol";
import {Opcodes} from "./Opcodes.sol";
import {IAdaptor, Link} from "./interfaces/IAdaptor.sol";

/// @title Models that read a contract's code: preprocessing `evm-trace-5`
/// @notice n-grams follow from tokens, scores from the network. The tokens themselves a tracer writes that no chain runs: here is decided
/// what can be told of them without it, and no more. Where a window begins, that the first token is the fallback's entry and no other one
/// is, that the code has an instruction of each token's kind; and of a report that its program counter lies on one. Of coverage and of
/// what is not known only the form is decided, but for code that is no program, and that a proxy needs a DELEGATECALL.
///
/// `Link.said`: for an input that names a contract, its code, if the chain has another one there by now; of a report whose program
/// counter or last lane is accused, the request's bytes.
/// @dev The specification is `node/themis/dispute/adaptors/traced.py`.
contract EvmTraceAdaptor is IAdaptor {
    uint256 private constant MOST_BYTES = 24_576;
    uint256 private constant MOST_ROWS = 6144;
    int256 private constant WINDOW = 192;
    uint256 private constant FULL_BPS = 10_000;
    uint256 private constant CLASSES = 7;
    uint256 private constant COVERAGE = 7;
    uint256 private constant COUNTER = 8;
    uint256 private constant WORST = 7;
    uint256 private constant ORDERS = 4;
    uint256 private constant MULTIPLIER = 0x9E3779B97F4A7C15;

    // bits of what is not known, as `NotKnown` in RiskReport.sol
    uint256 private constant UNKNOWN_DISPATCHER = 0x10;
    uint256 private constant PROXY = 0x20;
    uint256 private constant DELEGATION = 0x40;
    uint256 private constant NAMED = 0x80;

    uint256 private constant FALLBACK = 1;
    uint256 private constant FUNCTION = 2;
    uint256 private constant LAST_TOKEN = 242;

    /// @inheritdoc IAdaptor
    string public constant preprocessing = "evm-trace-5";

    /// @inheritdoc IAdaptor
    function refutesInput(Roots calldata roots, bytes calldata input, Link calldata link) external view returns (bool) {
        if (input.length == 0 || input.length > MOST_BYTES) return true;
        bytes memory code = _code(input, link.said);
        Links.Shown memory shown = Links.open(roots, link);
        bytes32 name = _name(shown, link.word);
        if (_isOtherKind(shown, link.word, name, code)) return true;
        if (link.whole) return false;
        if (name == keccak256("tokens")) return _isNoToken(shown, link.word, link.element, code);
        if (name == keccak256("first")) return _isNoStart(shown, link.word, link.element);
        return Links.at(shown, link.word, link.element) != _bucket(shown, link.element / ORDERS, link.element % ORDERS);
    }

    /// @inheritdoc IAdaptor
    function refutesOutput(
        Roots calldata roots,
        bytes32 inputHash,
        bytes32 witness,
        bytes calldata output,
        Link calldata link
    ) external view returns (bool) {
        if (output.length != 32) return true;
        uint256 report = uint256(bytes32(output));
        if (_isNoReport(report, uint256(witness))) return true;
        if (link.said.length > 0) {
            if (keccak256(link.said) != inputHash) revert BadProof();
            bytes memory code = _code(link.said, link.said[:0]);
            if (_isOfOtherCode(report, code)) return true;
            if (link.headers.length == 0 || report & NAMED != 0) return false;
            return _isNoPlace(Links.open(roots, link), link.word, report, uint256(witness), code);
        }
        if (report & NAMED != 0) revert Undefined();
        return _isOtherScore(Links.open(roots, link), link, report, uint256(witness));
    }

    /// @dev What a request asks about. 64 bytes abi.encode(address, codehash) name it.
    function _code(bytes calldata input, bytes calldata said) private view returns (bytes memory code) {
        if (input.length != 64 || bytes12(input) != 0) return input;
        address target = address(uint160(uint256(bytes32(input))));
        bytes32 hash = bytes32(input[32:]);
        if (target.codehash == hash) code = target.code;
        else if (keccak256(said) == hash) code = said;
        if (code.length == 0) revert Undefined();
    }

    /// @dev Which input this is; the model has three.
    function _name(Links.Shown memory shown, uint256 word) private pure returns (bytes32 name) {
        (name,) = Links.named(shown.inputs[Links.input(shown, word)]);
        if (name != keccak256("tokens") && name != keccak256("grams") && name != keccak256("first")) {
            revert Undefined();
        }
    }

    /// @dev The word of another input of this name.
    function _word(Links.Shown memory shown, bytes32 name) private pure returns (uint256) {
        for (uint256 i; i < shown.inputs.length; ++i) {
            (bytes32 found,) = Links.named(shown.inputs[i]);
            if (found == name) return Links.INPUT << 248 | i;
        }
        revert Undefined();
    }

    /// @dev Whether type or shape are none that code can have, or, where two headers are opened, differ in their rows.
    function _isOtherKind(Links.Shown memory shown, uint256 word, bytes32 name, bytes memory code)
        private
        pure
        returns (bool)
    {
        Tensor memory t = Links.find(shown, word);
        if (t.dtype != INT64 || t.shape.length != (name == keccak256("grams") ? 2 : 1)) return true;
        if (t.shape.length == 2 && t.shape[1] != ORDERS) return true;
        uint256 rows = t.shape[0];
        if (rows == 0 || rows > MOST_ROWS || (rows > 1 && code[0] == 0xef)) return true;
        for (uint256 i; i < shown.tensors.length; ++i) {
            Tensor memory other = shown.tensors[i];
            if (other.word >> 248 == Links.INPUT && other.shape.length > 0 && other.shape[0] != rows) return true;
        }
        return false;
    }

    function _isNoToken(Links.Shown memory shown, uint256 word, uint256 row, bytes memory code)
        private
        pure
        returns (bool)
    {
        int256 found = Links.at(shown, word, row);
        if (found <= 0 || found > int256(LAST_TOKEN)) return true;
        uint256 token = uint256(found);
        if (row == 0 || token == FALLBACK) return row > 0 || token != FALLBACK;
        if (token == FUNCTION) return Links.at(shown, _word(shown, keccak256("first")), row) != int256(row);
        return !Opcodes.occur(code, Opcodes.giving(token));
    }

    function _isNoStart(Links.Shown memory shown, uint256 word, uint256 row) private pure returns (bool) {
        int256 start = Links.at(shown, word, row);
        if (row == 0) return start != 0;
        if (start == int256(row)) return false;
        return start != Links.at(shown, word, row - 1) || int256(row) - start >= WINDOW;
    }

    /// @dev Of the n-gram that ends at a row: of the tokens of its window.
    function _bucket(Links.Shown memory shown, uint256 row, uint256 order) private pure returns (int256) {
        int256 start = Links.at(shown, _word(shown, keccak256("first")), row);
        if (start < 0 || start > int256(row)) revert Undefined();
        uint256 tokens = _word(shown, keccak256("tokens"));
        uint256 length = order + 2;
        uint256 from = row + 1 > length ? row + 1 - length : 0;
        if (from < uint256(start)) from = uint256(start);
        uint256 gram;
        for (; from <= row; ++from) {
            int256 token = Links.at(shown, tokens, from);
            if (token < 0 || token > 255) revert Undefined();
            gram = gram << 8 | uint256(token);
        }
        return int256(order << 13 | ((gram * 8 + length) * MULTIPLIER & type(uint64).max) >> 51);
    }

    /// @dev Whether no answer of the model's has this form. `witness`: rows, as lanes of a report, of each class's score and of the worst.
    function _isNoReport(uint256 report, uint256 witness) private pure returns (bool) {
        uint256 bits = report & 0xffff;
        if (bits & NAMED != 0) {
            if (bits != NAMED | PROXY && bits != NAMED | DELEGATION) return true;
            return report >> 16 & type(uint80).max != 0;
        }
        if (bits >= DELEGATION || report >> 16 & type(uint96).max != 0) return true;
        if (_lane(report, COVERAGE) > FULL_BPS) return true;
        uint256 worst = _worst(report);
        return worst > FULL_BPS || (worst == 0 && _lane(witness, WORST) != 0);
    }

    /// @dev Whether code of this kind has no such report.
    function _isOfOtherCode(uint256 report, bytes memory code) private pure returns (bool) {
        uint256 bits = report & 0xffff;
        if (code[0] == 0xef) {
            if (code.length == 23 && code[1] == 0x01 && code[2] == 0x00) {
                uint256 target;
                assembly ("memory-safe") {
                    target := shr(96, mload(add(code, 35)))
                }
                return report != target << 96 | NAMED | DELEGATION;
            }
            return bits != UNKNOWN_DISPATCHER || _lane(report, COVERAGE) | _lane(report, COUNTER) != 0;
        }
        return bits & DELEGATION != 0 || (bits & PROXY != 0 && !Opcodes.occur(code, 1 << 0xf4));
    }

    /// @dev Whether the program counter is no instruction that gives the token of the worst row.
    function _isNoPlace(Links.Shown memory shown, uint256 word, uint256 report, uint256 witness, bytes memory code)
        private
        pure
        returns (bool)
    {
        if (_name(shown, word) != keccak256("tokens")) revert Undefined();
        int256 token = Links.at(shown, word, _lane(witness, WORST));
        if (token <= 0 || token > int256(LAST_TOKEN)) revert Undefined();
        uint256 counter = _lane(report, COUNTER);
        if (uint256(token) == FALLBACK) return counter != 0;
        return !Opcodes.isAt(code, counter, Opcodes.giving(uint256(token)));
    }

    function _isOtherScore(Links.Shown memory shown, Link calldata link, uint256 report, uint256 witness)
        private
        pure
        returns (bool)
    {
        Tensor memory t = Links.find(shown, link.word);
        bool isOutput = shown.sources.length == 1 && uint256(shown.sources[0]) == link.word;
        if (!isOutput || t.shape.length != 2 || t.shape[1] != CLASSES) revert Undefined();
        if (link.whole) {
            for (uint256 i; i <= WORST; ++i) {
                if (_lane(witness, i) >= t.shape[0]) return true;
            }
            return false;
        }
        uint256 row = link.element / CLASSES;
        uint256 class = link.element % CLASSES;
        int256 score = Links.at(shown, link.word, link.element);
        int256 said = int256(_lane(report, class));
        if (score > said || (row == _lane(witness, class) && score != said)) return true;
        int256 worst = int256(_worst(report));
        if (row < _lane(witness, WORST)) return score == worst;
        if (row > _lane(witness, WORST)) return false;
        for (uint256 i; i < CLASSES; ++i) {
            if (Links.at(shown, link.word, row * CLASSES + i) == worst) return false;
        }
        return true;
    }

    function _worst(uint256 report) private pure returns (uint256 worst) {
        for (uint256 i; i < CLASSES; ++i) {
            if (_lane(report, i) > worst) worst = _lane(report, i);
        }
    }

    function _lane(uint256 word, uint256 index) private pure returns (uint256) {
        return word >> (240 - 16 * index) & 0xffff;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Policy} from "./Policy.sol";

/// @notice The one slot that every check reads of a model: epoch 16 | effectiveAt 40 | policy 16 | termsVersion 24 | licensor 160,
/// as Solidity packs the struct `Model`.
type ModelWord is uint256;

using ModelWords for ModelWord global;

/// @title Reading a model's slot
library ModelWords {
    function isKnown(ModelWord word) internal pure returns (bool known) {
        assembly ("memory-safe") {
            known := iszero(iszero(shl(96, word)))
        }
    }

    /// @notice Latest published terms, in force or pending.
    function version(ModelWord word) internal pure returns (uint24) {
        return uint24(ModelWord.unwrap(word) >> 160);
    }

    /// @notice Of that version.
    function policy(ModelWord word) internal pure returns (Policy) {
        return Policy.wrap(uint16(ModelWord.unwrap(word) >> 184));
    }

    /// @notice Of that version, seconds.
    function effectiveAt(ModelWord word) internal pure returns (uint40) {
        return uint40(ModelWord.unwrap(word) >> 200);
    }

    /// @notice Grants of earlier ones are void.
    function epoch(ModelWord word) internal pure returns (uint16) {
        return uint16(ModelWord.unwrap(word) >> 240);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Phase} from "./interfaces/IDispute.sol";

/// @notice Whose move it is, in one word, from the top: asked 160 | since 40 | challengers 24 | guarantors 24 | phase 8.
/// Of what is asked it holds as much of the hash as there is room for; the hash is the game's own, so that nobody can look for two openings
/// with one hash before the game begins, and the nodes are fixed by the reveal.
type TurnWord is uint256;

using TurnWords for TurnWord global;

/// @title Packing and reading the word of a game
library TurnWords {
    uint256 private constant ASKED = 96;
    uint256 private constant SINCE = 56;
    uint256 private constant CHALLENGERS = 32;
    uint256 private constant GUARANTORS = 8;

    /// @notice A move that was made now.
    function made(Phase phase_, uint24 challengers_, uint24 guarantors_, uint160 asked_)
        internal
        view
        returns (TurnWord)
    {
        uint256 clocks = uint256(challengers_) << CHALLENGERS | uint256(guarantors_) << GUARANTORS;
        return TurnWord.wrap(uint256(asked_) << ASKED | block.timestamp << SINCE | clocks | uint256(phase_));
    }

    function phase(TurnWord word) internal pure returns (Phase phase_) {
        assembly ("memory-safe") {
            phase_ := and(word, 0xff) // one of its values, as it was made
        }
    }

    /// @notice Seconds; the last move.
    function since(TurnWord word) internal pure returns (uint40) {
        return uint40(TurnWord.unwrap(word) >> SINCE);
    }

    /// @notice Seconds left.
    function challengers(TurnWord word) internal pure returns (uint24) {
        return uint24(TurnWord.unwrap(word) >> CHALLENGERS);
    }

    /// @notice Seconds left.
    function guarantors(TurnWord word) internal pure returns (uint24) {
        return uint24(TurnWord.unwrap(word) >> GUARANTORS);
    }

    function asked(TurnWord word) internal pure returns (uint160) {
        return uint160(TurnWord.unwrap(word) >> ASKED);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Covered} from "./interfaces/IWarranty.sol";

/// @notice `Covered` in one word, from the top: games 16 | earlier 16 | openedAt 40 | registeredUntil 40 | unused | convicted 1 | reserved 1.
type CoveredWord is uint256;

using CoveredWords for CoveredWord global;

/// @title What is kept of an answer under a cover
/// @dev Games have the upper end: one too many overflows the word, and reverts.
library CoveredWords {
    uint256 private constant GAMES = 240;
    uint256 private constant EARLIER = 224;
    uint256 private constant OPENED_AT = 184;
    uint256 private constant REGISTERED_UNTIL = 144;
    uint256 private constant CONVICTED = 2;
    uint256 private constant RESERVED = 1;
    /// @dev All but `earlier` and `openedAt`.
    uint256 private constant OTHERS = ~(((1 << 56) - 1) << OPENED_AT);

    function games(CoveredWord word) internal pure returns (uint256) {
        return CoveredWord.unwrap(word) >> GAMES;
    }

    function registeredUntil(CoveredWord word) internal pure returns (uint40) {
        return uint40(CoveredWord.unwrap(word) >> REGISTERED_UNTIL);
    }

    function isReserved(CoveredWord word) internal pure returns (bool) {
        return CoveredWord.unwrap(word) & RESERVED != 0;
    }

    function isConvicted(CoveredWord word) internal pure returns (bool) {
        return CoveredWord.unwrap(word) & CONVICTED != 0;
    }

    function reserved(CoveredWord word) internal pure returns (CoveredWord) {
        return CoveredWord.wrap(CoveredWord.unwrap(word) | RESERVED);
    }

    function released(CoveredWord word) internal pure returns (CoveredWord) {
        return CoveredWord.wrap(CoveredWord.unwrap(word) & ~RESERVED);
    }

    /// @dev Its bond is taken: nothing is reserved any more.
    function convicted(CoveredWord word) internal pure returns (CoveredWord) {
        return CoveredWord.wrap(CoveredWord.unwrap(word) & ~RESERVED | CONVICTED);
    }

    /// @dev Of one that is not registered.
    function registered(CoveredWord word, uint40 until) internal pure returns (CoveredWord) {
        return CoveredWord.wrap(CoveredWord.unwrap(word) | uint256(until) << REGISTERED_UNTIL);
    }

    /// @dev With one game more, opened now.
    function opened(CoveredWord word) internal view returns (CoveredWord) {
        uint256 raw = CoveredWord.unwrap(word);
        if (uint40(raw >> OPENED_AT) != block.timestamp) {
            raw = raw & OTHERS | raw >> GAMES << EARLIER | block.timestamp << OPENED_AT;
        }
        return CoveredWord.wrap(raw + (1 << GAMES));
    }

    /// @dev With one game less, of one at least.
    function closed(CoveredWord word) internal pure returns (CoveredWord) {
        uint256 raw = CoveredWord.unwrap(word) - (1 << GAMES);
        if (uint16(raw >> EARLIER) > raw >> GAMES) raw -= 1 << EARLIER;
        return CoveredWord.wrap(raw);
    }

    function unpacked(CoveredWord word) internal pure returns (Covered memory covered) {
        uint256 raw = CoveredWord.unwrap(word);
        (covered.games, covered.earlier) = (uint16(raw >> GAMES), uint16(raw >> EARLIER));
        (covered.openedAt, covered.registeredUntil) = (uint40(raw >> OPENED_AT), registeredUntil(word));
        (covered.reserved, covered.convicted) = (isReserved(word), isConvicted(word));
    }
}

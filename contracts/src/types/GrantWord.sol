// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {UseClass} from "../interfaces/ILicenseRegistry.sol";

/// @notice What a check reads of an activated grant, in one slot: flags 8 | epoch 16 | expiry 40, counted down from 2^40 - 1 |
/// notBefore 40 | seq 32 | termsVersion 24 | royaltyBps 16 | digest 72 | classes 8. Zero: the account never had a grant.
type GrantWord is uint256;

using GrantWords for GrantWord global;

/// @title Reading a grant's word
library GrantWords {
    /// @dev Flags: what a check has to look at besides class, epoch and expiry. A plain grant has none.
    uint8 internal constant REVOKED = 1;
    uint8 internal constant COUNTED = 2; // uses, or uses per day, are limited: a market counts them
    uint8 internal constant FLOORED = 4; // a least fee is asked for
    uint8 internal constant PAYS_OTHER = 8; // the royalty goes to `payTo`
    uint8 internal constant BOUND = 16; // to one version of the terms
    uint8 internal constant LATER = 32; // was not valid yet when it was activated
    uint8 internal constant FOLLOWED = 64; // another grant waits beside this one

    uint256 internal constant FLAGS = 248;
    uint256 internal constant EPOCH = 232;
    uint256 internal constant EXPIRY = 192;
    uint256 internal constant NOT_BEFORE = 152;
    uint256 internal constant SEQ = 120;
    uint256 internal constant VERSION = 96;
    uint256 internal constant ROYALTY = 80;
    uint256 internal constant DIGEST = 8;

    /// @notice Zero where nothing was granted, or all is revoked.
    function expiry(GrantWord word) internal pure returns (uint40) {
        return classes(word) == 0 ? 0 : ~uint40(GrantWord.unwrap(word) >> EXPIRY);
    }

    function notBefore(GrantWord word) internal pure returns (uint40) {
        return uint40(GrantWord.unwrap(word) >> NOT_BEFORE);
    }

    function seq(GrantWord word) internal pure returns (uint32) {
        return uint32(GrantWord.unwrap(word) >> SEQ);
    }

    function termsVersion(GrantWord word) internal pure returns (uint24) {
        return uint24(GrantWord.unwrap(word) >> VERSION);
    }

    function royaltyBps(GrantWord word) internal pure returns (uint16) {
        return uint16(GrantWord.unwrap(word) >> ROYALTY);
    }

    function epoch(GrantWord word) internal pure returns (uint16) {
        return uint16(GrantWord.unwrap(word) >> EPOCH);
    }

    function permits(GrantWord word, UseClass useClass) internal pure returns (bool) {
        return (GrantWord.unwrap(word) >> uint256(useClass)) & 1 == 1;
    }

    function classes(GrantWord word) internal pure returns (uint8) {
        return uint8(GrantWord.unwrap(word));
    }

    function has(GrantWord word, uint8 flags) internal pure returns (bool) {
        return (GrantWord.unwrap(word) >> FLAGS) & flags != 0;
    }

    function isUnset(GrantWord word) internal pure returns (bool) {
        return GrantWord.unwrap(word) == 0;
    }
}

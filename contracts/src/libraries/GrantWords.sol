// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {UseClass} from "../interfaces/ILicenseRegistry.sol";

/// @notice What a check reads of an activated grant, in one slot: expiry 40 | notBefore 40 | quotaLeft 32 | seq 32 | termsVersion 24 |
/// royaltyBps 16 | classes 8 | epoch 16 | flags 8 | digest 40. Zero: the account never had a grant.
type GrantWord is uint256;

using GrantWords for GrantWord global;

/// @title Packing and reading a grant's word
library GrantWords {
    /// @dev Flags: what is kept in further slots, so that plain grants cost one read.
    uint8 internal constant REVOKED = 1;
    uint8 internal constant METERED = 2; // quotaLeft counts
    uint8 internal constant RATED = 4; // uses per day are limited
    uint8 internal constant FLOORED = 8; // a least fee is asked for
    uint8 internal constant PAYS_OTHER = 16; // the royalty goes to `payTo`

    uint256 private constant EXPIRY = 216;
    uint256 private constant NOT_BEFORE = 176;
    uint256 private constant QUOTA = 144;
    uint256 private constant SEQ = 112;
    uint256 private constant VERSION = 88;
    uint256 private constant ROYALTY = 72;
    uint256 private constant CLASSES = 64;
    uint256 private constant EPOCH = 48;
    uint256 private constant FLAGS = 40;

    /// @notice A grant in force. Five bytes of its digest tell it from another voucher with its sequence number.
    function pack(
        uint40 expiry_,
        uint40 notBefore_,
        uint32 quota,
        uint32 seq_,
        uint24 termsVersion_,
        uint16 royaltyBps_,
        uint16 epoch_,
        uint8 classes_,
        uint8 flags,
        bytes32 digest
    ) internal pure returns (GrantWord) {
        uint256 times = uint256(expiry_) << EXPIRY | uint256(notBefore_) << NOT_BEFORE;
        uint256 counts = uint256(quota) << QUOTA | uint256(seq_) << SEQ | uint256(termsVersion_) << VERSION;
        uint256 rest = uint256(royaltyBps_) << ROYALTY | uint256(classes_) << CLASSES | uint256(epoch_) << EPOCH;
        return GrantWord.wrap(times | counts | rest | uint256(flags) << FLAGS | uint40(uint256(digest)));
    }

    /// @notice Nothing but the fact that every voucher up to `seq_` is revoked.
    function revoked(uint32 seq_) internal pure returns (GrantWord) {
        return GrantWord.wrap(uint256(seq_) << SEQ | uint256(REVOKED) << FLAGS);
    }

    function expiry(GrantWord word) internal pure returns (uint40) {
        return uint40(GrantWord.unwrap(word) >> EXPIRY);
    }

    function notBefore(GrantWord word) internal pure returns (uint40) {
        return uint40(GrantWord.unwrap(word) >> NOT_BEFORE);
    }

    function quotaLeft(GrantWord word) internal pure returns (uint32) {
        return uint32(GrantWord.unwrap(word) >> QUOTA);
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
        return (GrantWord.unwrap(word) >> (CLASSES + uint256(useClass))) & 1 == 1;
    }

    function classes(GrantWord word) internal pure returns (uint8) {
        return uint8(GrantWord.unwrap(word) >> CLASSES);
    }

    function has(GrantWord word, uint8 flags) internal pure returns (bool) {
        return (GrantWord.unwrap(word) >> FLAGS) & flags != 0;
    }

    /// @notice Whether the word alone permits the use now, given in this epoch or later. False where it does not, and where further slots have a say.
    function suffices(GrantWord word, UseClass useClass, uint24 version, uint16 epoch_)
        internal
        view
        returns (bool yes)
    {
        assembly ("memory-safe") {
            let wrong := and(shr(FLAGS, word), 0xff)
            wrong := or(wrong, lt(and(shr(EPOCH, word), 0xffff), epoch_))
            let bound := and(shr(VERSION, word), 0xffffff) // to this version of the terms, or to none
            wrong := or(wrong, mul(bound, xor(bound, version)))
            wrong := or(wrong, gt(timestamp(), shr(EXPIRY, word)))
            wrong := or(wrong, lt(timestamp(), and(shr(NOT_BEFORE, word), 0xffffffffff)))
            yes := lt(wrong, and(shr(add(CLASSES, useClass), word), 1))
        }
    }

    function isVoucher(GrantWord word, bytes32 digest) internal pure returns (bool) {
        return uint40(GrantWord.unwrap(word)) == uint40(uint256(digest));
    }

    function isUnset(GrantWord word) internal pure returns (bool) {
        return GrantWord.unwrap(word) == 0;
    }

    /// @notice One use less. The caller has checked that one is left.
    function used(GrantWord word) internal pure returns (GrantWord) {
        return GrantWord.wrap(GrantWord.unwrap(word) - (1 << QUOTA));
    }

    /// @notice One use more. The caller gives back what `used` took.
    function released(GrantWord word) internal pure returns (GrantWord) {
        return GrantWord.wrap(GrantWord.unwrap(word) + (1 << QUOTA));
    }
}

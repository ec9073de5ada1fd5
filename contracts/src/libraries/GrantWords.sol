// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {UseClass} from "../interfaces/ILicenseRegistry.sol";

/// @notice What a check reads of an activated grant, in one slot: flags 8 | epoch 16 | expiry 40, counted down from 2^40 - 1 |
/// notBefore 40 | quotaLeft 32 | seq 32 | termsVersion 24 | royaltyBps 16 | digest 40 | classes 8. Zero: the account never had a grant.
type GrantWord is uint256;

using GrantWords for GrantWord global;

/// @title Packing and reading a grant's word
library GrantWords {
    /// @dev Flags: what a check has to look at besides class, epoch and expiry. A plain grant has none.
    uint8 internal constant REVOKED = 1;
    uint8 internal constant METERED = 2; // quotaLeft counts
    uint8 internal constant RATED = 4; // uses per day are limited
    uint8 internal constant FLOORED = 8; // a least fee is asked for
    uint8 internal constant PAYS_OTHER = 16; // the royalty goes to `payTo`
    uint8 internal constant BOUND = 32; // to one version of the terms
    uint8 internal constant LATER = 64; // was not valid yet when it was activated

    uint256 private constant FLAGS = 248;
    uint256 private constant EPOCH = 232;
    uint256 private constant EXPIRY = 192;
    uint256 private constant NOT_BEFORE = 152;
    uint256 private constant QUOTA = 120;
    uint256 private constant SEQ = 88;
    uint256 private constant VERSION = 64;
    uint256 private constant ROYALTY = 48;
    uint256 private constant DIGEST = 8;

    uint256 private constant TIME_BITS = 40; // EPOCH - EXPIRY

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
        uint256 top = uint256(flags) << FLAGS | uint256(epoch_) << EPOCH;
        uint256 times = uint256(~expiry_) << EXPIRY | uint256(notBefore_) << NOT_BEFORE;
        uint256 counts = uint256(quota) << QUOTA | uint256(seq_) << SEQ | uint256(termsVersion_) << VERSION;
        uint256 rest = uint256(royaltyBps_) << ROYALTY | uint256(uint40(uint256(digest))) << DIGEST | classes_;
        return GrantWord.wrap(top | times | counts | rest);
    }

    /// @notice Nothing but the fact that every voucher up to `seq_` is revoked.
    function revoked(uint32 seq_) internal pure returns (GrantWord) {
        return GrantWord.wrap(uint256(seq_) << SEQ | uint256(REVOKED) << FLAGS);
    }

    /// @notice Zero where nothing was granted, or all is revoked.
    function expiry(GrantWord word) internal pure returns (uint40) {
        return classes(word) == 0 ? 0 : ~uint40(GrantWord.unwrap(word) >> EXPIRY);
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
        return (GrantWord.unwrap(word) >> uint256(useClass)) & 1 == 1;
    }

    function classes(GrantWord word) internal pure returns (uint8) {
        return uint8(GrantWord.unwrap(word));
    }

    function has(GrantWord word, uint8 flags) internal pure returns (bool) {
        return (GrantWord.unwrap(word) >> FLAGS) & flags != 0;
    }

    /// @notice Whether a plain grant of this very epoch permits the use now. Where it says no, look closer.
    /// @dev Flags, epoch and expiry are one number. Less the epoch it is what the expiry was counted down to, and the time added to
    /// that carries into bit 40 from the second after the expiry on; flags or another epoch are above that bit.
    function suffices(GrantWord word, UseClass useClass, uint16 epoch_) internal view returns (bool yes) {
        assembly ("memory-safe") {
            let counted := xor(shr(EXPIRY, word), shl(TIME_BITS, epoch_))
            let wrong := shr(TIME_BITS, add(counted, timestamp()))
            yes := lt(wrong, and(shr(useClass, word), 1))
        }
    }

    function isVoucher(GrantWord word, bytes32 digest) internal pure returns (bool) {
        return uint40(GrantWord.unwrap(word) >> DIGEST) == uint40(uint256(digest));
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

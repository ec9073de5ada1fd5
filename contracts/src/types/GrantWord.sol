// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Grant, UseClass} from "../interfaces/ILicenseRegistry.sol";

/// @notice What a check reads of an activated grant, in one slot: flags 8 | epoch 16 | expiry 40, counted down from 2^40 - 1 |
/// notBefore 40 | seq 32 | termsVersion 24 | royaltyBps 16 | digest 72 | classes 8. Zero: the account never had a grant.
type GrantWord is uint256;

using GrantWords for GrantWord global;

/// @title Packing and reading a grant's word
library GrantWords {
    /// @dev Flags: what a check has to look at besides class, epoch and expiry. A plain grant has none.
    uint8 internal constant REVOKED = 1;
    uint8 internal constant COUNTED = 2; // uses, or uses per day, are limited: a market counts them
    uint8 internal constant FLOORED = 4; // a least fee is asked for
    uint8 internal constant PAYS_OTHER = 8; // the royalty goes to `payTo`
    uint8 internal constant BOUND = 16; // to one version of the terms
    uint8 internal constant LATER = 32; // was not valid yet when it was activated
    uint8 internal constant FOLLOWED = 64; // another grant waits beside this one

    uint256 private constant FLAGS = 248;
    uint256 private constant EPOCH = 232;
    uint256 private constant EXPIRY = 192;
    uint256 private constant NOT_BEFORE = 152;
    uint256 private constant SEQ = 120;
    uint256 private constant VERSION = 96;
    uint256 private constant ROYALTY = 80;
    uint256 private constant DIGEST = 8;

    uint256 private constant TIME_BITS = 40; // EPOCH - EXPIRY

    /// @notice A grant in force. Nine bytes of its digest tell it from another voucher with its sequence number.
    function pack(Grant calldata grant, uint8 flags, bytes32 digest) internal pure returns (GrantWord) {
        uint256 top = uint256(flags) << FLAGS | uint256(grant.epoch) << EPOCH;
        uint256 times = uint256(~grant.expiry) << EXPIRY | uint256(grant.notBefore) << NOT_BEFORE;
        uint256 counts = uint256(grant.seq) << SEQ | uint256(grant.termsVersion) << VERSION;
        uint256 rest = uint256(grant.royaltyBps) << ROYALTY | uint256(uint72(uint256(digest))) << DIGEST | grant.classes;
        return GrantWord.wrap(top | times | counts | rest);
    }

    /// @notice Nothing but the fact that every voucher up to `seq_` of that epoch is revoked.
    function revoked(uint32 seq_, uint16 epoch_) internal pure returns (GrantWord) {
        return GrantWord.wrap(uint256(seq_) << SEQ | uint256(REVOKED) << FLAGS | uint256(epoch_) << EPOCH);
    }

    /// @notice The same grant, with another that waits beside it.
    function followed(GrantWord word) internal pure returns (GrantWord) {
        return GrantWord.wrap(GrantWord.unwrap(word) | uint256(FOLLOWED) << FLAGS);
    }

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

    /// @notice Whether the grant permits the use now, under those terms, in that epoch or a later one.
    function allows(GrantWord word, UseClass useClass, uint24 version, uint16 epoch_) internal view returns (bool) {
        return word.permits(useClass) && word.fits(version) && word.epoch() >= epoch_
            && block.timestamp >= word.notBefore() && block.timestamp <= word.expiry();
    }

    /// @notice Whether the grant is for every version of the terms, or for this one.
    function fits(GrantWord word, uint24 version) internal pure returns (bool) {
        return word.termsVersion() == 0 || word.termsVersion() == version;
    }

    /// @notice Whether this is what became of the voucher with that number and digest.
    function isVoucher(GrantWord word, uint32 seq_, bytes32 digest) internal pure returns (bool) {
        return word.seq() == seq_ && uint72(GrantWord.unwrap(word) >> DIGEST) == uint72(uint256(digest));
    }

    function isUnset(GrantWord word) internal pure returns (bool) {
        return GrantWord.unwrap(word) == 0;
    }
}

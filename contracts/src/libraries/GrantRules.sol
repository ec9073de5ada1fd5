// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Grant, UseClass} from "../interfaces/ILicenseRegistry.sol";
import {GrantWord, GrantWords} from "../types/GrantWord.sol";

/// @title Packing a grant's word, and what it permits
library GrantRules {
    uint256 private constant TIME_BITS = 40; // GrantWords.EPOCH - GrantWords.EXPIRY

    /// @notice A grant in force. Nine bytes of its digest tell it from another voucher with its sequence number.
    function pack(Grant calldata grant, uint8 flags, bytes32 digest) internal pure returns (GrantWord) {
        uint256 top = uint256(flags) << GrantWords.FLAGS | uint256(grant.epoch) << GrantWords.EPOCH;
        uint256 times = uint256(~grant.expiry) << GrantWords.EXPIRY | uint256(grant.notBefore) << GrantWords.NOT_BEFORE;
        uint256 counts = uint256(grant.seq) << GrantWords.SEQ | uint256(grant.termsVersion) << GrantWords.VERSION;
        uint256 rest = uint256(grant.royaltyBps) << GrantWords.ROYALTY | uint256(uint72(uint256(digest)))
            << GrantWords.DIGEST | grant.classes;
        return GrantWord.wrap(top | times | counts | rest);
    }

    /// @notice Nothing but the fact that every voucher up to `seq_` of that epoch is revoked.
    function revoked(uint32 seq_, uint16 epoch_) internal pure returns (GrantWord) {
        return GrantWord.wrap(
            uint256(seq_) << GrantWords.SEQ | uint256(GrantWords.REVOKED) << GrantWords.FLAGS | uint256(epoch_)
                << GrantWords.EPOCH
        );
    }

    /// @notice The same grant, with another that waits beside it.
    function followed(GrantWord word) internal pure returns (GrantWord) {
        return GrantWord.wrap(GrantWord.unwrap(word) | uint256(GrantWords.FOLLOWED) << GrantWords.FLAGS);
    }

    /// @notice Whether a plain grant of this very epoch permits the use now. Where it says no, look closer.
    /// @dev Flags, epoch and expiry are one number. Less the epoch it is what the expiry was counted down to, and the time added to
    /// that carries into bit 40 from the second after the expiry on; flags or another epoch are above that bit.
    function suffices(GrantWord word, UseClass useClass, uint16 epoch_) internal view returns (bool yes) {
        uint256 expiryBit = GrantWords.EXPIRY;
        assembly ("memory-safe") {
            let counted := xor(shr(expiryBit, word), shl(TIME_BITS, epoch_))
            let wrong := shr(TIME_BITS, add(counted, timestamp()))
            yes := lt(wrong, and(shr(useClass, word), 1))
        }
    }

    /// @notice Whether the grant permits the use now, under those terms, in that epoch or a later one.
    function allows(GrantWord word, UseClass useClass, uint24 version, uint16 epoch_) internal view returns (bool) {
        return word.permits(useClass) && fits(word, version) && word.epoch() >= epoch_
            && block.timestamp >= word.notBefore() && block.timestamp <= word.expiry();
    }

    /// @notice Whether the grant is for every version of the terms, or for this one.
    function fits(GrantWord word, uint24 version) internal pure returns (bool) {
        return word.termsVersion() == 0 || word.termsVersion() == version;
    }

    /// @notice Whether this is what became of the voucher with that number and digest.
    function isVoucher(GrantWord word, uint32 seq_, bytes32 digest) internal pure returns (bool) {
        return word.seq() == seq_ && uint72(GrantWord.unwrap(word) >> GrantWords.DIGEST) == uint72(uint256(digest));
    }
}

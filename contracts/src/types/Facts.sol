// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {UseClass} from "../interfaces/ILicenseRegistry.sol";

/// @notice The small numbers of a request: items 8 | lane 64 | seq 32 | grantSeq 32 | deadline 40 | callbackGas 32 |
/// termsVersion 24 | royaltyBps 16 | useClass 8. Of an order `grantSeq` and `royaltyBps` are zero, of a request `items`.
type Facts is uint256;

using RequestFacts for Facts global;

/// @title Packing and reading a request's facts
library RequestFacts {
    uint256 private constant ITEMS = 248;
    uint256 private constant LANE = 184;
    uint256 private constant SEQ = 152;
    uint256 private constant GRANT_SEQ = 120;
    uint256 private constant DEADLINE = 80;
    uint256 private constant CALLBACK_GAS = 48;
    uint256 private constant VERSION = 24;
    uint256 private constant ROYALTY = 8;

    function pack(
        uint64 lane_,
        uint32 seq_,
        uint32 grantSeq_,
        uint40 deadline_,
        uint32 callbackGas_,
        uint24 termsVersion_,
        uint16 royaltyBps_,
        UseClass useClass_
    ) internal pure returns (Facts) {
        uint256 where =
            uint256(lane_) << LANE | uint256(seq_) << SEQ | uint256(grantSeq_) << GRANT_SEQ;
        uint256 limits = uint256(deadline_) << DEADLINE | uint256(callbackGas_) << CALLBACK_GAS;
        uint256 license = uint256(termsVersion_) << VERSION | uint256(royaltyBps_) << ROYALTY | uint256(useClass_);
        return Facts.wrap(where | limits | license);
    }

    /// @notice Inputs of an order for a list; zero: one input that is no list.
    function items(Facts facts) internal pure returns (uint8) {
        return uint8(Facts.unwrap(facts) >> ITEMS);
    }

    /// @notice The requester's storage lane.
    function lane(Facts facts) internal pure returns (uint64) {
        return uint64(Facts.unwrap(facts) >> LANE);
    }

    /// @notice Counts the requests made in the lane, from 1.
    function seq(Facts facts) internal pure returns (uint32) {
        return uint32(Facts.unwrap(facts) >> SEQ);
    }

    /// @notice Sequence number of the grant that permits it, one use of which is reserved; zero where the policy is open.
    function grantSeq(Facts facts) internal pure returns (uint32) {
        return uint32(Facts.unwrap(facts) >> GRANT_SEQ);
    }

    /// @notice Seconds; the last moment for an answer.
    function deadline(Facts facts) internal pure returns (uint40) {
        return uint40(Facts.unwrap(facts) >> DEADLINE);
    }

    /// @notice Gas of the callback; 0: none.
    function callbackGas(Facts facts) internal pure returns (uint32) {
        return uint32(Facts.unwrap(facts) >> CALLBACK_GAS);
    }

    /// @notice The terms the request is pinned to.
    function termsVersion(Facts facts) internal pure returns (uint24) {
        return uint24(Facts.unwrap(facts) >> VERSION);
    }

    /// @notice Of the fee, to `payTo`; zero where there is no fee.
    function royaltyBps(Facts facts) internal pure returns (uint16) {
        return uint16(Facts.unwrap(facts) >> ROYALTY);
    }

    /// @notice The requester's use, as it declared it.
    function useClass(Facts facts) internal pure returns (UseClass) {
        return UseClass(uint8(Facts.unwrap(facts)));
    }

    /// @notice Zero where no grant and no royalty are named.
    function licensed(Facts facts) internal pure returns (uint256) {
        uint256 license = uint256(type(uint32).max) << GRANT_SEQ | uint256(type(uint16).max) << ROYALTY;
        return Facts.unwrap(facts) & license;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {State} from "../interfaces/IInferenceOracle.sol";
import {UseClass} from "../interfaces/ILicenseRegistry.sol";
import {Mode} from "./Policy.sol";

/// @notice All that storage keeps of a request: mode 2 | useClass 2 | epoch 16 | state 4 | seq 32 | digest 200.
/// The digest is the request id while OPEN, the result hash when FINAL, zero when REFUNDED. The first three are pinned while OPEN:
/// what the terms ask of the operator, for which use, and the licensor's epoch in which its grant must have been given.
type LaneWord is uint256;

using LaneWords for LaneWord global;

/// @title Packing and reading a lane's word
library LaneWords {
    uint256 private constant MODE_OFFSET = 254;
    uint256 private constant CLASS_OFFSET = 252;
    uint256 private constant EPOCH_OFFSET = 236;
    uint256 private constant STATE_OFFSET = 232;
    uint256 private constant SEQ_OFFSET = 200;

    function pack(State state_, uint32 seq_, bytes32 hash) internal pure returns (LaneWord) {
        return LaneWord.wrap(uint256(state_) << STATE_OFFSET | uint256(seq_) << SEQ_OFFSET | uint200(uint256(hash)));
    }

    /// @notice What is pinned, and nothing else.
    function pins(Mode mode_, UseClass useClass_, uint16 epoch_) internal pure returns (LaneWord word) {
        assembly ("memory-safe") {
            let need := or(shl(MODE_OFFSET, mode_), shl(CLASS_OFFSET, useClass_))
            word := or(need, shl(EPOCH_OFFSET, and(epoch_, 0xffff)))
        }
    }

    function with(LaneWord word, LaneWord pins_) internal pure returns (LaneWord) {
        return LaneWord.wrap(LaneWord.unwrap(word) | LaneWord.unwrap(pins_));
    }

    /// @notice Whether state, sequence number and digest are these, whatever is pinned.
    function holds(LaneWord word, State state_, uint32 seq_, bytes32 hash) internal pure returns (bool) {
        return LaneWord.unwrap(word) << 20 == LaneWord.unwrap(pack(state_, seq_, hash)) << 20;
    }

    /// @notice What is pinned, as a number: mode, class and epoch.
    function pinned(LaneWord word) internal pure returns (uint256) {
        return LaneWord.unwrap(word) >> EPOCH_OFFSET;
    }

    function mode(LaneWord word) internal pure returns (Mode mode_) {
        assembly ("memory-safe") {
            mode_ := shr(MODE_OFFSET, word) // one of its values, as it was pinned
        }
    }

    /// @notice Whether the terms ask the operator for a grant.
    function needsGrant(LaneWord word) internal pure returns (bool) {
        return LaneWord.unwrap(word) >> MODE_OFFSET == uint256(Mode.GRANT);
    }

    function useClass(LaneWord word) internal pure returns (UseClass useClass_) {
        assembly ("memory-safe") {
            useClass_ := and(shr(CLASS_OFFSET, word), 3) // likewise
        }
    }

    function epoch(LaneWord word) internal pure returns (uint16) {
        return uint16(LaneWord.unwrap(word) >> EPOCH_OFFSET);
    }

    function state(LaneWord word) internal pure returns (State) {
        return State(uint8(LaneWord.unwrap(word) >> STATE_OFFSET) & 15);
    }

    function isOpen(LaneWord word) internal pure returns (bool) {
        return (LaneWord.unwrap(word) >> STATE_OFFSET) & 15 == uint256(State.OPEN);
    }

    function seq(LaneWord word) internal pure returns (uint32) {
        return uint32(LaneWord.unwrap(word) >> SEQ_OFFSET);
    }

    function digest(LaneWord word) internal pure returns (uint200) {
        return uint200(LaneWord.unwrap(word));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {State} from "../interfaces/IInferenceOracle.sol";
import {Mode} from "./Policies.sol";

/// @notice All that storage keeps of a request: mode 4 | state 4 | seq 32 | digest 216.
/// The digest is the request id while OPEN, the result hash when FINAL, zero when REFUNDED. The mode is the operator's under the
/// pinned terms: terms never change once published, so it is looked up once, when the request is made.
type LaneWord is uint256;

using LaneWords for LaneWord global;

/// @title Packing and reading a lane's word
library LaneWords {
    uint256 private constant MODE_OFFSET = 252;
    uint256 private constant STATE_OFFSET = 248;
    uint256 private constant SEQ_OFFSET = 216;

    function pack(State state_, uint32 seq_, bytes32 hash) internal pure returns (LaneWord) {
        return LaneWord.wrap(uint256(state_) << STATE_OFFSET | uint256(seq_) << SEQ_OFFSET | uint216(uint256(hash)));
    }

    function withMode(LaneWord word, Mode mode_) internal pure returns (LaneWord) {
        return LaneWord.wrap(LaneWord.unwrap(word) | uint256(mode_) << MODE_OFFSET);
    }

    /// @notice Whether state, sequence number and digest are these, whatever the mode.
    function holds(LaneWord word, State state_, uint32 seq_, bytes32 hash) internal pure returns (bool) {
        return LaneWord.unwrap(word) << 4 == LaneWord.unwrap(pack(state_, seq_, hash)) << 4;
    }

    function mode(LaneWord word) internal pure returns (Mode) {
        return Mode(LaneWord.unwrap(word) >> MODE_OFFSET);
    }

    function state(LaneWord word) internal pure returns (State) {
        return State(uint8(LaneWord.unwrap(word) >> STATE_OFFSET) & 15);
    }

    function seq(LaneWord word) internal pure returns (uint32) {
        return uint32(LaneWord.unwrap(word) >> SEQ_OFFSET);
    }

    function digest(LaneWord word) internal pure returns (uint216) {
        return uint216(LaneWord.unwrap(word));
    }
}

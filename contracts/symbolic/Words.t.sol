// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {State} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {GrantRules} from "../src/libraries/GrantRules.sol";
import {Facts, RequestFacts} from "../src/types/Facts.sol";
import {GrantWord} from "../src/types/GrantWord.sol";
import {LaneWord, LaneWords} from "../src/types/LaneWord.sol";
import {Mode} from "../src/types/Policy.sol";

/// @notice What storage keeps of requests and grants comes back as it was put in, for all values there are.
contract WordsTest {
    using GrantRules for GrantWord;

    function check_lane(uint8 state, uint32 seq, bytes32 hash, uint8 mode, uint8 use, uint16 epoch) public pure {
        if (state > 3 || mode > 2 || use > 2) return;
        LaneWord word = LaneWords.pack(State(state), seq, hash).with(LaneWords.pins(Mode(mode), UseClass(use), epoch));
        assert(word.state() == State(state) && word.seq() == seq && word.epoch() == epoch);
        assert(word.mode() == Mode(mode) && word.useClass() == UseClass(use));
        assert(word.digest() == uint200(uint256(hash)));
        assert(word.holds(State(state), seq, hash));
    }

    /// @dev Only the low 200 bits of a hash are kept: two that agree in them are one.
    function check_laneHoldsNothingElse(uint256 raw, uint8 state, uint32 seq, bytes32 hash) public pure {
        if (state > 3) return;
        LaneWord word = LaneWord.wrap(raw);
        bool same = uint8(raw >> 232) & 15 == state && word.seq() == seq && word.digest() == uint200(uint256(hash));
        assert(word.holds(State(state), seq, hash) == same);
    }

    function check_facts(
        uint64 lane,
        uint32 seq,
        uint32 grantSeq,
        uint40 deadline,
        uint32 callbackGas,
        uint24 version,
        uint16 royaltyBps,
        uint8 use
    ) public pure {
        if (use > 2) return;
        Facts facts = RequestFacts.pack(lane, seq, grantSeq, deadline, callbackGas, version, royaltyBps, UseClass(use));
        assert(facts.lane() == lane && facts.seq() == seq && facts.grantSeq() == grantSeq);
        assert(facts.deadline() == deadline && facts.callbackGas() == callbackGas);
        assert(facts.termsVersion() == version && facts.royaltyBps() == royaltyBps && facts.useClass() == UseClass(use));
    }

    function check_grant(Grant calldata grant, uint8 flags, bytes32 digest) public pure {
        if (grant.classes == 0) return; // refused where grants are activated
        GrantWord word = GrantRules.pack(grant, flags, digest);
        assert(word.epoch() == grant.epoch && word.expiry() == grant.expiry && word.notBefore() == grant.notBefore);
        assert(word.seq() == grant.seq && word.termsVersion() == grant.termsVersion);
        assert(word.royaltyBps() == grant.royaltyBps && word.classes() == grant.classes);
        assert(word.isVoucher(grant.seq, digest));
        assert(word.has(flags) == (flags != 0));
    }

    /// @dev The one check of a plain grant says yes exactly where every rule by itself does.
    function check_suffices(uint256 raw, uint8 use, uint16 epoch) public view {
        if (use > 2 || block.timestamp >= 2 ** 40) return;
        GrantWord word = GrantWord.wrap(raw);
        bool plain = raw >> 248 == 0 && word.epoch() == epoch;
        bool inTime = block.timestamp <= uint40(~uint40(raw >> 192));
        assert(word.suffices(UseClass(use), epoch) == (plain && inTime && word.permits(UseClass(use))));
    }
}

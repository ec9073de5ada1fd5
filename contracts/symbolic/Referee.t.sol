// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Claims} from "../dispute/src/Claims.sol";
import {TurnWord, TurnWords} from "../dispute/src/TurnWord.sol";
import {Phase} from "../dispute/src/interfaces/IDispute.sol";
import {Claim} from "../dispute/src/interfaces/IWarranty.sol";
import {Rounding} from "../referee/src/Rounding.sol";
import {Trees} from "../referee/src/Trees.sol";
import {INT8, Opening, UINT8} from "../referee/src/Types.sol";

/// @notice What the referee and the games rest on, for all values: trees, scaling and saturation, hashes of claims, and the
/// word of a game.
/// @dev keccak256 is taken to have no collisions; SHA-256 climbs by the same steps; halmos 0.3.3 ends with an error of Z3's
/// where what is hashed with it is not known.
contract RefereeTest {
    /// @dev A leaf is a word here. Each index has a path of its own: where a node goes in memory follows from it.
    function check_threeLeaves(
        bytes32[3] calldata l,
        bytes32 leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata siblings
    ) public view {
        for (uint256 i; i < 4; ++i) {
            if (index != i || count > 4) continue;
            if (!this.opens(_root(l), Opening(abi.encode(leaf), i, count, siblings))) return;
            assert(count == 3 && i < 3 && leaf == l[i]);
        }
    }

    function opens(bytes32 root, Opening calldata opening) external pure returns (bool) {
        return Trees.opens(root, opening, false);
    }

    /// @dev Never further than a half from the quotient, and from one half to the even side.
    function check_scaled(int64 x) public pure {
        int256 found = Rounding.scaled(x, -7);
        unchecked {
            int256 off = (x - found * 128) * 2;
            assert(off <= 128 && off >= -128);
            assert((off != 128 && off != -128) || found & 1 == 0);
        }
    }

    function check_saturated(int256 x, int256 y) public pure {
        int256 low = Rounding.saturated(x, INT8);
        assert(low >= -128 && low <= 127 && (x < -128 || x > 127 || low == x));
        int256 high = Rounding.saturated(x, UINT8);
        assert(high >= 0 && high <= 255 && (x < 0 || x > 255 || high == x));
        assert(x > y || (low <= Rounding.saturated(y, INT8) && high <= Rounding.saturated(y, UINT8)));
    }

    /// @dev What is hashed where it lies in calldata is what the encoder would hash.
    function check_claims(Claim calldata claim) public pure {
        assert(Claims.idOf(claim.cover) == keccak256(abi.encode(claim.cover)));
        assert(Claims.hashOf(claim) == keccak256(abi.encode(claim)));
    }

    function check_turn(uint8 phase, uint24 challengers, uint24 guarantors, uint160 asked) public view {
        if (phase > uint8(type(Phase).max)) return;
        TurnWord word = TurnWords.made(Phase(phase), challengers, guarantors, asked);
        assert(uint8(word.phase()) == phase && word.since() == uint40(block.timestamp));
        assert(word.challengers() == challengers && word.guarantors() == guarantors && word.asked() == asked);
    }

    function _root(bytes32[3] calldata l) private pure returns (bytes32) {
        bytes32 pair = _tagged(1, _leaf(l[0]), _leaf(l[1]));
        return _tagged(2, bytes32(uint256(3)), _tagged(1, pair, _leaf(l[2])));
    }

    function _leaf(bytes32 leaf) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0), leaf));
    }

    function _tagged(uint8 tag, bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(tag, left, right));
    }
}

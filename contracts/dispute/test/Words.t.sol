// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {VM} from "../../test/support/Vm.sol";
import {Claims} from "../src/Claims.sol";
import {CoveredWord} from "../src/CoveredWord.sol";
import {TurnWord, TurnWords} from "../src/TurnWord.sol";
import {Phase} from "../src/interfaces/IDispute.sol";
import {Claim, Covered} from "../src/interfaces/IWarranty.sol";

/// @notice What is hashed and kept without the compiler's encoder is what the encoder would have made.
contract WordsTest {
    function testFuzz_hashes(Claim calldata claim, address challenger) public pure {
        VM.assertEq(Claims.idOf(claim.cover), keccak256(abi.encode(claim.cover)));
        bytes32 hash = keccak256(abi.encode(claim));
        VM.assertEq(Claims.hashOf(claim), hash);
        VM.assertEq(
            Claims.hashWith(claim.cover, claim.requestId, claim.answer, claim.inputHash, claim.requester, claim.fee),
            hash
        );
        VM.assertEq(Claims.gameOf(hash, challenger), keccak256(abi.encode(hash, challenger)));
    }

    /// @dev A player of games at random times, against plain fields.
    function testFuzz_covered(uint256 seed, uint40 until) public {
        CoveredWord word;
        Covered memory plain;
        VM.warp(1_800_000_000);
        for (uint256 i; i < 40; ++i) {
            uint256 move = (seed >> 4 * i) & 15;
            if (move < 4) {
                VM.warp(block.timestamp + 1);
            } else if (move < 10) {
                word = word.opened();
                if (plain.openedAt != block.timestamp) {
                    (plain.openedAt, plain.earlier) = (uint40(block.timestamp), plain.games);
                }
                ++plain.games;
            } else if (move < 13 && plain.games > 0) {
                word = word.closed();
                --plain.games;
                if (plain.earlier > plain.games) plain.earlier = plain.games;
            } else if (move == 13) {
                (word, plain.reserved) = (word.reserved(), true);
            } else if (move == 14) {
                (word, plain.reserved) = (word.released(), false);
            } else if (move == 15) {
                if (plain.registeredUntil == 0) (word, plain.registeredUntil) = (word.registered(until), until);
                else (word, plain.reserved, plain.convicted) = (word.convicted(), false, true);
            }
            VM.assertEq(keccak256(abi.encode(word.unpacked())), keccak256(abi.encode(plain)));
            VM.assertEq(word.games(), plain.games);
            VM.assertEq(word.registeredUntil(), plain.registeredUntil);
            VM.assertTrue(word.isReserved() == plain.reserved && word.isConvicted() == plain.convicted);
        }
    }

    function testFuzz_turn(uint40 time, uint8 phase, uint24 challengers, uint24 guarantors, uint160 asked) public {
        VM.warp(time);
        Phase named = Phase(phase % 4);
        TurnWord word = TurnWords.made(named, challengers, guarantors, asked);
        VM.assertTrue(word.phase() == named);
        VM.assertEq(word.since(), time);
        VM.assertEq(word.challengers(), challengers);
        VM.assertEq(word.guarantors(), guarantors);
        VM.assertEq(word.asked(), asked);
    }

    /// @dev One game more than there is room for.
    function test_covered_tooManyGames() public {
        CoveredWord most = CoveredWord.wrap(uint256(type(uint16).max) << 240);
        VM.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        this.open(most);
    }

    function open(CoveredWord word) external view returns (CoveredWord) {
        return word.opened();
    }
}

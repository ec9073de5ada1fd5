// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Grant, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {GrantRules} from "../src/libraries/GrantRules.sol";
import {GrantWord, GrantWords} from "../src/types/GrantWord.sol";
import {VM, bound} from "./support/Vm.sol";

contract GrantWordsTest {
    using GrantRules for GrantWord;

    uint40 private constant UNTIL = 1005;

    /// @dev The one comparison says what the plain conditions say, around every one of their edges.
    function testFuzz_suffices(uint256 at, uint8 classes, uint8 class, uint16[2] memory epochs, bool edge, uint8 flags)
        public
    {
        VM.warp(bound(at, UNTIL - 2, UNTIL + 2));
        UseClass useClass = UseClass(class % 3);
        if (!edge) (epochs[0], epochs[1]) = (epochs[0] % 3, epochs[1] % 3);
        (classes, flags) = (classes % 8, flags % 4 == 0 ? flags : 0);
        GrantWord word = this.pack(_grant(epochs[0], classes), flags, keccak256(abi.encode(at)));
        bool inTime = block.timestamp <= UNTIL;
        VM.assertEq(
            word.suffices(useClass, epochs[1]), inTime && word.permits(useClass) && epochs[0] == epochs[1] && flags == 0
        );
        VM.assertEq(word.expiry(), classes > 0 ? UNTIL : 0);
    }

    /// @dev No grant and a revoked one suffice for nothing, in any epoch.
    function testFuzz_suffices_notWithoutGrant(uint40 at, uint8 class, uint16 epoch, uint32 seq) public {
        VM.warp(at);
        UseClass useClass = UseClass(class % 3);
        VM.assertFalse(GrantWord.wrap(0).suffices(useClass, epoch));
        VM.assertFalse(GrantRules.revoked(seq, epoch).suffices(useClass, epoch));
    }

    /// @dev Each field is read as it was written, whatever its neighbors hold.
    function testFuzz_pack(uint40[2] memory times, uint32 seq, uint24 version, uint16[2] memory small, bytes32 digest)
        public
        view
    {
        Grant memory grant = _grant(small[0], uint8(1 + uint256(digest) % 7));
        (grant.notBefore, grant.expiry, grant.seq, grant.termsVersion) = (times[0], times[1], seq, version);
        uint8 flags = uint8(small[1]);
        grant.royaltyBps = small[1];
        GrantWord word = this.pack(grant, flags, digest);
        VM.assertEq(word.expiry(), grant.expiry);
        VM.assertEq(word.notBefore(), grant.notBefore);
        VM.assertEq(word.seq(), grant.seq);
        VM.assertEq(word.termsVersion(), grant.termsVersion);
        VM.assertEq(word.royaltyBps(), grant.royaltyBps);
        VM.assertEq(word.epoch(), grant.epoch);
        VM.assertEq(word.classes(), grant.classes);
        VM.assertTrue(word.isVoucher(grant.seq, digest));
        VM.assertFalse(word.isVoucher(grant.seq, digest ^ bytes32(uint256(1))));
        for (uint8 bit; bit < 8; ++bit) {
            VM.assertEq(word.has(uint8(1 << bit)), flags >> bit & 1 == 1);
        }
        VM.assertTrue(word.followed().has(GrantWords.FOLLOWED));
        VM.assertTrue(word.followed().isVoucher(grant.seq, digest));
    }

    function pack(Grant calldata grant, uint8 flags, bytes32 digest) external pure returns (GrantWord) {
        return GrantRules.pack(grant, flags, digest);
    }

    function _grant(uint16 epoch, uint8 classes) private pure returns (Grant memory grant) {
        (grant.expiry, grant.notBefore, grant.seq, grant.termsVersion) = (UNTIL, 1000, 9, 7);
        (grant.royaltyBps, grant.epoch, grant.classes) = (100, epoch, classes);
    }
}

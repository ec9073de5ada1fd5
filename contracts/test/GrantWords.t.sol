// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {GrantWord, GrantWords} from "../src/libraries/GrantWords.sol";
import {VM, bound} from "./support/Vm.sol";

contract GrantWordsTest {
    uint40 private constant UNTIL = 1005;

    /// @dev The one comparison says what the plain conditions say, around every one of their edges.
    function testFuzz_suffices(uint256 at, uint8 classes, uint8 class, uint16[2] memory epochs, bool edge, uint8 flags)
        public
    {
        VM.warp(bound(at, UNTIL - 2, UNTIL + 2));
        UseClass useClass = UseClass(class % 3);
        if (!edge) (epochs[0], epochs[1]) = (epochs[0] % 3, epochs[1] % 3);
        (classes, flags) = (classes % 8, flags % 4 == 0 ? flags : 0);
        GrantWord word =
            GrantWords.pack(UNTIL, 1000, 9, 7, 0, 100, epochs[0], classes, flags, keccak256(abi.encode(at)));
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
        VM.assertFalse(GrantWords.revoked(seq).suffices(useClass, epoch));
    }
}

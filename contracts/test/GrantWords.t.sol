// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {GrantWord, GrantWords} from "../src/libraries/GrantWords.sol";
import {VM, bound} from "./support/Vm.sol";

contract GrantWordsTest {
    uint40 private constant FROM = 1000;
    uint40 private constant UNTIL = 1005;

    /// @dev The one expression in assembly says what the plain conditions say, around every one of their edges.
    function testFuzz_suffices(
        uint256 at,
        uint8 classes,
        uint8 class,
        uint24[2] memory versions,
        uint16[2] memory epochs,
        uint8 flags
    ) public {
        VM.warp(bound(at, FROM - 2, UNTIL + 2));
        UseClass useClass = UseClass(class % 3);
        (versions[0], versions[1]) = (versions[0] % 3, 1 + versions[1] % 2);
        (epochs[0], epochs[1]) = (epochs[0] % 3, epochs[1] % 3);
        (classes, flags) = (classes % 8, flags % 4 == 0 ? flags : 0);
        GrantWord word =
            GrantWords.pack(UNTIL, FROM, 9, 7, versions[0], 100, epochs[0], classes, flags, keccak256(abi.encode(at)));
        bool inTime = block.timestamp >= FROM && block.timestamp <= UNTIL;
        bool forThis = word.permits(useClass) && (versions[0] == 0 || versions[0] == versions[1]);
        VM.assertEq(
            word.suffices(useClass, versions[1], epochs[1]), inTime && forThis && epochs[0] >= epochs[1] && flags == 0
        );
    }

    /// @dev No grant and a revoked one suffice for nothing, in any epoch.
    function testFuzz_suffices_notWithoutGrant(uint40 at, uint8 class, uint24 version, uint16 epoch, uint32 seq)
        public
    {
        VM.warp(at);
        UseClass useClass = UseClass(class % 3);
        VM.assertFalse(GrantWord.wrap(0).suffices(useClass, version, epoch));
        VM.assertFalse(GrantWords.revoked(seq).suffices(useClass, version, epoch));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {VM} from "./Vm.sol";

/// @notice Which functions that change the state of a contract nobody has called with success. The compiler lists the functions, and forge
/// the calls: whoever plays has no say in it.
abstract contract Reaching {
    struct Watched {
        address place;
        string[] unreached; // signatures
    }

    Watched[] private _watched;

    /// @dev Each function of that contract is to be called; `_watch` says where it stands.
    function _expectCalls(string memory contract_) internal {
        string memory json = VM.readFile(string.concat("out/", contract_, ".sol/", contract_, ".json"));
        string[] memory signatures = VM.parseJsonKeys(json, ".methodIdentifiers");
        Watched storage watched = _watched.push();
        for (uint256 i; i < signatures.length; ++i) {
            string memory found = string.concat(".abi[?(@.name=='", _nameIn(signatures[i]), "')].stateMutability");
            bytes32 kind = keccak256(bytes(VM.parseJsonString(json, found)));
            if (kind != keccak256("view") && kind != keccak256("pure")) watched.unreached.push(signatures[i]);
        }
        VM.assertTrue(watched.unreached.length > 0);
    }

    function _watch(uint256 index, address place) internal {
        _watched[index].place = place;
    }

    /// @dev Plays, and sees what is called, as long as something is missing.
    function _seen(address player, bytes memory play) internal {
        bool all = _unreached() == 0;
        if (!all) VM.startStateDiffRecording();
        (bool done,) = player.call(play);
        VM.assertTrue(done);
        if (!all) this.see();
    }

    /// @dev Each call is told as forge's `AccountAccess`: word 2 is of what kind it was (0: a plain call), 3 whose, 10 where its data is,
    /// 11 whether it was reverted. All of it would take longer to decode than to play. A call of its own, whose memory is gone afterwards.
    function see() external {
        (, bytes memory told) = address(VM).call(abi.encodeWithSignature("stopAndReturnStateDiff()"));
        uint256 many = _word(told, 0x20);
        for (uint256 i; i < many; ++i) {
            uint256 at = 0x40 + _word(told, 0x40 + 32 * i);
            if (_word(told, at + 0x40) != 0 || _word(told, at + 11 * 0x20) != 0) continue;
            uint256 data = at + _word(told, at + 10 * 0x20);
            _reach(address(uint160(_word(told, at + 3 * 0x20))), bytes4(bytes32(_word(told, data + 0x20))));
        }
    }

    function _assertAllReached() internal view {
        for (uint256 i; i < _watched.length; ++i) {
            if (_watched[i].unreached.length > 0) VM.assertEq(_watched[i].unreached[0], "called with success");
        }
    }

    function _reach(address place, bytes4 selector) private {
        for (uint256 i; i < _watched.length; ++i) {
            if (_watched[i].place != place) continue;
            string[] storage unreached = _watched[i].unreached;
            for (uint256 j = unreached.length; j > 0; --j) {
                if (bytes4(keccak256(bytes(unreached[j - 1]))) != selector) continue;
                unreached[j - 1] = unreached[unreached.length - 1];
                unreached.pop();
            }
        }
    }

    function _unreached() internal view returns (uint256 sum) {
        for (uint256 i; i < _watched.length; ++i) {
            sum += _watched[i].unreached.length;
        }
    }

    function _nameIn(string memory signature) private pure returns (string memory name) {
        uint256 length;
        while (bytes(signature)[length] != "(") ++length;
        name = string.concat(signature);
        assembly ("memory-safe") {
            mstore(name, length)
        }
    }

    function _word(bytes memory data, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), at))
        }
    }
}

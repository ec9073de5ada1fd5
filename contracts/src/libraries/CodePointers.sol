// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Which code runs where an account only points to code
/// @dev Knows the pointers that an account's own code tells in full: minimal clones (EIP-1167, and the two shorter ones that are
/// widespread) and accounts that are delegated (EIP-7702). A pointer counts only where it is the whole code, byte for byte. What is
/// kept in storage (ERC-1967, beacons, a Safe's singleton) no other contract can read.
library CodePointers {
    /// @dev Pointers to pointers are followed so far.
    uint256 private constant MAX_HOPS = 4;

    bytes32 private constant EMPTY = keccak256("");

    /// @notice The account whose code runs when `account` is called, and that code's hash. Zero hash: there is no code, so nothing
    /// runs. `known` is false where pointers go on for longer than anybody honest makes them.
    function follow(address account) internal view returns (address code, bytes32 codeHash, bool known) {
        code = account;
        for (uint256 i; i <= MAX_HOPS; ++i) {
            address next = _pointee(code);
            if (next == address(0)) {
                codeHash = code.codehash;
                return (code, codeHash == EMPTY ? bytes32(0) : codeHash, true);
            }
            code = next;
        }
    }

    /// @dev The account that an account's code points to; zero where the code is no pointer.
    function _pointee(address account) private view returns (address) {
        bytes memory code = account.code;
        if (code.length == 45) {
            return _between(code, hex"363d3d373d3d3d363d73", hex"5af43d82803e903d91602b57fd5bf3");
        }
        if (code.length == 44) {
            address next = _between(code, hex"365f5f375f5f365f73", hex"5af43d5f5f3e5f3d91602a57fd5bf3");
            return
                next != address(0) ? next : _between(code, hex"3d3d3d3d363d3d37363d73", hex"5af43d3d93803e602a57fd5bf3");
        }
        return code.length == 23 ? _between(code, hex"ef0100", "") : address(0);
    }

    function _between(bytes memory code, bytes memory head, bytes memory tail) private pure returns (address pointee) {
        uint256 at = head.length;
        assembly ("memory-safe") {
            pointee := shr(96, mload(add(add(code, 0x20), at)))
        }
        bool matches = keccak256(code) == keccak256(abi.encodePacked(head, pointee, tail));
        return matches ? pointee : address(0);
    }
}

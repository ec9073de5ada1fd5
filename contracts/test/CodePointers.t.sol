// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CodePointers} from "../src/libraries/CodePointers.sol";
import {VM, account} from "./support/Vm.sol";

contract CodePointersTest {
    address private immutable AT = account("pointer");
    address private immutable CODE = account("implementation");
    bytes private constant BODY = hex"6001600255";

    function setUp() public {
        VM.etch(CODE, BODY);
    }

    function test_follow_code() public view {
        _assertFollows(CODE, CODE, keccak256(BODY));
    }

    function test_follow_none() public view {
        _assertFollows(AT, AT, 0);
    }

    function test_follow_clones() public {
        VM.etch(AT, abi.encodePacked(hex"363d3d373d3d3d363d73", CODE, hex"5af43d82803e903d91602b57fd5bf3"));
        _assertFollows(AT, CODE, keccak256(BODY));
        VM.etch(AT, abi.encodePacked(hex"365f5f375f5f365f73", CODE, hex"5af43d5f5f3e5f3d91602a57fd5bf3"));
        _assertFollows(AT, CODE, keccak256(BODY));
        VM.etch(AT, abi.encodePacked(hex"3d3d3d3d363d3d37363d73", CODE, hex"5af43d3d93803e602a57fd5bf3"));
        _assertFollows(AT, CODE, keccak256(BODY));
    }

    /// @dev What differs from a clone in any byte is code of its own: it may do anything before it delegates.
    function testFuzz_follow_almostAClone(uint256 at, uint8 other, bool longer) public {
        bytes memory code = abi.encodePacked(hex"363d3d373d3d3d363d73", CODE, hex"5af43d82803e903d91602b57fd5bf3");
        at = at % 25;
        at = at < 10 ? at : at + 20;
        VM.assume(code[at] != bytes1(other) && !(at == 0 && other == 0xef)); // no code begins with 0xef
        code[at] = bytes1(other);
        if (longer) code = bytes.concat(code, hex"00");
        VM.etch(AT, code);
        _assertFollows(AT, AT, keccak256(code));
    }

    function test_follow_cloneOfAClone() public {
        VM.etch(AT, _clone(account("second")));
        VM.etch(account("second"), _clone(CODE));
        _assertFollows(AT, CODE, keccak256(BODY));
    }

    /// @dev An account that is delegated under EIP-7702: its own code is 23 bytes that run what they name.
    function test_follow_delegated() public {
        VM.etch(AT, abi.encodePacked(hex"ef0100", CODE));
        _assertFollows(AT, CODE, keccak256(BODY));
    }

    function test_follow_circle() public {
        VM.etch(AT, _clone(account("second")));
        VM.etch(account("second"), _clone(AT));
        (, bytes32 codeHash, bool known) = CodePointers.follow(AT);
        VM.assertFalse(known);
        VM.assertEq(codeHash, bytes32(0));
    }

    function test_follow_cloneOfNothing() public {
        VM.etch(AT, _clone(account("nobody")));
        _assertFollows(AT, account("nobody"), 0);
    }

    function _clone(address to) private pure returns (bytes memory) {
        return abi.encodePacked(hex"363d3d373d3d3d363d73", to, hex"5af43d82803e903d91602b57fd5bf3");
    }

    function _assertFollows(address from, address code, bytes32 codeHash) private view {
        (address gotCode, bytes32 gotHash, bool known) = CodePointers.follow(from);
        VM.assertEq(gotCode, code);
        VM.assertEq(gotHash, codeHash);
        VM.assertTrue(known);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPayments} from "../src/interfaces/IPayments.sol";
import {SignedDeposits} from "../src/periphery/SignedDeposits.sol";
import {Fixture} from "./support/Fixture.sol";
import {AuthorizedToken} from "./support/Tokens.sol";
import {VM} from "./support/Vm.sol";

contract SignedDepositsTest is Fixture {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 private constant KEY = 0xA5C;
    uint256 private constant AMOUNT = 1e6;

    AuthorizedToken private token;
    SignedDeposits private desk;
    address private owner;

    function setUp() public override {
        super.setUp();
        token = new AuthorizedToken();
        desk = new SignedDeposits(oracle);
        owner = VM.addr(KEY);
        token.mint(owner, 3 * AMOUNT);
    }

    function test_depositWithPermit() public {
        (uint8 v, bytes32 r, bytes32 s) = _permit(AMOUNT);
        VM.expectEmit(address(oracle));
        emit IPayments.Deposited(address(token), owner, AMOUNT);
        VM.prank(stranger);
        desk.depositWithPermit(address(token), owner, AMOUNT, START, v, r, s);
        _assertDeposited(AMOUNT);
        VM.expectRevert(abi.encodeWithSignature("TransferFromFailed()")); // once
        desk.depositWithPermit(address(token), owner, AMOUNT, START, v, r, s);
    }

    /// @dev Whoever sends the permit by itself first is not in the way of the deposit.
    function test_depositWithPermit_usedUpBySomebody() public {
        (uint8 v, bytes32 r, bytes32 s) = _permit(AMOUNT);
        token.permit(owner, address(desk), AMOUNT, START, v, r, s);
        desk.depositWithPermit(address(token), owner, AMOUNT, START, v, r, s);
        _assertDeposited(AMOUNT);
    }

    function test_depositWithPermit_reverts_otherAmount() public {
        (uint8 v, bytes32 r, bytes32 s) = _permit(AMOUNT);
        VM.expectRevert(abi.encodeWithSignature("TransferFromFailed()"));
        desk.depositWithPermit(address(token), owner, AMOUNT + 1, START, v, r, s);
        VM.warp(START + 1);
        VM.expectRevert(abi.encodeWithSignature("TransferFromFailed()"));
        desk.depositWithPermit(address(token), owner, AMOUNT, START, v, r, s);
    }

    function test_depositWithAuthorization() public {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(KEY, token.digestOf(owner, address(desk), AMOUNT, START + 1, "nonce"));
        VM.expectRevert(bytes("")); // this token says no more
        token.receiveWithAuthorization(owner, address(desk), AMOUNT, 0, START + 1, "nonce", v, r, s);
        VM.prank(stranger);
        desk.depositWithAuthorization(address(token), owner, AMOUNT, 0, START + 1, "nonce", v, r, s);
        _assertDeposited(AMOUNT);
        VM.expectRevert(bytes(""));
        desk.depositWithAuthorization(address(token), owner, AMOUNT, 0, START + 1, "nonce", v, r, s);
    }

    function _assertDeposited(uint256 amount) private view {
        VM.assertEq(oracle.deposits(address(token), owner), amount);
        VM.assertEq(token.balanceOf(address(oracle)), amount);
        VM.assertEq(token.balanceOf(address(desk)), 0);
        VM.assertEq(token.allowance(owner, address(desk)), 0);
    }

    function _permit(uint256 amount) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 hash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, address(desk), amount, token.nonces(owner), START));
        return VM.sign(KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), hash)));
    }
}
